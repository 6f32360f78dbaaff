"""The disk fills, under the log, the tables and the files in turn: it is said, and it goes on."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.conftest import World
from tests.faults.disk import Disk, small_disk
from tests.faults.line import Line
from tests.support.kafka import KafkaProcess


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
        fill_in_turn(line, world, disks)


@pytest.mark.slow
def test_on_kafka_those_of_the_lines_own_files(
    tmp_path: Path, world: World, kafka: KafkaProcess
) -> None:
    with ExitStack() as stack:
        line = Line(tmp_path, alone=False, kafka=kafka)
        disks = {
            "tail": stack.enter_context(small_disk(line.home / "tail", 8)),
            "tables": stack.enter_context(small_disk(line.home / "tables", 64)),
            "output": stack.enter_context(small_disk(line.output, 16)),
        }
        stack.enter_context(line)
        fill_in_turn(line, world, disks)


def fill_in_turn(line: Line, world: World, disks: dict[str, Disk]) -> None:
    """Fill each disk while there is work and free it again; the end is to be as without."""
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
        if ("no space left" in each.lower() or "disk is full" in each) and f"/{place}/" in each
    ]
