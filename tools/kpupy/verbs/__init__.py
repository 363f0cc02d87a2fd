"""The verbs of the command line: each module registers its own and only formats what the library returns."""
