"""What a finished run leaves behind, without any training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainer.job import Done, Job

PANEL = "default@1f0c22ab"


def make_snapshot(folder: Path, fingerprint: str = "a1b2c3d4e5f60718") -> Path:
    """Write what the registry reads of a snapshot, and return its directory."""
    path = folder / fingerprint
    path.mkdir(parents=True, exist_ok=True)
    manifest = {"panel": PANEL, "counts": {"rows": {"pairs": {"train": 8, "test": 2}}}}
    lineage = {"broker": "embedded", "prefix": "clawback", "offsets": {"verdicts": {"0": 12}}}
    (path / "manifest.json").write_text(json.dumps(manifest))
    (path / "lineage.json").write_text(json.dumps(lineage | {"made_ms": 5}))
    return path


def make_run(
    folder: Path,
    snapshot: Path,
    name: str = "r1",
    *,
    promote: bool | None = True,
    weights: bytes = b"weights",
    adapter: bool = False,
    base: str = "tiny",
    config: dict[str, Any] | None = None,
) -> Path:
    """Write the folder of a finished run, and return it; no decision where `promote` is None."""
    path = folder / name
    (path / "model").mkdir(parents=True)
    file = "adapter_model.safetensors" if adapter else "model.safetensors"
    (path / "model" / file).write_bytes(weights)
    given = config or {"model_type": "qwen2"}
    (path / "model" / ("adapter_config.json" if adapter else "config.json")).write_text(
        json.dumps(given)
    )
    tuning: Any = "lora" if adapter else "full"
    job = Job(run=name, method="dpo", tuning=tuning, model=base, snapshot=snapshot, output=path)
    done = Done(run=name, steps=4, loss=0.5, seconds=9.0, versions={"torch": "2.13"})
    (path / "job.json").write_text(job.model_dump_json())
    (path / "done.json").write_text(done.model_dump_json())
    (path / "plan.json").write_text('{"fits": true}')
    (path / "metrics.jsonl").write_text('{"step": 2, "loss": 0.7}\n{"step": 4, "loss": 0.5}\n')
    if promote is not None:
        (path / "gate").mkdir()
        sentence = "better" if promote else "accuracy fell to 0.4"
        (path / "gate" / "decision.json").write_text(
            json.dumps({"promote": promote, "sentence": sentence})
        )
    return path
