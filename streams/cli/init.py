"""`clawback init`: write a settings file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.errors import CommandError

if TYPE_CHECKING:
    from streams.cli.app import Options


@click.command()
@click.option(
    "--path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write it. Default: --config, $CLAWBACK_CONFIG, ~/.clawback/clawback.toml.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.pass_obj
def command(options: Options, path: Path | None, force: bool) -> None:
    """Write a settings file with every default explained.

    Asks nothing. Looks for OpenClaw's state directory and says what it found.

    \b
    Example:
      clawback init --path ./clawback.toml
    """
    from streams.settings.find import CONFIG, NAME, home_file
    from streams.settings.openclaw import DEFAULT, describe, state_directories
    from streams.settings.template import render

    named = os.environ.get(CONFIG)
    target = path or options.config or (Path(named) if named else home_file())
    target = target.expanduser().absolute()
    found = state_directories()
    usual = found == [DEFAULT.expanduser()] or not found
    _write(target, render([] if usual else found), force=force)
    click.echo(f"wrote {target}")
    if not found:
        click.echo(
            "found no OpenClaw on this machine (~/.openclaw is not there); when its files are "
            "elsewhere, set openclaw in [paths]"
        )
    for directory in found:
        click.echo(f"found OpenClaw at {describe(directory)}")
    here = Path(NAME).absolute()
    if target == home_file() and here.is_file():
        click.echo(f"note: in this directory {here} is read instead", err=True)
    click.echo("next: `clawback doctor`, then `clawback run`")


def _write(target: Path, text: str, *, force: bool) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # "x" so that a file that appears meanwhile is not overwritten either.
        with target.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise CommandError(
            f"{target} is there already; --force replaces it, --path writes elsewhere"
        ) from None
    except OSError as error:
        raise CommandError(f"{target} can't be written: {error.strerror}") from None
