"""The disk fills, under the log, the tables and the files in turn: it is said, and it goes on."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.faults.conftest import World
from tests.faults.disk import small_disk
from tests.faults.line import Line


def test_full_disks_are_named_and_nothing_is_lost(tmp_path: Path, world: World) -> None:
    with ExitStack() as stack:
        line = Line(tmp_path, alone=False)
        disks = {
            # First, as later on it writes into space that it has had before.
            "log": stack.enter_context(small_disk(line.home / "log", 64)),
            "tables": stack.enter_context(small_disk(line.home / "tables", 64)),
            "output": stack.enter_context(small_disk(line.output, 16)),
        }
        stack.enter_context(line)
        line.until_ready()
        for number, (place, disk) in enumerate(disks.items(), 1):
            world.write(line, number / 4 - 0.1)
            disk.fill()
            world.write(line, number / 4)
            line.until(lambda: complaints(line, place), f"a full disk under {place} is named")  # noqa: B023
            disk.free()
            seen = len(line.verdicts())
            world.write(line, number / 4 + 0.05)
            line.until(lambda: len(line.verdicts()) > seen, "verdicts come again")  # noqa: B023
        world.write(line)
        world.check(line)


def complaints(line: Line, place: str) -> list[str]:
    """Return what was said about a disk without space, by whoever writes to `place`."""
    return [
        each
        for each in line.story(1000).splitlines()
        if "no space left" in each.lower() and f"/{place}/" in each
    ]
