"""One module or folder per command, each with HELP, add_options and run. May import everything of cli but __main__."""
