"""The settings file: found, read, and every mistake in it placed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from schemas.settings import ModelJudge, Settings
from streams.settings import MissingFile, SettingsError, find, load
from streams.settings.environment import known, unknown
from streams.settings.template import render


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of this machine, in an empty directory and an empty home."""
    for name in [*known(), "CLAWBACK_CONFIG"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "clawback.toml"
    file.write_text(text)
    return file


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, text))
    return [str(mistake) for mistake in caught.value.mistakes]


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert find() is None
    settings = load(None)
    assert settings == Settings()
    assert settings.paths.home == tmp_path / "home/.clawback"


def test_the_file_is_searched_for_nearest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = tmp_path / "home/.clawback/clawback.toml"
    away.parent.mkdir(parents=True)
    away.touch()
    assert find() == away
    here = write(tmp_path, "")
    assert find() == here
    named = tmp_path / "other.toml"
    named.touch()
    monkeypatch.setenv("CLAWBACK_CONFIG", str(named))
    assert find() == named
    assert find(here) == here
    monkeypatch.setenv("CLAWBACK_CONFIG", "")
    assert find() is None


def test_a_file_that_was_named_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingFile, match="--config"):
        find(tmp_path / "no.toml")
    monkeypatch.setenv("CLAWBACK_CONFIG", "no.toml")
    with pytest.raises(MissingFile, match="CLAWBACK_CONFIG"):
        find()


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, '[tail]\nquiet = "5s"\nrescan = "1s"\n')
    monkeypatch.setenv("CLAWBACK_TAIL__QUIET", "90s")
    monkeypatch.setenv("CLAWBACK_PATHS__OPENCLAW", "/a:/b")
    monkeypatch.setenv("CLAWBACK_PREFILTER__TRIGGER__TRIGGERS", "cron, heartbeat")
    settings = load(file)
    assert (settings.tail.quiet, settings.tail.rescan) == (90, 1)
    assert settings.paths.openclaw == (Path("/a"), Path("/b"))
    assert settings.prefilter.trigger.triggers == ("cron", "heartbeat")


def test_every_mistake_is_said_with_its_line_and_a_suggestion(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        '[tail]\nqiet = "5s"\nquiet = "5 parsecs"\n\n[tayl]\n'
        '[sinks]\nquiet = "2s"\n[prefilter.trigger]\ntriggers = ["heartbeet"]\n',
    )
    file = tmp_path / "clawback.toml"
    assert [text.split(": ")[0] for text in found] == [f"{file}:{n}" for n in (2, 3, 5, 7, 9)]
    unknown_key, duration, table, misplaced, choice = found
    assert "did you mean quiet?" in unknown_key
    assert "expected one of: rescan, quiet, abandoned, max_line_bytes" in unknown_key
    assert "90s" in duration
    assert '    quiet = "5 parsecs"' in duration
    assert "did you mean tail?" in table
    assert "there is one in [tail]" in misplaced
    assert 'did you mean "heartbeat"?' in choice


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[tail]\nmax_line_bytes = 10", 2, "at least 1024"),
        ('[broker]\npartitions = "four"', 2, "a whole number"),
        ("[broker]\npartitions = 1.5", 2, "a whole number"),
        ("[prefilter.short]\nenabled = 3", 2, "true or false"),
        ('tail = "x"', 1, "a table"),
        ("[paths]\nhome = 3", 2, "a path in quotes"),
        ('[sinks]\ntimezone = "Mars/Olympus"', 2, "no time zone"),
        ('[[judges]]\nname = "x"', 1, "kind is missing"),
        ('[[judges]]\nkind = "olama"', 2, 'did you mean "ollama"?'),
        ('[[judges]]\nkind = "signals"\nname = "x"', 1, "strict_on"),
        ('judges = [\n  { kind = "signals", name = "x" },\n]', 2, "strict_on"),
        ('[tail]\nquiet = "8h"\nabandoned = "1h"', 3, "must not be shorter"),
        ("[pairs]\nrejected = 8.0", 2, "below pairs.chosen"),
        ('[[panels]]\njudges = [\n  "x",\n]\nquorum = 1', 2, "no judge is called 'x'"),
        ('[[panels]]\njudges = ["x"]\nquorum = 2', 3, "can't be reached"),
        ("[[panels]]\njudges = []\n", 2, "at least 1"),
        ("[tail]\nquiet = 5s\n", 2, "in quotes"),
        ("[tail]\n[tail]\n", 2, "TOML"),
        ("[tail", 1, "TOML"),
    ],
)
def test_a_mistake_has_a_place_and_words(tmp_path: Path, text: str, line: int, words: str) -> None:
    found = mistakes(tmp_path, text)
    assert found[0].startswith(f"{tmp_path / 'clawback.toml'}:{line}: ")
    assert words in found[0]


def test_a_mistake_in_the_environment_is_placed_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAWBACK_TAIL__QIET", "5s")
    monkeypatch.setenv("CLAWBACK_BROKER__PARTITIONS", "0")
    found = mistakes(tmp_path, "[broker]\npartitions = 3\n")
    assert len(found) == 2
    assert any(text.startswith("environment variable CLAWBACK_TAIL__QIET") for text in found)
    assert any("CLAWBACK_BROKER__PARTITIONS=0" in text for text in found)
    monkeypatch.setenv("CLAWBACK_JUDGES", "qwen")
    assert "JSON" in mistakes(tmp_path, "")[0]


def test_what_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "clawback.toml"
    file.write_bytes(b'x = "\xff"')
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(file)
    with pytest.raises(SettingsError, match="can't be read"):
        load(tmp_path)


MODEL = '[[judges]]\nkind = "ollama"\nname = "spark-1"\nurl = "http://x"\nmodel = "m"\n'


def test_a_secret_in_the_file_is_refused_and_not_shown(tmp_path: Path) -> None:
    [text] = mistakes(tmp_path, MODEL + 'api_key = "sk-hidden"\n')
    assert "CLAWBACK_JUDGE_SPARK_1_API_KEY" in text
    assert "api_key_file" in text
    assert "sk-hidden" not in text
    [text] = mistakes(tmp_path, MODEL + "api_key = sk-hidden\n")
    assert "sk-hidden" not in text


def test_the_password_of_kafka_is_a_secret_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [text] = mistakes(tmp_path, '[broker.kafka]\nusername = "milo"\npassword = "hidden"\n')
    assert ":3: " in text
    assert "CLAWBACK_BROKER__KAFKA__PASSWORD" in text
    assert "password_file" in text
    assert "hidden" not in text
    [text] = mistakes(tmp_path, "[broker.kafka]\npassword = hidden\n")
    assert "hidden" not in text
    assert not re.search(r"(?m)^#password =", render())
    monkeypatch.setenv("CLAWBACK_BROKER__KAFKA__PASSWORD", "from-environment")
    settings = load(write(tmp_path, ""))
    assert settings.broker.kafka.password.get_secret_value() == "from-environment"
    assert "from-environment" not in repr(settings)


def test_a_key_comes_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("sk-file\n")
    file = write(tmp_path, MODEL + 'api_key_file = "key"\n')

    def key() -> str:
        [judge] = load(file).judges
        assert isinstance(judge, ModelJudge)
        assert judge.api_key is not None
        return judge.api_key.get_secret_value()

    assert key() == "sk-file"
    monkeypatch.setenv("CLAWBACK_JUDGE_SPARK_1_API_KEY", "sk-environment")
    assert key() == "sk-environment"
    assert "sk-" not in repr(load(file))


def test_a_key_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    [text] = mistakes(tmp_path, MODEL + 'api_key_file = "no.key"\n')
    assert ":6: " in text
    assert "no.key can't be read" in text


def test_the_written_file_reads_back_to_the_defaults(tmp_path: Path) -> None:
    assert load(write(tmp_path, render())) == Settings()
    # And so does what it says the defaults are.
    live = re.sub(r"(?m)^#(?=[a-z\[])", "", render())
    assert live.count("=") > 30
    assert load(write(tmp_path, live)) == Settings()


def test_the_written_file_names_every_setting() -> None:
    text = render()
    for name in known():
        key = name.removeprefix("CLAWBACK_").split("__")[-1].lower()
        assert re.search(rf"(?m)^#.*\b{key}\b", text), name
    assert max(map(len, text.splitlines())) <= 110
    assert all(text.isprintable() for text in text.splitlines())


def test_the_written_file_holds_the_directories_that_were_found() -> None:
    text = render([Path("/srv/open claw")])
    assert tomllib.loads(text)["paths"] == {"openclaw": ["/srv/open claw"]}


def test_a_mistyped_variable_is_known_as_such() -> None:
    environ = {
        "CLAWBACK_TAYL__QUIET": "1s",
        "CLAWBACK_CONFIG": "x",
        "HOME": "/",
        "CLAWBACK_OTHER_THINGS": "",
    }
    assert unknown(environ) == [
        ("CLAWBACK_OTHER_THINGS", ""),
        ("CLAWBACK_TAYL__QUIET", "CLAWBACK_TAIL__QUIET"),
    ]
    assert unknown({"CLAWBACK_JUDGE_X_API_KEY": "k", "clawback_tail__quiet": "1s"}) == []
