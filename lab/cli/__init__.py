"""The command line: the same requests as the pages, headless. See `lab.cli.main` for the table of commands."""

from lab.cli.main import main

__all__ = ["main"]
