"""What two looks say together, and what the machine says of processes and disks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streams.status.checks.machine import clock, file_system, home
from streams.status.checks.sessions import watches
from streams.status.flow import StageProgress
from streams.status.shapes import duration
from streams.status.snapshot import Look, cpu, rates
from streams.status.usage import Usage, parse_ps, usage


def look(at: float, committed: int, lag: int, seconds: float = 0.0) -> Look:
    stage = StageProgress("extract", "c.extract", ("entries",), committed, lag)
    return Look(at, 1, None, {7: Usage(1000, seconds)}, [], [stage])


def test_rate_and_time_left() -> None:
    found = rates(look(10, 100, 500), look(12, 200, 400))["extract"]
    assert (found.per_second, found.eta) == (50, 8)


def test_a_stage_that_stands_has_no_time_left() -> None:
    found = rates(look(10, 100, 500), look(12, 100, 500))["extract"]
    assert (found.per_second, found.eta) == (0, None)


def test_a_replay_is_no_negative_rate() -> None:
    assert rates(look(10, 100, 0), look(12, 0, 100))["extract"].per_second == 0


def test_processor_share_is_of_one_core() -> None:
    assert cpu(look(10, 0, 0, 1.0), look(12, 0, 0, 1.5), 7) == 25
    assert cpu(look(10, 0, 0), look(12, 0, 0), 8) is None


def test_our_own_usage_and_that_of_nobody() -> None:
    found = usage([os.getpid(), 2**22 + 1])
    assert set(found) == {os.getpid()}
    assert found[os.getpid()].resident > 1_000_000


def test_ps_of_linux_and_macos_is_read() -> None:
    found = parse_ps("  12  2048 00:01:02\n 13 4096   3:04.50\n14 1 2-01:00:00\n15 1 -\n")
    assert found[12] == Usage(2048 * 1024, 62)
    assert found[13] == Usage(4096 * 1024, 184.5)
    assert found[14].cpu_seconds == 49 * 3600
    assert 15 not in found


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3, "3 s"), (89, "89 s"), (200, "3 min"), (7500, "2 h 5 min"), (400_000, "4 d 15 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_network_disk_is_no_home(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\n")
    assert file_system(Path("/"), mounts) == "ext4"
    assert file_system(tmp_path / "deep", mounts) == "nfs4"
    [finding] = home("paths.home", tmp_path / "deep", mounts)
    assert finding.level == "problem"
    assert "nfs4" in finding.message
    [finding] = home("paths.output", tmp_path, mounts)
    assert finding.level == "warning"


def test_a_clock_of_long_ago_is_a_problem() -> None:
    assert [each.level for each in clock("Europe/Berlin", 0.0)] == ["problem", "ok"]
    assert [each.level for each in clock("")] == ["ok"]


def test_few_watches_are_a_warning(tmp_path: Path) -> None:
    (tmp_path / "max_user_watches").write_text("64\n")
    (tmp_path / "max_user_instances").write_text("128\n")
    [finding] = watches([tmp_path], tmp_path / "max_user_watches")
    assert finding.level == "warning"
    assert "sysctl" in finding.advice
    assert list(watches([tmp_path], tmp_path / "none")) == []
