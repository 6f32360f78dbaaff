"""Panels as commands name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.cli.errors import CommandError
from streams.cli.exits import USAGE

if TYPE_CHECKING:
    from agents.ensemble import Edition
    from schemas.settings import Settings


def find_edition(settings: Settings, name: str) -> Edition:
    """Return what a panel of the settings is at present.

    Raises:
        CommandError: there is no such panel.
    """
    from agents.ensemble import edition

    for panel in settings.all_panels:
        if panel.name == name:
            return edition(panel, settings.judges)
    names = ", ".join(panel.name for panel in settings.all_panels)
    raise CommandError(
        f"no panel is called {name!r}; there are: {names}. A new one is a [[panels]] table in the "
        "settings",
        USAGE,
    )


def fed_by(settings: Settings) -> Edition:
    """Return the panel that feeds the sinks."""
    return find_edition(settings, settings.sinks.panel)
