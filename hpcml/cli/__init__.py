"""The command line: options, one command call, lines of text, an exit code. click is used here alone."""
