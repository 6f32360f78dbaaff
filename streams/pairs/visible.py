"""Logged text made harmless for a terminal."""

from __future__ import annotations

from typing import Final

_VISIBLE: Final = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: 0x2421,
    # These have no symbols of their own, and some terminals obey them as they obey ESC.
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}


def visible(text: str) -> str:
    """Return `text` with a symbol for each control character but newline and tab.

    A terminal would obey them: what a tool once printed could wipe the screen, set the window's
    title or write over what is shown.
    """
    return text.translate(_VISIBLE)
