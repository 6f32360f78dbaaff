"""What the supervisor is told to run, as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process and the stages it runs."""

    name: str
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the supervisor needs of the settings and the command line.

    Durations are in seconds. `log` is the embedded log's file, or empty where the topics live
    elsewhere. `models` are the language models that judge, as ``name (model)``. `until_idle`
    ends the run when nothing has moved for so long; None keeps it running. `stalled` says for how
    long each stage may commit nothing while records wait for it. `config` is the
    settings file, or empty where there is none.
    """

    home: Path
    output: Path
    openclaw: tuple[Path, ...]
    config: str
    log: str
    prefix: str
    timezone: str
    processes: tuple[ProcessSpec, ...]
    models: tuple[str, ...]
    backoff: float
    backoff_max: float
    drain: float
    stalled: Mapping[str, float] = field(default_factory=dict)
    feed: bool = True
    verbose: bool = False
    until_idle: float | None = None

    def to_json(self) -> str:
        """Return the plan as text that `from_json` reads."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        values["home"] = Path(values["home"])
        values["output"] = Path(values["output"])
        values["openclaw"] = tuple(Path(path) for path in values["openclaw"])
        values["models"] = tuple(values["models"])
        values["processes"] = tuple(
            ProcessSpec(each["name"], tuple(each["stages"])) for each in values["processes"]
        )
        return cls(**values)
