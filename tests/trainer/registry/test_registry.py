"""What the registry keeps of a run, and which model serves."""

from __future__ import annotations

import json
import shutil
import stat
import threading
from pathlib import Path

import pytest

from tests.support.trained import PANEL, make_run, make_snapshot
from trainer.registry.card import Code, Seat
from trainer.registry.registry import Model, NotPassed, Registry, RegistryError

CODE = Code(version="0.1.0", commit="c0ffee")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "home" / "models")


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return make_snapshot(tmp_path / "snapshots")


def registered(registry: Registry, snapshot: Path, name: str, *, promote: bool = True) -> Model:
    run = make_run(
        registry.home.parent / "training", snapshot, name, weights=name.encode(), promote=promote
    )
    return registry.register(run, snapshot, code=CODE)


def test_a_model_has_its_lineage(registry: Registry, snapshot: Path, tmp_path: Path) -> None:
    seat = Seat(judge="strict", model="qwen2.5:72b", rubric="v1@12ab")
    run = make_run(tmp_path / "training", snapshot, base="Qwen/Qwen2.5-72B-Instruct")
    card = registry.register(run, snapshot, judges=[seat], code=CODE).card
    assert card.run == "r1"
    assert card.snapshot == snapshot.name
    assert card.panel == PANEL
    assert card.judges == (seat,)
    assert card.base_model == "Qwen/Qwen2.5-72B-Instruct"
    assert card.offsets == {"verdicts": {"0": 12}}
    assert card.rows == {"pairs": {"train": 8, "test": 2}}
    assert card.code == CODE
    assert card.versions == {"torch": "2.13"}
    assert card.plan == {"fits": True}
    assert (card.steps, card.loss) == (4, 0.5)
    assert card.progress == {"step": 4, "loss": 0.5}
    assert card.passed


def test_registering_twice_is_registering_once(registry: Registry, snapshot: Path) -> None:
    model = registered(registry, snapshot, "r1")
    run = registry.home.parent / "training" / "r1"
    assert registry.register(run, snapshot, code=CODE) == model
    assert registry.models() == [model]


def test_other_weights_are_another_model(registry: Registry, snapshot: Path) -> None:
    one, two = registered(registry, snapshot, "r1"), registered(registry, snapshot, "r2")
    assert one.id != two.id
    assert {model.id for model in registry.models()} == {one.id, two.id}


def test_a_model_outlives_its_run(registry: Registry, snapshot: Path) -> None:
    model = registered(registry, snapshot, "r1")
    shutil.rmtree(registry.home.parent / "training")
    shutil.rmtree(snapshot)
    assert registry.get(model.id) == model
    assert (model.weights / "model.safetensors").read_bytes() == b"r1"
    assert (model.folder / "run" / "gate" / "decision.json").exists()
    assert (model.folder / "snapshot" / "lineage.json").exists()


def test_weights_that_are_links_are_kept_as_files(
    registry: Registry, snapshot: Path, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "training", snapshot)
    (run / "model" / "model.safetensors").rename(tmp_path / "elsewhere")
    (run / "model" / "model.safetensors").symlink_to(tmp_path / "elsewhere")
    kept = registry.register(run, snapshot).weights / "model.safetensors"
    assert not kept.is_symlink()
    assert kept.read_bytes() == b"weights"


def test_what_is_kept_can_not_be_written(registry: Registry, snapshot: Path) -> None:
    model = registered(registry, snapshot, "r1")
    files = [path for path in model.folder.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o400}


def test_a_run_that_has_not_finished_is_not_kept(
    registry: Registry, snapshot: Path, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "training", snapshot)
    (run / "done.json").unlink()
    with pytest.raises(RegistryError, match="has not finished"):
        registry.register(run, snapshot)
    assert registry.models() == []


def test_a_run_without_weights_is_not_kept(
    registry: Registry, snapshot: Path, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "training", snapshot)
    shutil.rmtree(run / "model")
    with pytest.raises(RegistryError, match="no weights"):
        registry.register(run, snapshot)
    assert [path.name for path in registry.home.iterdir()] == []


def test_a_missing_manifest_is_told(registry: Registry, snapshot: Path, tmp_path: Path) -> None:
    (snapshot / "manifest.json").unlink()
    with pytest.raises(RegistryError, match=r"manifest\.json"):
        registry.register(make_run(tmp_path / "training", snapshot), snapshot)


def test_models_are_found_by_what_they_were_trained_on(
    registry: Registry, snapshot: Path, tmp_path: Path
) -> None:
    other = make_snapshot(tmp_path / "snapshots", "ffff")
    mine = registered(registry, snapshot, "r1")
    registry.register(make_run(tmp_path / "training", other, "r2", weights=b"2"), other)
    assert registry.models_of(snapshot.name) == [mine]
    assert registry.models_of("0000") == []


def test_the_beginning_of_an_id_is_enough(registry: Registry, snapshot: Path) -> None:
    model = registered(registry, snapshot, "r1")
    registered(registry, snapshot, "r2")
    assert registry.find(model.id[:12]) == model
    with pytest.raises(RegistryError, match="no model's id begins"):
        registry.find("zz")
    with pytest.raises(RegistryError, match="2 models' ids begin"):
        registry.find("")


def test_without_a_promotion_the_base_serves(registry: Registry, snapshot: Path) -> None:
    assert registry.current() is None
    assert registry.models() == []
    registered(registry, snapshot, "r1")
    assert registry.current() is None


def test_promotions_pile_up_and_rollbacks_take_them_off(registry: Registry, snapshot: Path) -> None:
    one, two = registered(registry, snapshot, "r1"), registered(registry, snapshot, "r2")
    registry.promote(one.id, at_ms=1)
    registry.promote(two.id, at_ms=2, who="ann", why="a try")
    assert registry.current() == two
    assert registry.rollback(at_ms=3, who="ann", why="worse") == one
    assert registry.current() == one
    assert registry.rollback(at_ms=4, who="ann") is None
    assert registry.current() is None
    with pytest.raises(RegistryError, match="nothing to go back to"):
        registry.rollback(at_ms=5, who="ann")
    told = [(change.kind, change.model, change.who, change.at_ms) for change in registry.history()]
    assert told == [
        ("promote", one.id, "gate", 1),
        ("promote", two.id, "ann", 2),
        ("rollback", one.id, "ann", 3),
        ("rollback", "", "ann", 4),
    ]


def test_after_a_rollback_another_can_be_promoted(registry: Registry, snapshot: Path) -> None:
    one, two, three = (registered(registry, snapshot, f"r{n}") for n in (1, 2, 3))
    for n, model in enumerate((one, two)):
        registry.promote(model.id, at_ms=n)
    registry.rollback(at_ms=3, who="ann")
    registry.promote(three.id, at_ms=4)
    assert registry.rollback(at_ms=5, who="ann") == one


def test_promoting_what_serves_changes_nothing(registry: Registry, snapshot: Path) -> None:
    model = registered(registry, snapshot, "r1")
    registry.promote(model.id, at_ms=1)
    registry.promote(model.id, at_ms=2)
    assert len(registry.history()) == 1


@pytest.mark.parametrize("promote", [False, None])
def test_what_did_not_pass_serves_only_by_force(
    registry: Registry, snapshot: Path, tmp_path: Path, promote: bool | None
) -> None:
    run = make_run(tmp_path / "training", snapshot, promote=promote)
    model = registry.register(run, snapshot)
    with pytest.raises(NotPassed, match=r"accuracy fell to 0\.4|not evaluated"):
        registry.promote(model.id, at_ms=1)
    assert registry.current() is None
    assert registry.promote(model.id, at_ms=1, force=True) == registry.current()


def test_an_unknown_model_is_not_promoted(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="there is no model"):
        registry.promote("nonsense", at_ms=1)


def test_what_a_kill_left_of_a_line_does_no_harm(registry: Registry, snapshot: Path) -> None:
    one, two = registered(registry, snapshot, "r1"), registered(registry, snapshot, "r2")
    registry.promote(one.id, at_ms=1)
    with (registry.home / "promotions.jsonl").open("ab") as log:
        log.write(b'{"number": 2, "par')
    assert registry.current() == one
    registry.promote(two.id, at_ms=3)
    assert [change.model for change in registry.history()] == [one.id, two.id]
    assert registry.rollback(at_ms=4, who="ann") == one


def test_a_lost_history_still_leads_one_step_back(registry: Registry, snapshot: Path) -> None:
    one, two = registered(registry, snapshot, "r1"), registered(registry, snapshot, "r2")
    registry.promote(one.id, at_ms=1)
    (registry.home / "promotions.jsonl").unlink()
    registry.promote(two.id, at_ms=2)
    assert registry.rollback(at_ms=3, who="ann") == one


def test_a_damaged_pointer_is_told(registry: Registry, snapshot: Path) -> None:
    registry.promote(registered(registry, snapshot, "r1").id, at_ms=1)
    (registry.home / "current.json").write_text("nonsense")
    with pytest.raises(RegistryError, match=r"current\.json can't be read"):
        registry.current()


def test_changes_at_the_same_time_come_one_after_the_other(
    registry: Registry, snapshot: Path
) -> None:
    models = [registered(registry, snapshot, f"r{n}") for n in range(6)]
    threads = [
        threading.Thread(target=registry.promote, args=(model.id,), kwargs={"at_ms": n})
        for n, model in enumerate(models)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    way = registry.history()
    assert sorted(change.model for change in way) == sorted(model.id for model in models)
    assert [change.before for change in way] == ["", *(change.model for change in way[:-1])]


def test_a_home_that_can_not_be_written_is_told(tmp_path: Path, snapshot: Path) -> None:
    (tmp_path / "file").write_text("")
    registry = Registry(tmp_path / "file" / "models")
    with pytest.raises(RegistryError, match="can't be kept"):
        registry.register(make_run(tmp_path / "training", snapshot), snapshot)


def test_the_card_is_json_that_any_program_reads(registry: Registry, snapshot: Path) -> None:
    model = registered(registry, snapshot, "r1")
    assert json.loads((model.folder / "card.json").read_text())["decision"]["sentence"] == "better"
