"""Sessions that make preference pairs: a request that is answered badly, and then well."""

from __future__ import annotations

from tests.support.sessions import Session

HOUR_MS = 3_600_000
THINGS = ("car", "boiler", "printer", "doorbell", "freezer", "vacuum", "router", "camera", "kettle")
ASKED = (
    "is the {} charged?",
    "tell me how much the {} has used since monday",
    "why is the {} so loud?",
    "when was the {} serviced last, and by whom?",
    "switch the {} off tonight at ten",
)


def pairing(count: int, start_ms: int) -> list[Session]:
    """Return so many sessions, each of which makes a pair of its own request."""
    return [_session(number, start_ms + number * HOUR_MS) for number in range(count)]


def _session(number: int, start_ms: int) -> Session:
    thing = THINGS[number % len(THINGS)] + ("" if number < len(THINGS) else f" no {number}")
    request = ASKED[number % len(ASKED)].format(thing)
    made = Session(f"0000{number:04}-5a40-4c1b-9e55-2b1f0f6d9a11", start_ms)
    made.user(request)
    for _ in range(2):
        (call,) = made.assistant("Let me look.", (("exec", {"command": f"{thing}-cli status"}),))
        made.result(call, "exec", f"{thing}-cli: command not found", exit_code=127)
    made.assistant(f"Yes, the {thing} is fine.")
    made.wait(400)
    made.user("no, that's wrong, you didn't even reach it. look again")
    _well(made, thing, "Sorry. I'll ask it directly.")
    made.wait(400)
    made.user(request)
    _well(made, thing, "I'll ask it directly.")
    made.wait(400)
    made.user("great, thanks")
    made.assistant("You're welcome.")
    return made


def _well(made: Session, thing: str, says: str) -> None:
    (call,) = made.assistant(says, (("device_status", {"device": thing, "fields": ["state"]}),))
    made.result(call, "device_status", '{"state": "ok", "since": "06:10", "by": "Meier"}')
    made.assistant(f"The {thing} says it is ok since 06:10.")
