"""What the commands about pairs have in common."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streams.cli.common import find_settings, read_settings
from streams.cli.errors import CommandError

if TYPE_CHECKING:
    from schemas.settings import Settings
    from streams.broker import Broker
    from streams.cli.app import Options
    from streams.pairs.crew import Crew
    from streams.pairs.gather import Gathered


_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_BARRED: Final = (errno.EROFS, errno.EACCES, errno.EPERM)


def settings_of(options: Options) -> Settings:
    """Return the settings, with the judges that count."""
    return read_settings(find_settings(options.config))


@contextmanager
def told(*places: Path) -> Iterator[None]:
    """Tell in one line what can't be read or written.

    Args:
        places: where the command writes, named where the error itself names no file.
    """
    from sinks.dataset.whole import DamagedSnapshot
    from streams.flow import BrokerError
    from streams.pairs.crew import CrewError
    from streams.pairs.file import PairsError
    from streams.table import TableError

    try:
        yield
    except BrokenPipeError:
        # The reader of what is printed has seen enough, which is no failure (`streams.cli.app`).
        raise
    except OSError as error:
        raise CommandError(_line(error, places)) from error
    except (BrokerError, CrewError, DamagedSnapshot, PairsError, TableError) as error:
        raise CommandError(str(error)) from error


def _line(error: OSError, places: tuple[Path, ...]) -> str:
    """Say of an error of the disk where it was, why, and what to do."""
    if isinstance(error.filename, str | bytes):
        path = Path(os.fsdecode(error.filename)).absolute()
        # What begins with a dot is ours and nobody knows it; its folder is what matters.
        where = str(path.parent if path.name.startswith(".") else path)
    else:
        where = " or ".join(str(place.absolute()) for place in places) or "a file"
    if error.errno in _FULL:
        hint = "make room there, or name another place (paths.home, paths.output, --out)"
    elif error.errno in _BARRED:
        hint = "see to its rights, or name another place (paths.home, paths.output, --out)"
    else:
        hint = "see that its disk is there and well, then run it again"
    return (
        f"can't read or write {where}: {os.strerror(error.errno) if error.errno else error}; {hint}"
    )


@contextmanager
def opened(settings: Settings) -> Iterator[Broker]:
    """Open the broker, with its topics there."""
    from streams.broker import open_broker

    broker = open_broker(settings)
    try:
        broker.ensure_topics()
        yield broker
    finally:
        broker.close()


@contextmanager
def gathered(
    settings: Settings, broker: Broker, processes: int | None = None
) -> Iterator[tuple[Gathered, Crew]]:
    """Read all records that pairs are made of into a folder of their own."""
    from streams.pairs.crew import Crew
    from streams.pairs.gather import gather
    from streams.pairs.scratch import scratch
    from streams.stages.sinks import panel_label

    with scratch(settings) as place, Crew(processes) as crew:
        yield gather(broker, settings, panel_label(settings), place, crew), crew
