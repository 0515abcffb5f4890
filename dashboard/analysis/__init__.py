"""What was heard, counted: frame → frame with pandas. May import humanize."""
