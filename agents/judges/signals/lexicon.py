"""What people say when an assistant did well or badly, in English, German, Spanish and French.

Small on purpose: a word that is missed costs a signal, a word that is misread costs a wrong score.
All are in the spelling of `words.normal`: lower case, no accents, "ss" for "ß", "don t" for
"don't". A language that is not here gives no signal.
"""

from __future__ import annotations

from typing import Final


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


THANKS: Final = _words(
    "thanks thank thx ty cheers danke dankeschon gracias merci grazie obrigado obrigada",
)

GOOD: Final = _words(
    "good great perfect perfectly excellent awesome nice brilliant amazing wonderful correct right",
    "works worked helpful",
    "gut super perfekt klasse prima toll richtig stimmt passt funktioniert spitze wunderbar",
    "bien bueno perfecto genial correcto excelente funciona estupendo",
    "parfait genial exact marche fonctionne bon bravo impeccable nickel",
)
"""Praise where nothing negates it, a complaint where something does."""

BAD: Final = _words(
    "wrong incorrect broken bad useless nonsense terrible awful mistake mistaken failed",
    "falsch kaputt schlecht quatsch unsinn verkehrt fehlerhaft misslungen",
    "incorrecto equivocado mal roto inutil",
    "faux fausse mauvais mauvaise casse nul inexact",
)
"""A complaint where nothing negates it."""

REFUSALS: Final = _words(
    "no nope nah nein ne non nee",
)
"""A complaint where they stand alone between two marks of punctuation: "No, the other one"."""

CORRECTIONS: Final = (
    "that s not what",
    "this is not what",
    "that is not what",
    "not what i asked",
    "not what i wanted",
    "not what i meant",
    "i said",
    "i asked you",
    "i meant",
    "i told you",
    "i already told",
    "you forgot",
    "you missed",
    "you misunderstood",
    "you didn t",
    "you did not",
    "doesn t work",
    "does not work",
    "didn t work",
    "did not work",
    "not working",
    "still not",
    "still doesn t",
    "still wrong",
    "still broken",
    "try again",
    "do it again",
    "undo that",
    "undo this",
    "revert that",
    "das war nicht",
    "das ist nicht",
    "das stimmt nicht",
    "stimmt nicht",
    "nicht das was",
    "ich meinte",
    "ich habe gesagt",
    "ich sagte",
    "ich wollte",
    "du hast vergessen",
    "funktioniert nicht",
    "geht nicht",
    "klappt nicht",
    "immer noch nicht",
    "versuch es nochmal",
    "mach das ruckgangig",
    "eso no es",
    "no es lo que",
    "no era eso",
    "no era lo que",
    "no es correcto",
    "no funciona",
    "no funciono",
    "quise decir",
    "queria decir",
    "te dije",
    "te pedi",
    "te olvidaste",
    "sigue sin",
    "intentalo de nuevo",
    "otra vez mal",
    "ce n est pas",
    "c est pas ca",
    "pas ce que",
    "je voulais dire",
    "je t ai demande",
    "je t ai dit",
    "j ai dit",
    "tu as oublie",
    "ne marche pas",
    "marche pas",
    "ne fonctionne pas",
    "toujours pas",
    "essaie encore",
    "reessaie",
)

FAR_NEGATORS: Final = _words(
    "not t never nothing without hardly nicht kein keine keinen nichts nie ohne",
    "nunca nada sin tampoco",
    "pas jamais rien sans",
)
"""Negate what follows within three words. `t` is what is left of "isn't"."""

NEAR_NEGATORS: Final = _words(
    "no non",
)
"""Negate the next word ("no problem"), and in Spanish what follows a verb ("no está bien")."""

SPANISH_VERBS: Final = _words(
    "es esta estaba era fue ha me lo la se va salio quedo",
)

SUBJECTS: Final = _words(
    "that this it its thats das dies es eso esto esta ca cela c",
)
"""A clause that begins with one of these speaks of what was just done."""

INSISTING: Final = _words(
    "i again please now just said asked me you to the a bitte nochmal noch mal jetzt",
    "doch ich sagte",
    "por favor otra vez ahora te dije s il te plait encore maintenant je",
)
"""Words that repeating a request adds to it."""

DONE: Final = (
    "done",
    "successfully",
    "all set",
    "completed",
    "finished",
    "succeeded",
    "is ready",
    "fertig",
    "erledigt",
    "erfolgreich",
    "abgeschlossen",
    "geschafft",
    "listo",
    "hecho",
    "completado",
    "con exito",
    "he terminado",
    "c est fait",
    "termine",
    "avec succes",
    "reussi",
)
"""An assistant saying that it did what it was asked."""

ADMITTED: Final = (
    "sorry",
    "apologize",
    "apologise",
    "apologies",
    "unfortunately",
    "could not",
    "couldn t",
    "cannot",
    "can t",
    "unable",
    "failed",
    "failure",
    "error",
    "errors",
    "did not work",
    "didn t work",
    "not found",
    "does not exist",
    "doesn t exist",
    "no such",
    "leider",
    "konnte nicht",
    "konnte ich nicht",
    "nicht moglich",
    "fehler",
    "fehlgeschlagen",
    "nicht gefunden",
    "gibt es nicht",
    "entschuldigung",
    "lo siento",
    "no pude",
    "no he podido",
    "fallo",
    "no se encontro",
    "no existe",
    "desole",
    "malheureusement",
    "n ai pas pu",
    "erreur",
    "echoue",
    "echec",
    "introuvable",
    "n existe pas",
)
"""An assistant saying that something did not work."""

HOLLOW: Final = frozenset(
    {
        "solution",
        "the solution",
        "answer",
        "the answer",
        "final answer",
        "response",
        "result",
        "thought process",
        "reasoning",
        "thinking",
        "let s solve this problem step by step",
        "let s think step by step",
        "let me think step by step",
        "let me think",
        "here is the answer",
        "here is the solution",
        "losung",
        "die losung",
        "antwort",
        "ergebnis",
        "solucion",
        "respuesta",
        "reponse",
    }
)
"""An assistant announcing what then does not come."""
