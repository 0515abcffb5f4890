"""Plays into figures: frame → frame with pandas, without Streamlit. May import humanize."""
