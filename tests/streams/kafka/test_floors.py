"""What may be committed, for any order of deliveries and acknowledgements."""

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.floors import Floors

PLACE = TP("in", 0)


def test_nothing_rises_past_what_is_not_acknowledged() -> None:
    floors = Floors()
    floors.reset({PLACE: None})
    for offset in range(5, 10):
        floors.deliver(PLACE, offset)
    acknowledged = {6, 7, 9}
    assert floors.advance(PLACE, acknowledged) is None
    acknowledged.add(5)
    assert floors.advance(PLACE, acknowledged) == 8
    assert acknowledged == {9}


def test_what_is_not_there_any_more_holds_nothing_up() -> None:
    floors = Floors()
    floors.reset({PLACE: 3})
    floors.deliver(PLACE, 8)
    floors.skip_to(PLACE, 20)
    assert floors.advance(PLACE, set()) == 8
    assert floors.advance(PLACE, {8}) == 20


def test_a_partition_that_has_gone_has_no_floor() -> None:
    floors = Floors()
    floors.deliver(PLACE, 0)
    floors.forget(PLACE)
    assert floors.advance(PLACE, {0}) is None


@given(
    gaps=st.lists(st.integers(1, 3), min_size=1, max_size=20),
    order=st.randoms(use_true_random=False),
)
def test_the_floor_is_the_first_that_is_not_acknowledged(gaps: list[int], order) -> None:
    offsets = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    floors = Floors()
    floors.reset({PLACE: 0})
    for offset in offsets:
        floors.deliver(PLACE, offset)
    waiting = list(offsets)
    order.shuffle(waiting)
    pending: set[int] = set()
    floor = 0
    while waiting:
        pending.add(waiting.pop())
        floor = floors.advance(PLACE, pending) or floor
        assert floor == min(waiting, default=offsets[-1] + 1)


def test_a_partition_that_comes_back_has_nothing_left_that_came_together() -> None:
    floors = Floors()
    floors.reset({PLACE: 0})
    floors.deliver(PLACE, 9, first=0)
    floors.reset({PLACE: 0})
    floors.deliver(PLACE, 0)
    assert floors.advance(PLACE, {0}) == 1
