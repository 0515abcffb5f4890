"""Cloud Storage: its JSON API, its rules, and objects as files on disk. May import gcp.state, web and clock."""
