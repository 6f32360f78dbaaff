"""Rows as the trainers take them."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from sinks.dataset.features import PAIRS
from sinks.dataset.parquet import RowFile, table_of

ROOT = Path(__file__).parents[2]
READ = """
import sys
from pathlib import Path
import orjson
from trainer.data import preferences
rows = preferences(Path(sys.argv[1]), Path(sys.argv[2]))
# TRL writes rows anew, too.
rows = rows.map(lambda row: {"chosen": row["chosen"]})
for row in rows:
    arguments = [each[0]["tool_calls"][0]["function"]["arguments"] for each in (row["prompt"], row["chosen"])]
    sys.stdout.buffer.write(orjson.dumps(arguments) + b"\\n")
"""  # noqa: E501


def row(number: int, arguments: dict[str, Any]) -> dict[str, Any]:
    call = {"function": {"name": "t", "arguments": arguments}}
    message = [orjson.dumps({"role": "assistant", "content": "", "tool_calls": [call]}).decode()]
    texts = ("strategy", "evidence", "reviewed", "tools_source")
    numbers = ("margin", "weight", "chosen_overall", "rejected_overall")
    return {
        "id": str(number),
        "sessions": [],
        "started_ms": number,
        "tools": [],
        **dict.fromkeys(texts, ""),
        **dict.fromkeys(numbers, 1.0),
        **dict.fromkeys(("prompt", "chosen", "rejected"), message),
    }


def test_arguments_are_what_the_files_hold_to_the_last_digit(tmp_path: Path) -> None:
    dice = random.Random(1)
    given: list[dict[str, Any]] = [
        {"float": 57.7835, "small": 5e-324, "long": 0.12345678901234567, "top": 2**64 - 1},
        {"whole": 1.0, "null": None, "": {"deep": [-0.072, True, "é\u2028"]}},
    ]
    given += [{"x": dice.uniform(-100, 100), "y": dice.random()} for _ in range(500)]
    with RowFile(tmp_path / "data/pairs/train.parquet", PAIRS.arrow_schema) as file:
        file.add(table_of([row(n, each) for n, each in enumerate(given)], PAIRS.arrow_schema))
    # In a process of its own, as it changes how `datasets` reads from then on.
    command = [sys.executable, "-c", READ, str(tmp_path), str(tmp_path / "cache")]
    done = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    found = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert found == [[each, each] for each in given]
