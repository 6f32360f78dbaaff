"""Clearing hosts for a run: whose judges live there, what memory there is, free and restore."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.judges.fake import FakeJudge
from agents.judges.unload import unload
from schemas.settings import Host, ModelJudge, Paths, Settings, SignalsJudge, Train
from streams.training import handover
from streams.training.freed import noted
from streams.training.handover import Handover, Postponed, judges_on, undo_leftovers
from streams.training.memory import Memory, read_memory, short

SPARK = Host(name="spark1", address="me@gpu-one.local", interface="10.0.0.1")
HERE = Host(name="mac")


def judge(url: str, **fields: object) -> ModelJudge:
    values = {"kind": "ollama", "name": "llm", "model": "m", "url": url, **fields}
    return ModelJudge.model_validate(values)


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("http://spark1:11434", ["spark1"]),
        ("http://SPARK1.local:11434", ["spark1"]),
        ("http://gpu-one:1234/v1", ["spark1"]),
        ("http://10.0.0.1:11434", ["spark1"]),
        ("http://10.0.0.2:11434", []),
        ("http://localhost:11434", ["mac"]),
        ("http://127.0.0.1:11434", ["mac"]),
        ("http://[::1]:11434", ["mac"]),
        ("http://studio.local:11434", ["mac"]),
        ("http://[nonsense", []),
    ],
)
def test_a_judge_lives_where_its_url_says(url: str, hosts: list[str]) -> None:
    own = frozenset({"studio"})
    signals = SignalsJudge(name="s", strict_on="errors")
    found = [host.name for host in (SPARK, HERE) if judges_on([host], (signals, judge(url)), own)]
    assert found == hosts


LINUX = "gpu: 81559\ngpu: 1024\nMemTotal: 131900000 kB\nMemAvailable:   97656250 kB\n"
SPARKS = "gpu: [N/A]\nMemAvailable:   97656250 kB\n"
MAC = """Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                              100000.
Pages active:                            500000.
Pages inactive:                          400000.
Pages speculative:                        10000.
Pages purgeable:                          20000.
"""


def test_what_hosts_say_of_their_memory_is_read() -> None:
    linux = read_memory(LINUX)
    assert [round(each, 1) for each in linux.gpus] == [85.5, 1.1]
    assert linux.system == 100.0
    assert read_memory(SPARKS) == Memory((), 100.0)
    assert read_memory(MAC).system == pytest.approx(8.68, abs=0.01)
    assert read_memory("") == Memory((), None)


def test_shared_memory_is_the_systems_and_a_gpus_own_is_each_gpus() -> None:
    spark = Host(name="a", unified=True)
    assert short(spark, read_memory(SPARKS), 96) == ""
    assert short(spark, read_memory(SPARKS), 104) == "100.0 of 104.0 GB are free"
    own = Host(name="b", unified=False)
    assert short(own, read_memory(LINUX), 80) == ""
    both = Host(name="b", unified=False, devices=2)
    assert short(both, read_memory(LINUX), 80) == "1.1 of 80.0 GB are free on a GPU"
    assert short(both, read_memory(SPARKS), 80) == "nvidia-smi tells the memory of 0 of 2 GPUs"
    cpu = Host(name="c", unified=False, accelerator="cpu")
    assert short(cpu, read_memory(LINUX), 99) == ""
    assert short(cpu, read_memory(""), 1) == "it does not say how much memory is free"


def settings(home: Path, *judges: ModelJudge, patience: float = 10) -> Settings:
    return Settings(paths=Paths(home=home), judges=judges, train=Train(free_patience=patience))


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "MEMORY_EVERY", 0.02)


async def test_free_and_restore_stand_around_the_run(tmp_path: Path) -> None:
    said = tmp_path / "said"
    host = Host(name="here", free=f"echo free >> {said}", restore=f"echo restore >> {said}")
    async with Handover(settings(tmp_path), "run1", [host], {"here": 0.001}):
        assert said.read_text() == "free\n"
        assert noted(tmp_path) is not None
    assert said.read_text() == "free\nrestore\n"
    assert noted(tmp_path) is None


async def test_a_host_that_stays_full_postpones_the_run_and_is_restored(tmp_path: Path) -> None:
    said = tmp_path / "said"
    host = Host(name="here", free=f"echo free >> {said}", restore=f"echo restore >> {said}")
    says = r"here: [\d.]+ of 1000000.0 GB are free after 0\.2 s \(train\.free_patience\)"
    with pytest.raises(Postponed, match=says):
        async with Handover(settings(tmp_path, patience=0.2), "run1", [host], {"here": 1e6}):
            raise AssertionError
    assert said.read_text() == "free\nrestore\n"


async def test_a_free_that_fails_postpones_the_run(tmp_path: Path) -> None:
    host = Host(name="here", free="echo no such container >&2; exit 7")
    says = "here was not made free: .* ended with 7: no such container"
    with pytest.raises(Postponed, match=says):
        async with Handover(settings(tmp_path), "run1", [host]):
            raise AssertionError


async def test_a_restore_that_fails_is_tried_again(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    host = Host(name="here", free="true", restore=f"test -e {ready}")
    async with Handover(settings(tmp_path), "run1", [host]):
        pass
    (line,) = await undo_leftovers(settings(tmp_path))
    assert line.startswith("here: restore failed, it will be tried again: ")
    # Another run in between forgets neither.
    other = Host(name="other", free="true", restore="true")
    async with Handover(settings(tmp_path), "run2", [other]):
        pass
    left = noted(tmp_path)
    assert left is not None
    assert [each.name for each in left.hosts] == ["here"]
    ready.touch()
    assert await undo_leftovers(settings(tmp_path)) == ["here is as it was before run run2"]


async def test_a_judge_whose_server_is_off_holds_nothing(tmp_path: Path) -> None:
    off = judge("http://127.0.0.1:9")
    async with Handover(settings(tmp_path, off), "run1", [Host(name="here")]):
        pass


@pytest.mark.parametrize("transport", ["httpx", "curl"])
async def test_a_model_is_unloaded_through_the_judges_own_transport(transport: str) -> None:
    async with FakeJudge(models=("m", "other")) as fake:
        fake.loaded |= {"m", "other"}
        config = judge(fake.url, transport=transport)
        await unload(config)
        assert fake.loaded == {"other"}
        # One that has not loaded it has nothing to do.
        await unload(config)
        assert fake.loaded == {"other"}
