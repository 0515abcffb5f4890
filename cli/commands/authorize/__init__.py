"""The command `authorize`: consent in a browser, codes for tokens, the app's secret.

May import cli, but no other command.
"""
