"""One spelling for equal JSON values, so that they can be compared and hashed."""

from __future__ import annotations

import json
from typing import Any

import orjson


def canonical(value: Any) -> bytes:
    """Return `value` as compact JSON with sorted keys; equal values give equal bytes.

    What orjson refuses (integers beyond 64 bits, lone surrogates, both of which a model may write
    into a tool call) is spelled by the standard library, which escapes it.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
