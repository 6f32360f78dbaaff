"""Which panel feeds the sinks: `sinks.panel` in the settings file, changed in one step.

The file is the one place where that stands, so that who reads it knows. Everything else in it,
comments and order too, stays as it is. What was there before is kept beside, for the way back.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import MutableMapping
from dataclasses import asdict, dataclass
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError


class PromotionError(Exception):
    """The setting can't be changed. One line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """One change: from which panel to which, when (epoch milliseconds). `before` is None where the
    settings named none."""

    at_ms: int
    before: str | None
    after: str


def promote(file: Path, home: Path, panel: str, now_ms: int) -> Promotion:
    """Let a panel feed the sinks from now on.

    Args:
        file: the settings file.
        home: where the way back is kept.
        panel: must be one of the settings' panels.
        now_ms: when.

    Raises:
        PromotionError: the file can't be changed.
    """
    promotion = Promotion(now_ms, named(file), panel)
    # The way back first: a kill in between leaves a step that `rollback` finds untaken.
    past = history(home)
    _put(_path(home), _dump([*past, promotion]))
    _write(file, panel)
    return promotion


def rollback(file: Path, home: Path) -> Promotion:
    """Take the last promotion back and return it.

    Raises:
        PromotionError: there is none, the setting was changed by hand since, or the file can't be
            changed.
    """
    past = history(home)
    now = named(file)
    while past and past[-1].after != now and past[-1].before == now:
        past.pop()
    if not past:
        raise PromotionError("no panel was promoted here, so there is nothing to go back to")
    last = past[-1]
    if last.after != now:
        raise PromotionError(
            f"{file} names panel {now!r}, and the last one promoted was {last.after!r}: it was "
            "changed by hand since; `clawback panels promote NAME` says which one you want"
        )
    _write(file, last.before)
    _put(_path(home), _dump(past[:-1]))
    return last


def history(home: Path) -> list[Promotion]:
    """Return the promotions that can be taken back, the oldest first."""
    try:
        values = json.loads(_path(home).read_text(encoding="utf-8"))
        return [Promotion(**each) for each in values]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise PromotionError(f"{_path(home)} can't be read ({error}); move it away") from None


def named(file: Path) -> str | None:
    """Return the panel that a settings file names for the sinks, or None if it names none.

    Raises:
        PromotionError: the file can't be read.
    """
    sinks = _read(file).get("sinks")
    value = sinks.get("panel") if isinstance(sinks, MutableMapping) else None
    return None if value is None else str(value)


def _write(file: Path, panel: str | None) -> None:
    document = _read(file)
    sinks = document.get("sinks")
    if not isinstance(sinks, MutableMapping):
        if sinks is not None:
            raise PromotionError(f"{file}: sinks is no [sinks] table; set sinks.panel by hand")
        sinks = tomlkit.table()
        document.add(tomlkit.nl())
        document.add("sinks", sinks)
    if panel is None:
        del sinks["panel"]
    else:
        sinks["panel"] = panel
    _put(file.resolve(), tomlkit.dumps(document))


def _read(file: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise PromotionError(f"{file} can't be read: {error}") from None


def _put(path: Path, text: str) -> None:
    """Replace a file in one step, durably, with the rights it had."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as temporary:
                temporary.write(text)
                temporary.flush()
                os.fsync(temporary.fileno())
            os.chmod(name, mode)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise PromotionError(f"{path} can't be written: {error.strerror or error}") from None


def _dump(promotions: list[Promotion]) -> str:
    return json.dumps([asdict(each) for each in promotions], indent=1) + "\n"


def _path(home: Path) -> Path:
    return home / "promotions.json"
