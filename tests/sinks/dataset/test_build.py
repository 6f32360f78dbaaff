"""A snapshot as those who train on it see it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import DatasetDict, load_dataset

from schemas.settings import Pairs
from schemas.tool import ToolDefinition, ToolOffer
from sinks.dataset.build import Snapshot
from sinks.dataset.whole import DamagedSnapshot
from tests.sinks.conftest import START_MS
from tests.sinks.dataset.conftest import ARGUMENTS

Built = Callable[..., Snapshot]


def loaded(snapshot: Snapshot, name: str, cache: Path) -> DatasetDict:
    return load_dataset(str(snapshot.path), name, cache_dir=str(cache))


def files(path: Path) -> dict[str, bytes]:
    return {
        str(each.relative_to(path)): each.read_bytes()
        for each in path.rglob("*")
        if each.is_file() and each.name != "lineage.json"
    }


def calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [call["function"] for call in message.get("tool_calls") or ()]


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_gives_the_same_bytes(built: Built, seed: int) -> None:
    one, other = built(0, out="one"), built(seed, out="other")
    assert one.fingerprint == other.fingerprint
    assert files(one.path) == files(other.path)


def test_the_same_again_is_not_written_again(built: Built) -> None:
    first = built()
    lineage = (first.path / "lineage.json").read_bytes()
    again = built(5)
    assert (again.path, again.existed, first.existed) == (first.path, True, False)
    assert (first.path / "lineage.json").read_bytes() == lineage
    assert [each.name for each in first.path.parent.iterdir()] == [first.fingerprint]


def test_files_are_private_and_read_only(built: Built) -> None:
    for each in built().path.rglob("*"):
        assert each.is_dir() or each.stat().st_mode & 0o777 == 0o400


def test_it_loads_and_arguments_survive_exactly(built: Built, tmp_path: Path) -> None:
    pairs = loaded(built(), "pairs", tmp_path / "cache")
    found = []
    for rows in pairs.values():
        for row in rows:
            for side in ("chosen", "rejected"):
                (message,) = row[side]
                assert message["role"] == "assistant"
                assert None not in message.values()
                found += [call["arguments"] for call in calls(message)]
            assert {m["role"] for m in row["prompt"]} <= {"user", "assistant", "tool"}
    texts = {json.dumps(each, sort_keys=True) for each in found}
    assert texts == {json.dumps(each, sort_keys=True) for each in ARGUMENTS}


def test_rows_have_what_dpo_and_kto_trainers_want(built: Built, tmp_path: Path) -> None:
    snapshot = built(rules=Pairs(eval_share=0.2, test_share=0.2, per_side=1, min_margin=8))
    unpaired = loaded(snapshot, "unpaired", tmp_path / "cache")
    labels = set()
    for rows in unpaired.values():
        for row in rows:
            assert isinstance(row["label"], bool)
            labels.add(row["label"])
            assert [m["role"] for m in row["completion"]] == ["assistant"]
            assert row["prompt"][-1]["role"] in ("user", "tool")
            for tool in row["tools"]:
                assert tool["type"] == "function"
                assert tool["function"]["parameters"]["type"] == "object"
            assert row["tools_source"] == "inferred"
    assert labels == {True, False}


READ = ToolDefinition.of(
    "main", "read", "Reads a file.", {"properties": {"path": {"type": "string"}}}, ()
)
EXEC = ToolDefinition.of(
    "main", "exec", "Runs a command.", {"type": "object"}, (("properties",),)
)  # fmt: skip


def offers(count: int) -> list[ToolDefinition | ToolOffer]:
    """Of the first sessions: to the even ones of `read` alone, to the odd ones of both tools."""
    found: list[ToolDefinition | ToolOffer] = [READ, EXEC]
    for n in range(count):
        tools = (READ.id, EXEC.id) if n % 2 else (READ.id,)
        found.append(ToolOffer.of("main", f"s{n}", START_MS + n, tools))
    return found


def test_rows_have_the_tools_that_were_offered(built: Built, tmp_path: Path) -> None:
    snapshot = built(tools=offers(60), axolotl=True)
    found = set()
    for rows in loaded(snapshot, "pairs", tmp_path / "cache").values():
        for row in rows:
            (session,) = row["sessions"]
            tools = {tool["function"]["name"]: tool["function"] for tool in row["tools"]}
            odd = int(session.removeprefix("s")) % 2
            called = {
                call["name"]
                for message in (*row["prompt"], *row["chosen"], *row["rejected"])
                for call in calls(message)
            }
            assert set(tools) == {"read", "exec"} if odd else {"read"} | called
            assert tools["read"]["description"] == "Reads a file."
            found.add(row["tools_source"])
            if odd:
                assert tools["exec"]["description"] == "Runs a command."
    assert found <= {"trajectory", "mixed"}
    assert sum(snapshot.counts["tools"].values()) == sum(
        sum(rows.values()) for rows in snapshot.counts["rows"].values()
    )
    card = (snapshot.path / "README.md").read_text()
    for source, count in snapshot.counts["tools"].items():
        assert f"| {source} | {count} |" in card
    text = b"".join(path.read_bytes() for path in (snapshot.path / "axolotl").rglob("*.jsonl"))
    assert b"Reads a file." in text


@pytest.mark.parametrize("seed", [1, 2])
def test_offers_in_any_order_and_number_give_the_same_bytes(built: Built, seed: int) -> None:
    tools = offers(40)
    one = built(0, out="one", tools=tools)
    other = built(seed, out="other", tools=[*tools[::-1], *tools])
    assert files(one.path) == files(other.path)
    assert one.fingerprint == other.fingerprint != built(out="none").fingerprint


def test_no_session_and_no_near_duplicate_is_in_two_splits(built: Built, tmp_path: Path) -> None:
    snapshot = built()
    sessions: dict[str, set[str]] = {}
    asked: dict[str, set[str]] = {}
    for name in snapshot.counts["rows"]:
        for split, rows in loaded(snapshot, name, tmp_path / "cache").items():
            for row in rows:
                sessions.setdefault(split, set()).update(row["sessions"])
                asked.setdefault(split, set()).add(row["prompt"][1]["content"])
    assert set(sessions) == {"train", "eval", "test"}
    for found in (sessions, asked):
        assert sum(len(each) for each in found.values()) == len(set().union(*found.values()))


def test_a_fork_is_of_the_split_of_what_it_was_made_from(
    built: Built, tmp_path: Path, make_turn: Callable[..., Any]
) -> None:
    # Each session but the first of ten holds a copy of a turn of the one before it.
    copies = [make_turn(2 * n, session=f"s{n + 1}", copied=True) for n in range(60) if n % 10 != 9]
    snapshot = built(more=copies)
    splits: dict[int, set[str]] = {}
    for name in snapshot.counts["rows"]:
        for split, rows in loaded(snapshot, name, tmp_path / "cache").items():
            for row in rows:
                for session in row["sessions"]:
                    splits.setdefault(int(session.removeprefix("s")) // 10, set()).add(split)
    assert len(splits) == 6
    assert all(len(found) == 1 for found in splits.values())
    assert len(set().union(*splits.values())) > 1


def test_one_that_was_damaged_is_told(built: Built) -> None:
    path = built().path
    (path / "data/pairs/train.parquet").unlink()
    with pytest.raises(DamagedSnapshot, match=r"train\.parquet is not as it was written; remove"):
        built()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_what_a_killed_process_has_left_is_removed(built: Built) -> None:
    out = built().path.parent
    process = subprocess.Popen(["true"])
    process.wait()
    (out / f".making-{process.pid}").mkdir()
    (out / f".making-{os.getppid()}").mkdir()
    built()
    left = [each.name for each in out.iterdir() if each.name.startswith(".")]
    assert left == [f".making-{os.getppid()}"]


def test_the_card_says_what_is_in_it(built: Built) -> None:
    snapshot = built()
    card = (snapshot.path / "README.md").read_text()
    counts = snapshot.counts
    for line in (
        "| branch | ",
        "| a | m | v1 |",
        "| chosen_longer_share | ",
        "Panel `default`: chosen at 7.0",
        f"| turns | {counts['found']['turns']} |",
    ):
        assert line in card
    assert counts["scores"] == {"2": 60, "9": 60}
    manifest = json.loads((snapshot.path / "manifest.json").read_bytes())
    assert manifest["counts"] == counts
    assert "data/pairs/train.parquet" in manifest["sha256"]


def test_numbers_that_can_not_be_read_back_are_left_out(built: Built, tmp_path: Path) -> None:
    arguments: list[dict[str, Any]] = [{"n": 2**64}, {"n": 2**64 - 1, "s": "1" * 30}]
    snapshot = built(arguments=arguments)
    assert snapshot.counts["dropped"]["pairs"]["a number of more than 64 bits"]
    for name in snapshot.counts["rows"]:
        assert loaded(snapshot, name, tmp_path / "cache")


def test_long_chosen_sides_can_be_left_out(built: Built) -> None:
    rules = Pairs(eval_share=0.2, test_share=0.2, max_length_ratio=1.2)
    arguments = [{"a": "short"}, {"a": "long " * 9}]
    counts = built(rules=rules, arguments=arguments).counts
    assert counts["dropped"]["pairs"] == {"chosen side too long": 60}
    assert built(arguments=arguments).counts["length_bias"]["chosen_longer_share"] == 1


def test_redactions_are_counted_by_kind(built: Built) -> None:
    rules = Pairs(strategies=("unpaired",))
    assert built(rules=rules).counts["redactions"]["github-pat"] > 0


def test_nothing_to_write_is_a_snapshot_too(built: Built) -> None:
    assert built(turns=0).counts["rows"] == {}


def test_axolotl_gets_text(built: Built) -> None:
    snapshot = built(axolotl=True)
    for path in (snapshot.path / "axolotl" / "pairs").iterdir():
        for line in path.read_bytes().splitlines():
            row = json.loads(line)
            assert row["prompt"].endswith("<|im_start|>assistant\n")
            assert "<tools>" in row["prompt"]
            assert row["chosen"].endswith("<|im_end|>\n")
            assert row["chosen"] != row["rejected"]


@pytest.mark.slow
def test_trl_takes_every_row(built: Built, tmp_path: Path) -> None:
    data_utils = pytest.importorskip("trl.data_utils")
    snapshot = built(rules=Pairs(eval_share=0.2, test_share=0.2, per_side=1))
    for name in snapshot.counts["rows"]:
        for rows in loaded(snapshot, name, tmp_path / "cache").values():
            for row in rows:
                assert data_utils.is_conversational(row)
                assert data_utils.maybe_extract_prompt(row)["prompt"] == row["prompt"]
