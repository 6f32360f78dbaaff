"""Ids computed from what a record says, never from when it was seen.

Delivery between stages is at least once. A record that is sent twice has the same id both times,
and every consumer updates by id: that is what makes the line effectively once.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import orjson

ID_BYTES = 16
"""Length of an id before hex encoding: 128 bits, which a billion records share with p < 1e-20."""


def digest(kind: str, *parts: Any) -> str:
    """Return the id of a record of this `kind` that is identified by `parts`.

    The parts are hashed as one canonical JSON array (sorted keys), so that ``("a", "bc")`` and
    ``("ab", "c")`` differ. Lone surrogates, which JavaScript can write, are hashed as U+FFFD.

    Returns:
        32 lower-case hexadecimal digits (BLAKE2b-128, RFC 7693).
    """
    try:
        canonical = orjson.dumps([kind, *parts], option=orjson.OPT_SORT_KEYS)
    except TypeError:
        canonical = orjson.dumps(well_formed([kind, *parts]), option=orjson.OPT_SORT_KEYS)
    return blake2b(canonical, digest_size=ID_BYTES).hexdigest()


def well_formed(value: Any) -> Any:
    """Return `value` with every lone surrogate in its strings replaced by U+FFFD.

    JavaScript cuts strings between the halves of a surrogate pair and writes the half as an
    escape; Python reads it and can then no longer encode the string as UTF-8.
    """
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [well_formed(item) for item in value]
    if isinstance(value, tuple):
        return [well_formed(item) for item in value]
    if isinstance(value, dict):
        return {well_formed(key): well_formed(item) for key, item in value.items()}
    return value
