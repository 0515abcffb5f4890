"""How the runs went, read from the ledger with pandas. May import humanize."""
