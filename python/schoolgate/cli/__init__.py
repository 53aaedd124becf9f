"""The command line: arguments (typer) and, in `commands/`, what each command does and prints."""
