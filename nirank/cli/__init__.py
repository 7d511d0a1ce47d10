"""The command line: thin, made from the values of the other packages."""
