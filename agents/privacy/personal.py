"""Personal data, where the owner wishes it replaced: only what its own form or checksum proves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address

from agents.privacy.span import Span

_EMAIL = re.compile(
    rb"(?<![\w.+-])[A-Za-z0-9][\w.+%-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"
)
# E.164 with its plus sign or 00, in groups. National numbers look like any other number.
_PHONE = re.compile(rb"(?<![\w.+-])(?<!\d )(?:\+|00)[1-9]\d{0,2}(?:[ ./()-]{0,2}\d){6,13}(?![\w-])")
_IBAN = re.compile(rb"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?!\w)")
_CARD = re.compile(rb"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?![\w-])")
_IP = re.compile(
    rb"(?<![\w.:-])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7})(?![\w.:-])"
)


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


_Rule = tuple[re.Pattern[bytes], bytes, Callable[[str], bool] | None]

_RULES: dict[str, _Rule] = {
    "email": (_EMAIL, b"@", None),
    "phone": (_PHONE, b"", None),
    "iban": (_IBAN, b"", iban_holds),
    "card": (_CARD, b"", card_holds),
    "ip": (_IP, b"", ip_tells),
}

PERSONAL_KINDS = tuple(_RULES)


def find(text: bytes, kinds: Sequence[str]) -> Iterator[Span]:
    """Yield the personal data of these kinds in a line as detectors see it."""
    for kind in kinds:
        pattern, anchor, holds = _RULES[kind]
        if anchor and anchor not in text:
            continue
        for match in pattern.finditer(text):
            if holds is None or holds(match[0].decode("latin-1")):
                yield Span(match.start(), match.end(), kind, "personal")
