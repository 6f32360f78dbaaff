"""When runs may start: an idle window in local time, and a schedule."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo

from croniter import croniter

_DAYS = 3
"""Days that are looked through for an opening; one may fall into the hour that summer time skips,
or be over before it has begun."""


class Hours:
    """A window of hours, such as 22:00-06:00; without one, all hours.

    Args:
        window: as in `train.window`.
        zone: whose clock; None for this machine's.
    """

    def __init__(self, window: str = "", zone: tzinfo | None = None) -> None:
        self._zone = zone
        opening, _, closing = window.partition("-")
        always = not window or opening == closing
        self._bounds = None if always else (_clock(opening), _clock(closing))

    def inside(self, at_ms: int) -> bool:
        """Whether a moment (epoch milliseconds) lies in the window; its end does not."""
        if self._bounds is None:
            return True
        opening, closing = self._bounds
        clock = self._local(at_ms).time()
        if opening < closing:
            return opening <= clock < closing
        return clock >= opening or clock < closing

    def earliest(self, from_ms: int) -> int:
        """Return the first moment from `from_ms` on that lies in the window, or may: where the
        clock is put forward, an opening is told that turns out to lie behind it."""
        if self._bounds is None or self.inside(from_ms):
            return from_ms
        today = self._local(from_ms).date()
        for days in range(_DAYS):
            opening = datetime.combine(today + timedelta(days), self._bounds[0])
            moment = int(opening.replace(tzinfo=self._zone).timestamp() * 1000)
            if moment > from_ms:
                return moment
        raise AssertionError("a day without an opening")

    def scheduled(self, schedule: str, after_ms: int) -> int:
        """Return the first moment of a cron expression after `after_ms`, to the millisecond."""
        found = croniter(schedule, self._local(after_ms)).get_next(datetime)
        return int(found.timestamp() * 1000)

    def _local(self, at_ms: int) -> datetime:
        # Without a zone a time is this machine's, whose rules Python and croniter then go by.
        return datetime.fromtimestamp(at_ms / 1000, self._zone)


def _clock(text: str) -> time:
    hour, _, minute = text.partition(":")
    return time(int(hour), int(minute))
