"""Files that a kill may tear anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.gate.lines import LineFile, read_lines
from trainer.gate.records import PairLogs

LINES = [PairLogs(id=str(at), chosen=-at, rejected=-2.0 * at) for at in range(3)]


def test_what_was_added_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lines.jsonl"
    assert read_lines(path, PairLogs) == []
    for part in (LINES[:1], LINES[1:]):
        with LineFile(path, PairLogs) as file:
            file.add(*part)
    assert read_lines(path, PairLogs) == LINES


@pytest.mark.parametrize("torn", range(1, 40, 6))
def test_a_torn_line_is_cut_away(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "lines.jsonl"
    with LineFile(path, PairLogs) as file:
        file.add(*LINES)
    path.write_bytes(path.read_bytes()[:-torn])
    left = LINES[:2]
    assert read_lines(path, PairLogs) == left
    with LineFile(path, PairLogs) as file:
        file.add(LINES[2])
    assert read_lines(path, PairLogs) == LINES


def test_a_line_of_something_else_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"id": "a"}\n' + LINES[0].model_dump_json() + "\n")
    assert read_lines(path, PairLogs) == LINES[:1]


def test_nothing_is_added_to_a_closed_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not open"):
        LineFile(tmp_path / "lines.jsonl", PairLogs).add(LINES[0])
