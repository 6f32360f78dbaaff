"""Changing which panel feeds the sinks: in one step, leaving the file alone, and back again."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from streams.panels.promotion import PromotionError, history, named, promote, rollback

TEXT = """\
# the owner's own words
[[panels]]
name = "a"          # first
judges = ["x"]

[sinks]
flush = "2s"        # slow disk
panel = "a"         # feeds pairs

[pairs]
chosen = 8
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clawback.toml"
    path.write_text(TEXT)
    path.chmod(0o640)
    return path


def test_only_the_one_value_changes(file: Path, tmp_path: Path) -> None:
    done = promote(file, tmp_path / "home", "b", 5)
    assert (done.before, done.after) == ("a", "b")
    assert file.read_text() == TEXT.replace('panel = "a"', 'panel = "b"')
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_every_step_can_be_taken_back(file: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for at, panel in enumerate("bc"):
        promote(file, home, panel, at)
    assert rollback(file, home).after == "c"
    assert named(file) == "b"
    assert rollback(file, home).after == "b"
    assert file.read_text() == TEXT
    with pytest.raises(PromotionError, match="nothing to go back to"):
        rollback(file, home)


@pytest.mark.parametrize(
    "text",
    ["", "[paths]\nhome = '~/x'\n", "[sinks]\nflush = '1s'\n", "sinks.flush = '1s'\n"],
)
def test_a_file_that_names_none_gets_one_and_loses_it(text: str, tmp_path: Path) -> None:
    file = tmp_path / "clawback.toml"
    file.write_text(text)
    before = tomllib.loads(text)
    promote(file, tmp_path, "b", 0)
    after = tomllib.loads(file.read_text())
    assert after["sinks"]["panel"] == "b"
    assert {**after, "sinks": {**after["sinks"], "panel": ""}} == {
        **before,
        "sinks": {**before.get("sinks", {}), "panel": ""},
    }
    rollback(file, tmp_path)
    assert named(file) is None


def test_a_step_that_was_written_down_and_never_taken_is_passed_over(
    file: Path, tmp_path: Path
) -> None:
    promote(file, tmp_path, "b", 0)
    promote(file, tmp_path, "c", 1)
    # As a kill between the two files leaves it.
    file.write_text(TEXT.replace('panel = "a"', 'panel = "b"'))
    assert len(history(tmp_path)) == 2
    assert rollback(file, tmp_path).after == "b"
    assert named(file) == "a"


def test_what_was_changed_by_hand_is_not_overwritten(file: Path, tmp_path: Path) -> None:
    promote(file, tmp_path, "b", 0)
    file.write_text(TEXT.replace('panel = "a"', 'panel = "z"'))
    with pytest.raises(PromotionError, match="changed by hand"):
        rollback(file, tmp_path)
    assert named(file) == "z"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text(TEXT)
    link = tmp_path / "clawback.toml"
    link.symlink_to("real.toml")
    promote(link, tmp_path, "b", 0)
    assert link.is_symlink()
    assert named(tmp_path / "real.toml") == "b"


def test_what_can_not_be_changed_is_told(tmp_path: Path) -> None:
    with pytest.raises(PromotionError, match="can't be read"):
        promote(tmp_path / "none.toml", tmp_path, "b", 0)
    broken = tmp_path / "clawback.toml"
    broken.write_text("[sinks\n")
    with pytest.raises(PromotionError, match="can't be read"):
        promote(broken, tmp_path, "b", 0)
