"""The columns of a snapshot. Messages are of the type `Json` of `datasets`, which gives them back
exactly."""

from __future__ import annotations

from datasets import Features, Json, List, Value

_JSON = List(Json())

PAIRS = Features(
    {
        "id": Value("string"),
        "strategy": Value("string"),
        "evidence": Value("string"),
        "margin": Value("float64"),
        "weight": Value("float64"),
        "reviewed": Value("string"),
        "chosen_overall": Value("float64"),
        "rejected_overall": Value("float64"),
        "sessions": List(Value("string")),
        "started_ms": Value("int64"),
        "tools_source": Value("string"),
        "prompt": _JSON,
        "chosen": _JSON,
        "rejected": _JSON,
        "tools": _JSON,
    }
)
UNPAIRED = Features(
    {
        "id": Value("string"),
        "evidence": Value("string"),
        "overall": Value("float64"),
        "sessions": List(Value("string")),
        "started_ms": Value("int64"),
        "tools_source": Value("string"),
        "prompt": _JSON,
        "completion": _JSON,
        "label": Value("bool"),
        "tools": _JSON,
    }
)
