"""The files of an export as plays, in every form that people have them. Calls no service.

May import cli.console and localcloud.terminal.
"""
