"""Numbers as they were written.

`datasets` reads its type `Json` with pandas' fast parser, which gets the last digit of many floats
wrong (57.7835 becomes 57.783500000000004), and writes it with ten digits. A model would be trained
on other arguments than the ones that were given.
"""

from __future__ import annotations

from typing import Any

import orjson


def read_exactly() -> None:
    """Have `datasets` read and write JSON exactly, in this process from now on."""
    from datasets import arrow_writer
    from datasets.features import features
    from datasets.utils import json

    for name, exact in (("ujson_loads", orjson.loads), ("ujson_dumps", _dumps)):
        if not hasattr(json, name):
            raise RuntimeError(f"datasets has no {name} any more; does it read exactly by itself?")
        for module in (json, features, arrow_writer):
            if hasattr(module, name):
                setattr(module, name, exact)


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()
