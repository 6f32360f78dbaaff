"""What a command says when it can't go on."""

from __future__ import annotations

from typing import IO, Any

import click

from streams.cli.exits import FAILED


class CommandError(click.ClickException):
    """What failed, where, and what to do, in one line; and the exit code that goes with it."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = code

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it."""
        click.echo(f"clawback: {self.format_message()}", err=file is None, file=file)
