"""A kill at any step of a change leaves a registry that is as before or as after."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.trained import make_run, make_snapshot
from trainer.registry.card import Code
from trainer.registry.registry import Registry, RegistryError

CODE = Code(version="0.1.0")
STEPS = ("mkdir", "link", "chmod", "open", "fsync", "replace", "rename")
MOST = 400

Doing = Callable[[Registry], object]


def killed_at(step: int, home: Path, doing: Doing) -> bool:
    """Do something in a child that dies before its nth call that touches the disk; tell whether
    it came that far."""
    pid = os.fork()
    if pid == 0:
        left = step

        def dying(call: Callable[..., object]) -> Callable[..., object]:
            def wrapped(*args: object, **kwargs: object) -> object:
                nonlocal left
                if left == 0:
                    os._exit(9)
                left -= 1
                return call(*args, **kwargs)

            return wrapped

        for name in STEPS:
            setattr(os, name, dying(getattr(os, name)))
        try:
            doing(Registry(home))
        except BaseException:  # noqa: BLE001 - nothing may go on in a forked test process
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, 9)
    return code == 9


def points(tmp_path: Path, prepare: Doing, doing: Doing, check: Doing) -> int:
    """Kill `doing` at each of its steps, check what is left each time, and return their number."""
    for step in range(MOST):
        home = tmp_path / str(step) / "models"
        prepare(Registry(home))
        killed = killed_at(step, home, doing)
        check(Registry(home))
        doing(Registry(home))
        check(Registry(home))
        if not killed:
            return step
    raise AssertionError("it never came to an end")


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed process wrote is there; only power that fails would lose it."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return make_snapshot(tmp_path / "snapshots")


@pytest.fixture
def runs(tmp_path: Path, snapshot: Path) -> list[Path]:
    return [make_run(tmp_path / "runs", snapshot, f"r{n}", weights=b"%d" % n) for n in (1, 2)]


def test_registering(tmp_path: Path, runs: list[Path], snapshot: Path) -> None:
    def register(registry: Registry) -> None:
        registry.register(runs[1], snapshot, code=CODE)
        assert len(registry.models()) == 2
        assert not list(registry.home.glob(".making-*"))

    def whole(registry: Registry) -> None:
        models = registry.models()
        assert {model.card.run for model in models} in ({"r1"}, {"r1", "r2"})
        for model in models:
            names = {str(p.relative_to(model.folder)) for p in model.folder.rglob("*")}
            assert {"model/model.safetensors", "model/config.json", "run/done.json"} <= names
            assert set(model.card.files) == {"model.safetensors", "config.json"}

    steps = points(tmp_path, lambda r: r.register(runs[0], snapshot, code=CODE), register, whole)
    assert steps > 20


@pytest.mark.parametrize("change", ["promote", "rollback"])
def test_changing_what_serves(
    tmp_path: Path, runs: list[Path], snapshot: Path, change: str
) -> None:
    def prepare(registry: Registry) -> None:
        one, two = (registry.register(run, snapshot, code=CODE) for run in runs)
        registry.promote(one.id, at_ms=1)
        if change == "rollback":
            registry.promote(two.id, at_ms=2)

    def do(registry: Registry) -> None:
        ids = {model.card.run: model.id for model in registry.models()}
        if change == "promote":
            registry.promote(ids["r2"], at_ms=3, who="ann")
        elif serving(registry) == "r2":
            registry.rollback(at_ms=3, who="ann")

    def serving(registry: Registry) -> str:
        current = registry.current()
        assert current is not None
        return current.card.run

    def consistent(registry: Registry) -> None:
        current = registry.current()
        assert current is not None
        assert registry.history()[-1].model == current.id
        went = [model.card.run for model in registry.models()]
        assert sorted(went) == ["r1", "r2"]

    assert points(tmp_path, prepare, do, consistent) > 5
    last = max(tmp_path.glob("[0-9]*"), key=lambda path: int(path.name))
    registry = Registry(last / "models")
    if change == "promote":
        assert serving(registry) == "r2"
        registry.rollback(at_ms=9, who="ann")
        assert serving(registry) == "r1"
    else:
        assert serving(registry) == "r1"
        assert registry.rollback(at_ms=9, who="ann") is None
        with pytest.raises(RegistryError):
            registry.rollback(at_ms=10, who="ann")
