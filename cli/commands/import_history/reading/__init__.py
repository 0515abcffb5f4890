"""The files of an export as plays, in every form that people have them. Calls no service.

May import cli.console, localcloud.terminal, and the table `plays` from ingest.
"""
