"""Cloud Storage: its JSON API, objects with their rules, and files on disk. May import gcp.state, web and clock."""
