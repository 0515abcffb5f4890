"""One module or folder per command, each with HELP, run, and add_options where it has some.

May import everything of cli but __main__.
"""
