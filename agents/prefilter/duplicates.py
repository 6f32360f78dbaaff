"""What a turn says, apart from when it was said and what answered it."""

from __future__ import annotations

from hashlib import blake2b

from agents.canonical import canonical
from schemas.identity import ID_BYTES
from schemas.turn import Turn


def content_digest(turn: Turn) -> str:
    """Return a digest of the request, the calls and the results.

    Call ids, times, usage and the answer do not take part: two turns in which the user asked the
    same, the same tools were called with the same arguments and answered the same are duplicates,
    however the model put its last words.

    Returns:
        32 lower-case hexadecimal digits.
    """
    content = [
        turn.request,
        turn.images,
        [[call.name, call.arguments] for call in turn.calls],
        [
            [result.name, result.text, result.images, result.is_error, result.exit_code]
            for result in turn.results
        ],
    ]
    return blake2b(canonical(content), digest_size=ID_BYTES).hexdigest()
