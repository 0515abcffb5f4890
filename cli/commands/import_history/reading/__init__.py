"""The files of an export as plays, in every form that people have them. May import cli.console; calls no service."""
