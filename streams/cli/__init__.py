"""The command line: `clawback`. One module a command; each is imported when it is called."""

from __future__ import annotations


def main() -> None:
    """Run `clawback` with the process's arguments, and exit."""
    from streams.cli.app import cli

    cli.main(prog_name="clawback")
