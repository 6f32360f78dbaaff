"""Personal data, where the owner wishes it replaced: only what its own form or checksum proves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from agents.privacy.span import Span

# Each begins with a letter or a set of them, which `re` looks for in a tight loop: with what must
# not stand before it first, or what may be missing, the search takes five times as long.
_EMAIL = re.compile(rb"@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
_BEFORE_AT = re.compile(rb"(?<![\w.+-])[A-Za-z0-9][\w.+%-]{0,63}\Z")
# E.164 with its plus sign or 00, in groups. National numbers look like any other number.
_PHONE = re.compile(
    rb"[+0](?<![\w.+-].)(?<!\d .)(?:(?<=\+)|0)[1-9]\d{0,2}(?:[ ./()-]{0,2}\d){6,13}(?![\w-])"
)
_IBAN = re.compile(rb"[A-Z][A-Z]\d\d(?<!\w....)(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?!\w)")
_CARD = re.compile(rb"[2-6](?<![\w.-].)\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?![\w-])")
_IPV4 = re.compile(rb"\d(?<![\w.:-].)\d{0,2}(?:\.\d{1,3}){3}(?![\w.:-])")
_IPV6 = re.compile(rb":[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){1,6}(?![\w.:-])")
_BEFORE_COLON = re.compile(rb"(?<![\w.:-])[0-9a-fA-F]{0,4}\Z")
_LONGEST_HEAD = 64


def iban_holds(text: str) -> bool:
    """Whether the two check digits of an IBAN are right (ISO 13616, ISO 7064 mod 97-10)."""
    letters = text.replace(" ", "")
    if not 15 <= len(letters) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in letters[4:] + letters[:4])) % 97 == 1


def card_holds(text: str) -> bool:
    """Whether the last digit of a card number is right (ISO/IEC 7812, Luhn)."""
    digits = [int(char) for char in text if char.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def ip_tells(text: str) -> bool:
    """Whether an IP address is one of a machine on the internet, not of one's own or of a book."""
    try:
        return ip_address(text).is_global
    except ValueError:
        return False


class _Rule(NamedTuple):
    pattern: re.Pattern[bytes]
    holds: Callable[[str], bool] | None = None
    head: re.Pattern[bytes] | None = None
    """What stands before the pattern and belongs to it."""


_RULES: dict[str, tuple[_Rule, ...]] = {
    "email": (_Rule(_EMAIL, head=_BEFORE_AT),),
    "phone": (_Rule(_PHONE),),
    "iban": (_Rule(_IBAN, iban_holds),),
    "card": (_Rule(_CARD, card_holds),),
    "ip": (_Rule(_IPV4, ip_tells), _Rule(_IPV6, ip_tells, head=_BEFORE_COLON)),
}

PERSONAL_KINDS = tuple(_RULES)


def find(text: bytes, kinds: Sequence[str]) -> Iterator[Span]:
    """Yield the personal data of these kinds in a line as detectors see it."""
    for kind in kinds:
        for rule in _RULES[kind]:
            for match in rule.pattern.finditer(text):
                start, end = match.span()
                if rule.head is not None:
                    head = rule.head.search(text, max(0, start - _LONGEST_HEAD), start)
                    if head is None:
                        continue
                    start = head.start()
                if rule.holds is None or rule.holds(text[start:end].decode("latin-1")):
                    yield Span(start, end, kind, "personal")
