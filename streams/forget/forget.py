"""Forgetting, from the list that keeps it forgotten to the last file.

In this order, so that a kill at any point leaves nothing that could come back: first the list is
written, then the topics, then the tables that were computed from them go (stages build them anew
from the topics), then the files. From the first topic to the last file a journal says what goes:
what was cut off is finished by the next forgetting, and no stage starts before.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from schemas.settings import Settings
from sinks.dataset.unfinished import unfinished
from streams.forget.files import holding, remove_tree, rewrite_files, snapshots
from streams.forget.find import Found, find, has_session
from streams.forget.forgotten import Forgetting, read, write
from streams.forget.home import read_key
from streams.forget.keeper import Keeper
from streams.forget.records import Records
from streams.forget.target import Target
from streams.forget.trained import Seen, trained_on


@dataclass(frozen=True, slots=True)
class Forgot:
    """What was forgotten, or would be.

    `records` counts by topic; `files` the lines of each file below the output directory;
    `snapshots` are data sets that were made before and are not changed, `unfinished` what killed
    makers have left of others, which goes whatever it holds; `trained` the runs that
    have seen it, or may have. `left` are files that still have the text among their bytes, such as
    snapshots; it is looked for where a text was forgotten, and not a session or an expression.
    """

    target: Target
    found: Found
    records: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    snapshots: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    trained: list[Seen] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def make_target(home: Path, records: Records, given: str, *, regex: bool = False) -> Target:
    """Return what is meant: a session if there are, or were, lines of one of this id, else a text.

    Raises:
        BadPattern: the pattern can't be used.
        LogError, BrokerError, PrivacyError: it can't be told.
    """
    if regex:
        return Target("regex", given)
    known = read(home, read_key(home)).has_session(given) or has_session(records, given)
    return Target("session" if known else "text", given)


def forget(settings: Settings, keeper: Keeper, target: Target, *, dry: bool = False) -> Forgot:
    """Forget a target; only look with `dry`. Nobody else may be at work (`alone`).

    Raises:
        LogError, BrokerError, InUse, PrivacyError, SinkError, ChangedMeanwhileError: it could not
            be done to the end; doing it again goes on.
    """
    home = settings.paths.home
    key = read_key(home)
    forgotten = read(home, key)
    found = find(keeper.records, target, forgotten)
    if not dry:
        is_session = target.kind == "session"
        write(
            home,
            Forgetting(
                at_ms=int(time.time() * 1000),
                session=target.given if is_session else "",
                pattern="" if is_session else forgotten.digest(target.given.encode()),
                lines=(*found.lines, *found.definitions),
            ),
        )
        keeper.remove(target, found, [f"{settings.broker.prefix}.pairs"])
    return _clear(settings, keeper, target, found, dry=dry)


def finish(settings: Settings, keeper: Keeper) -> Forgot | None:
    """Finish a forgetting that was cut off, if one was. Nobody else may be at work (`alone`).

    Raises:
        as `forget`.
    """
    cut_off = keeper.unfinished()
    if cut_off is None:
        return None
    keeper.finish()
    return _clear(settings, keeper, cut_off.target, cut_off.found)


def _clear(
    settings: Settings, keeper: Keeper, target: Target, found: Found, *, dry: bool = False
) -> Forgot:
    """Take what has gone from the topics out of everything else, and say what is left.

    Raises:
        LogError, BrokerError, SinkError, ChangedMeanwhileError: it could not be done to the end.
    """
    home, output = settings.paths.home, settings.paths.output
    trained = trained_on(keeper.records, output / "snapshots", target, found)
    left_behind = unfinished(output)
    if not dry:
        for tables in _tables(home):
            remove_tree(tables)
        for folder in left_behind:
            remove_tree(folder)
    files = rewrite_files(output, target, found, dry=dry)
    if not dry:
        keeper.finished()
    look = target.kind == "text" and not dry
    left = holding([home, output], target.given) if look else []
    return Forgot(
        target,
        found,
        dict(sorted(found.topics.items())),
        {str(path): count for path, count in files.items()},
        [str(path) for path in snapshots(output)],
        [str(path) for path in left_behind],
        trained,
        [str(path) for path in left],
    )


def _tables(home: Path) -> list[Path]:
    """Return the directories of the stages' tables, those of lineages too."""
    return [path for path in (home / "tables", *home.glob("lineages/*/tables")) if path.is_dir()]
