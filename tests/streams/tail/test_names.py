from __future__ import annotations

import pytest

from streams.tail.names import Name, parse, parse_followed

UUID = "10ab6d24-211e-4ed9-a64a-70d55a954928"
TIME = "2026-11-22T18-58-41.591Z"


@pytest.mark.parametrize(
    ("name", "read"),
    [
        (f"{UUID}.jsonl", Name(f"{UUID}.jsonl", UUID)),
        ("s-multi-1.jsonl", Name("s-multi-1.jsonl", "s-multi-1")),
        ("my.own_id.jsonl", Name("my.own_id.jsonl", "my.own_id")),
        (f"{UUID}-topic-a%2Fb.jsonl", Name(f"{UUID}-topic-a%2Fb.jsonl", f"{UUID}-topic-a%2Fb")),
        (
            f"2026-11-22T18-58-41-591Z_{UUID}.jsonl",
            Name(f"2026-11-22T18-58-41-591Z_{UUID}.jsonl", UUID),
        ),
        (f"{UUID}.jsonl.reset.{TIME}", Name(f"{UUID}.jsonl", UUID, "reset", TIME)),
        (f"{UUID}.jsonl.deleted.{TIME}", Name(f"{UUID}.jsonl", UUID, "deleted", TIME)),
        (f"{UUID}.jsonl.bak.{TIME}", Name(f"{UUID}.jsonl", UUID, "bak", TIME)),
        (
            f"{UUID}.jsonl.reset.2026-11-22T18-58-41Z",
            Name(f"{UUID}.jsonl", UUID, "reset", "2026-11-22T18-58-41Z"),
        ),
    ],
)
def test_reads_the_names_of_transcripts(name: str, read: Name) -> None:
    assert parse(name) == read


@pytest.mark.parametrize(
    "name",
    [
        "sessions.json",
        "sessions.json.lock",
        "sessions.json.5f1c.tmp",
        f"{UUID}.jsonl.lock",
        f"{UUID}.jsonl.tmp",
        f"{UUID}.trajectory.jsonl",
        f"{UUID}.trajectory-path.json",
        f"{UUID}.trajectory.jsonl.deleted.{TIME}",
        f"{UUID}.checkpoint.1.jsonl",
        f"{UUID}.jsonl.corrupt-{TIME}-0a1b2c3d.jsonl",
        f"{UUID}.jsonl.corrupt-{TIME}-0a1b2c3d",
        f"{UUID}.jsonl.bak-4711-1763837921591",
        f"{UUID}.jsonl.repair-4711-1763837921591.tmp",
        f"{UUID}.jsonl.deleted.{TIME}.zst",
        f"{UUID}.jsonl.reset.yesterday",
        "skills-prompts",
        ".jsonl",
        "\udcff.jsonl",
    ],
)
def test_passes_over_what_is_no_transcript(name: str) -> None:
    assert parse(name) is None


@pytest.mark.parametrize(
    ("name", "session"),
    [
        (f"{UUID}.trajectory.jsonl", UUID),
        (f"2026-11-22T18-58-41-591Z_{UUID}.trajectory.jsonl", UUID),
        (f"{UUID}-topic-7.trajectory.jsonl", f"{UUID}-topic-7"),
    ],
)
def test_a_trajectory_is_of_the_session_that_its_transcript_is_of(name: str, session: str) -> None:
    assert parse_followed(name) == Name(name, session, trajectory=True)


@pytest.mark.parametrize(
    "name",
    [
        "sessions.trajectory.jsonl",
        ".trajectory.jsonl",
        f"{UUID}.trajectory.jsonl.deleted.{TIME}",
        f"{UUID}.checkpoint.1.trajectory.jsonl",
        f"{UUID}.trajectory-path.json",
    ],
)
def test_what_is_no_trajectory_is_passed_over(name: str) -> None:
    assert parse_followed(name) is None


def test_transcripts_are_followed_too() -> None:
    assert parse_followed(f"{UUID}.jsonl") == parse(f"{UUID}.jsonl")


def test_only_reset_and_deleted_end_a_session() -> None:
    ends = {
        state: parse(f"a.jsonl.{state}.{TIME}").ends  # type: ignore[union-attr]
        for state in ("reset", "deleted", "bak")
    }
    assert ends == {"reset": True, "deleted": True, "bak": False}


def test_files_of_a_transcript_sort_by_age() -> None:
    names = ["a.jsonl", "a.jsonl.reset.2026-11-22T18-58-41.591Z", f"a.jsonl.bak.2026-10{TIME[7:]}"]
    assert sorted(names, key=lambda name: parse(name).age) == names[::-1]  # type: ignore[union-attr]
