"""What several commands need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.errors import CommandError
from streams.cli.exits import USAGE
from streams.settings.find import MissingFile, find

if TYPE_CHECKING:
    from schemas.settings import Settings


def find_settings(explicit: Path | None) -> Path | None:
    """Return the settings file.

    Raises:
        CommandError: one was named and is not there.
    """
    try:
        return find(explicit)
    except MissingFile as error:
        raise CommandError(str(error), USAGE) from None


def read_settings(file: Path | None) -> Settings:
    """Return the settings, or print all mistakes in them and exit."""
    from streams.settings.load import load
    from streams.settings.mistakes import SettingsError

    try:
        return load(file)
    except SettingsError as error:
        for mistake in error.mistakes:
            click.echo(f"{mistake}\n", err=True)
        count = len(error.mistakes)
        raise CommandError(
            f"{count} mistake{'s' if count > 1 else ''} in the settings; nothing was started", USAGE
        ) from None


def model_judges(settings: Settings) -> list[str]:
    """Return the language models that judge, as people know them."""
    return [f"{judge.name} ({judge.model})" for judge in settings.judges if judge.kind != "signals"]
