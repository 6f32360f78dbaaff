from streams.embedded.progress import Progress


def progress(start: int) -> Progress[str]:
    made: Progress[str] = Progress()
    made.start({"a": start})
    return made


def test_only_what_is_acknowledged_without_a_break_is_committed() -> None:
    done = {3, 4, 6}
    made = progress(3)
    assert made.advance("a", done) == 5
    assert done == {6}
    assert made.advance("a", done) is None
    done.add(5)
    assert made.advance("a", done) == 7


def test_nothing_is_committed_before_the_first() -> None:
    assert progress(0).advance("a", {1, 2}) is None
    assert progress(0).advance("b", {0}) is None


def test_offsets_that_never_came_are_no_break() -> None:
    made = progress(0)
    for offset in (4, 5, 9):
        made.deliver("a", offset)
    assert made.advance("a", set()) == 4
    assert made.advance("a", {5, 9}) is None
    assert made.advance("a", {4, 5, 9}) == 10


def test_going_back_breaks_nothing() -> None:
    made = progress(0)
    for offset in (0, 1, 2, 1, 2, 3):
        made.deliver("a", offset)
    assert made.advance("a", {0, 1, 2, 3}) == 4


def test_what_was_skipped_on_purpose_is_no_break() -> None:
    made = progress(2)
    made.deliver("a", 2)
    made.skip_to("a", 8)
    made.deliver("a", 8)
    assert made.advance("a", {2, 8}) == 9


def test_what_came_together_is_acknowledged_by_its_last() -> None:
    made = progress(0)
    made.deliver("a", 249, first=0)
    made.deliver("a", 280, first=253)
    made.deliver("a", 281)
    assert made.advance("a", {280, 281}) is None
    done = {249}
    assert made.advance("a", done) == 253
    done |= {281}
    assert made.advance("a", done) is None
    done |= {280}
    assert made.advance("a", done) == 282
    assert done == set()


def test_a_new_start_forgets_what_had_come_together() -> None:
    made = progress(0)
    made.deliver("a", 9, first=0)
    made.start({"a": 0})
    made.deliver("a", 0)
    assert made.advance("a", {0}) == 1
