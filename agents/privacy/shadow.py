"""A line as detectors should see it: of the same length, with blanks for what JSON escaped.

In raw JSON a key that begins a line of text follows the letter `n` of `\\n`, and nothing that
looks for the start of a word sees it. In the shadow a blank and a line feed stand there. Offsets
stay what they are, so nothing need be parsed to know where in the line a secret stands.
"""

from __future__ import annotations

import re
from bisect import bisect_right

_ESCAPED_ASCII = re.compile(rb"\\+u00([2-7][0-9a-fA-F])")
_STRUCTURAL = (0x22, 0x5C)

# What is no UTF-8 is read as if it were ASCII with something else between.
_PLAIN = bytes(byte if 0 < byte < 128 else 0x3F for byte in range(256))


def shadow(line: bytes) -> bytes:
    """Return the line with blanks for backslashes and for the letters that they make line feeds
    and tabs, byte for byte as long."""
    if b"\\" not in line:
        return line
    line = line.replace(b"\\n", b" \n").replace(b"\\t", b" \t").replace(b"\\r", b" \r")
    return line.replace(b"\\", b" ")


def plain(data: bytes) -> bytes:
    """Return bytes that are no UTF-8 as text that is, byte for byte as long."""
    return data.translate(_PLAIN)


class Unescaped:
    """A line in which letters are written as `\\u0041`, and the line with the letters themselves.

    Whatever wrote them so (Go writes `\\u0026` in URLs), at whatever depth of JSON within JSON,
    a secret spelled so is one all the same.
    """

    def __init__(self, line: bytes) -> None:
        self._starts = [0]
        self._shifts = [0]
        parts: list[bytes] = []
        at = 0
        for match in _ESCAPED_ASCII.finditer(line):
            code = int(match[1], 16)
            if code in _STRUCTURAL or code == 0x7F:
                continue
            parts += (line[at : match.start()], bytes((code,)))
            at = match.end()
            written = match.start() - self._shifts[-1]
            # From the byte behind the letter on, the original is further ahead.
            self._starts.append(written + 1)
            self._shifts.append(match.end() - (written + 1))
        parts.append(line[at:])
        self.text = b"".join(parts)

    def original(self, offset: int) -> int:
        """Return where in the line the byte at `offset` of `text` begins."""
        at = bisect_right(self._starts, offset) - 1
        return offset + self._shifts[at]


def has_escaped_letters(line: bytes) -> bool:
    """Whether some letter of the line is written as an escape that is not needed."""
    return b"\\u00" in line and _ESCAPED_ASCII.search(line) is not None
