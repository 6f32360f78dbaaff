"""A home with an embedded broker."""

from tests.support.home import broker, settings

__all__ = ["broker", "settings"]
