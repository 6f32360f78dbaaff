"""The environment variables that are settings."""

from __future__ import annotations

import re
from collections.abc import Mapping

from streams.settings.find import CONFIG
from streams.settings.mistakes import closest
from streams.settings.positions import KeyPath
from streams.settings.shape import field_at, is_table, tables

PREFIX = "CLAWBACK_"
LEASH = "CLAWBACK_LEASH"
_KEY = ("CLAWBACK_JUDGE_", "_API_KEY")


def variable(path: KeyPath) -> str:
    """Return the variable that sets `path`: ``CLAWBACK_TAIL__QUIET``."""
    return PREFIX + "__".join(str(part) for part in path).upper()


def key_variable(judge: str) -> str:
    """Return the variable that holds the API key of a judge: ``CLAWBACK_JUDGE_SPARK_1_API_KEY``."""
    return re.sub(r"\W", "_", judge.upper()).join(_KEY)


def variable_of(path: KeyPath, environ: Mapping[str, str]) -> str | None:
    """Return the variable of `environ` that sets `path` or a table around it, as it is written."""
    for length in range(len(path), 0, -1):
        wanted = variable(path[:length])
        for name in environ:
            if name.upper() == wanted:
                return name
    return None


def unknown(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the variables that look like settings and are none, each with what may be meant."""
    found = []
    for name in sorted(environ):
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper in (CONFIG, LEASH):
            continue
        if upper.startswith(_KEY[0]) and upper.endswith(_KEY[1]):
            continue
        setting = upper.removeprefix(PREFIX).lower()
        if field_at(tuple(setting.split("__"))) is None:
            settings = [each.removeprefix(PREFIX).lower() for each in known()]
            near = closest(setting, settings)
            found.append((name, PREFIX + near.upper() if near else ""))
    return found


def known() -> list[str]:
    """Return every variable that sets one setting."""
    return [
        variable((*path, name))
        for path, model in tables()
        for name, field in model.model_fields.items()
        if not is_table(field)
    ]
