"""Whether a decision knows what its prompt does not say.

Where a decision made later is put under an earlier prompt, it may name what was learned only in
between: from an error, a result, the user's correction. A model trained on it would learn to
guess. Such a pair is not made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from schemas.pair import ChatMessage

_WORD = re.compile(r"\w[\w.@:/-]*\w|\w")

_LOOKS_BACK = re.compile(
    r"\b(?:sorry|apolog\w+|my (?:mistake|bad)|you(?:'|’)?re right|you are right|as you sa(?:id|y)"
    r"|this time|once more|try(?:ing)? again|instead"
    r"|entschuldig\w*|tut mir leid|perd[oó]n|désolé\w*)\b",
    re.IGNORECASE,
)
"""Words that answer a complaint; under the first request they answer nothing."""


def looks_back(message: ChatMessage) -> bool:
    """Say whether a decision's words speak of an attempt before it."""
    return _LOOKS_BACK.search(message.content) is not None


def borrowed(message: ChatMessage, known: Iterable[str], learned: Iterable[str]) -> frozenset[str]:
    """Return the words of a decision's calls that stand in what was learned, and not in what was
    known before.

    Args:
        message: the decision.
        known: the texts of the prompt, and what the model itself had tried.
        learned: results and messages that came after the prompt.
    """
    calls = message.tool_calls or ()
    used = _words(leaf for call in calls for leaf in leaves(call["function"]["arguments"]))
    new = used & _words(learned)
    return frozenset(new - _words(known)) if new else frozenset()


def texts_of(messages: Iterable[ChatMessage]) -> list[str]:
    """Return all that messages say, calls included."""
    texts: list[str] = []
    for message in messages:
        texts.append(message.content)
        texts += [
            json.dumps(call["function"], ensure_ascii=False) for call in message.tool_calls or ()
        ]
    return texts


def leaves(value: Any) -> Iterator[str]:
    """Yield the values in arguments. Their names are the tool's, and are no knowledge."""
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from leaves(each)
    else:
        yield str(value)


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in _WORD.findall(text.casefold()) if len(word) > 2}
