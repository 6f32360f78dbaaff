"""The lexicon as people use it, in four languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.judges.signals.words import Heard, claims_success, hear, normal, same_request

REQUEST = "please list the files in the work folder"

CORRECTIONS = [
    "No, that's not what I asked for",
    "no! the other one",
    "That's wrong.",
    "that isn't right",
    "not good",
    "Thanks, but that didn't work",
    "it still doesn't work",
    "I meant the other folder",
    "Nein, der andere Ordner",
    "das ist falsch",
    "Das war nicht gefragt",
    "funktioniert immer noch nicht",
    "nicht gut",
    "Eso no es lo que te pedí",
    "no funciona",
    "está mal",
    "no está bien",
    "Non, c'est faux",
    "ce n'est pas bon",
    "ça ne marche pas",
]
PRAISE = [
    "thanks!",
    "Thank you, that's perfect. Now read my mail.",
    "Great, thanks. Now fix the broken link in the README",
    "that's not wrong, thanks",
    "that works",
    "nothing wrong with that, thanks",
    "Danke, passt!",
    "super",
    "das ist richtig",
    "¡Gracias!",
    "perfecto, gracias",
    "Merci beaucoup",
    "c'est parfait",
]
NEITHER = [
    "fix the broken link in the README and tell me what was wrong",
    "turn right at the next corner, is what the sign says",
    "no thanks",
    "no problem",
    "check my mail, thanks",
    "please check whether there is no error in build.log",
    "what is the weather in Goodland?",
    "was ist der Fehler in der Datei build.log?",
    "¿cuál es el error más común en el registro?",
    "quel temps fera-t-il demain",
    "Это неправильно",
    "12",
    "",
    "\N{THUMBS UP SIGN}",
]


@pytest.mark.parametrize("text", CORRECTIONS)
def test_a_complaint_is_heard(text: str) -> None:
    heard = hear(text, REQUEST)
    assert heard.correction
    assert not heard.thanks


@pytest.mark.parametrize("text", PRAISE)
def test_praise_is_heard(text: str) -> None:
    heard = hear(text, REQUEST)
    assert heard.thanks
    assert not heard.correction


@pytest.mark.parametrize("text", NEITHER)
def test_a_new_request_says_nothing(text: str) -> None:
    heard = hear(text, REQUEST)
    assert not heard.thanks
    assert not heard.correction
    assert not heard.repeated


@pytest.mark.parametrize(
    ("request_text", "again", "same"),
    [
        (REQUEST, REQUEST, True),
        (REQUEST, "I said: please list the files in the work folder!", True),
        (REQUEST, "LIST the FILES in the work folder, please", True),
        (REQUEST, "please list the files in the music folder", False),
        (REQUEST, "list the files", False),
        ("turn on the kitchen light", "turn off the kitchen light", False),
        ("send the invoice number 12", "send the invoice number 13", False),
        ("send the invoice number 12", "send the invoice number 12 now", True),
        ("weiter so", "weiter so", False),
        ("", REQUEST, False),
        (REQUEST, "", False),
    ],
)
def test_a_repeated_request(request_text: str, again: str, same: bool) -> None:
    assert same_request(request_text, again) is same


@pytest.mark.parametrize(
    ("answer", "claims"),
    [
        ("All done! The file was written.", True),
        ("Ich habe alles erledigt.", True),
        ("Hecho.", True),
        ("C'est fait.", True),
        ("I could not read the file, but the rest is done.", False),
        ("Leider ist das fehlgeschlagen.", False),
        ("The file has 12 lines.", False),
        ("abandoned", False),
        ("", False),
    ],
)
def test_claims_of_success(answer: str, claims: bool) -> None:
    assert claims_success(answer) is claims


def test_words_are_whole_and_without_accents() -> None:
    assert normal("C'est GÉNIAL, Straße!") == ["c", "est", "genial", "strasse"]


@given(text=st.text(max_size=200), request=st.text(max_size=60))
def test_thanks_only_ever_add(text: str, request: str) -> None:
    """Thanking first never turns a message into more of a complaint."""
    before, after = hear(text, request), hear(f"thanks! {text}", request)
    assert before.correction or not after.correction
    assert before.repeated or not after.repeated
    assert isinstance(after, Heard)
