"""The command `import`: what of an export is new, landing it, undoing it. May import cli, `reading` and `repair`."""
