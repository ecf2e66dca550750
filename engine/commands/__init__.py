"""The verbs of `cutaway`, one file each: HELP, configure(parser) and run(arguments) -> exit code."""
