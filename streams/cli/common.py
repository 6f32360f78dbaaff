"""What several commands need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.errors import CommandError
from streams.cli.exits import USAGE
from streams.settings.find import MissingFile, find

if TYPE_CHECKING:
    from schemas.settings import Judge, Settings


def find_settings(explicit: Path | None) -> Path | None:
    """Return the settings file.

    Raises:
        CommandError: one was named and is not there.
    """
    try:
        return find(explicit)
    except MissingFile as error:
        raise CommandError(str(error), USAGE) from None


def read_settings(file: Path | None, *, as_written: bool = False) -> Settings:
    """Return the settings, or print all mistakes in them and exit.

    Panels have only those judges that count, see `streams.trust`, unless `as_written`.
    """
    from streams.settings.load import load
    from streams.settings.mistakes import SettingsError

    try:
        settings = load(file)
        return settings if as_written else trusted_settings(settings)
    except SettingsError as error:
        for mistake in error.mistakes:
            click.echo(f"{mistake}\n", err=True)
        count = len(error.mistakes)
        raise CommandError(
            f"{count} mistake{'s' if count > 1 else ''} in the settings; nothing was started", USAGE
        ) from None


def trusted_settings(settings: Settings) -> Settings:
    """Return the settings with panels of judges that count.

    Raises:
        CommandError: what they are judged by can't be read.
    """
    from streams.trust import Unreadable, trusted

    try:
        return trusted(settings)
    except Unreadable as error:
        raise CommandError(str(error)) from None


def see_whole(settings: Settings) -> None:
    """See that no forgetting was cut off.

    Raises:
        CommandError: one was.
    """
    from streams.forget.home import journal_path

    if journal_path(settings.paths.home).exists():
        raise CommandError(
            "a forgetting was cut off, and topics, tables or files may still have what was to go; "
            "finish it first: "
            "`clawback forget --resume`"
        )


def named_judges(settings: Settings, names: Sequence[str]) -> list[Judge]:
    """Return the judges of these names, or all where none is given.

    Raises:
        CommandError: there is none of a name.
    """
    known = {judge.name: judge for judge in settings.judges}
    for name in names:
        if name not in known:
            there = ", ".join(known)
            raise CommandError(f"no judge is called {name!r}; there are: {there}", USAGE)
    return [known[name] for name in dict.fromkeys(names or known)]


def model_judges(settings: Settings) -> list[str]:
    """Return the language models that judge, as people know them."""
    return [f"{judge.name} ({judge.model})" for judge in settings.judges if judge.kind != "signals"]
