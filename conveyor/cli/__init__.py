"""The command line, in the extra ``cli``: one module a group of commands, thin over the library."""
