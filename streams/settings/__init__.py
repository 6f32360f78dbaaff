"""The settings file: found, read, checked; and written in the first place.

``from streams.settings import load``. Nothing here keeps state: two calls read the file twice.
"""

from __future__ import annotations

from streams.settings.find import CONFIG, MissingFile, find
from streams.settings.load import load
from streams.settings.mistakes import Mistake, SettingsError

__all__ = ["CONFIG", "MissingFile", "Mistake", "SettingsError", "find", "load"]
