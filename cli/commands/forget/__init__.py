"""The command `forget`: takes a listener out of buckets, tables and ledger. May import cli, but no other command."""
