"""Every key of a TOML text is found on its line."""

from __future__ import annotations

import tomllib
from typing import Any

from streams.settings.positions import line_of, positions

TEXT = '''\
# a comment with [brackets] and "quotes"
top = "a # b"   # not a table [x]
"quoted key" = 1
'lit.eral' = 2
dotted.a."b.c" = 3

[table]
text = """
[no.table]
key = 1 \\""" still
"""
raw = \'\'\'
x = 1
\'\'\'
list = [
  1, # one
  [2, 3],
  { in = "line", deep = { er = 1 } },
]

[table.sub]
k = 2020-01-01T00:00:00Z
[[judges]]
name = "a"
[[judges]]
name = "b"
[judges.extra]
z = 1
[[judges.rows]]
[[judges.rows]]
q = 1
  [ "spaced" . key ]
last = true'''


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, item in value.items():
            found += leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += leaves(item, (*path, index))
    return found


def test_lines() -> None:
    found = positions(TEXT)
    lines = TEXT.splitlines()
    expected = {
        ("top",): "top =",
        ("quoted key",): '"quoted key"',
        ("lit.eral",): "'lit.eral'",
        ("dotted", "a", "b.c"): "dotted",
        ("table",): "[table]",
        ("table", "raw"): "raw",
        ("table", "list", 1): "  [2, 3]",
        ("table", "list", 1, 1): "  [2, 3]",
        ("table", "list", 2, "deep", "er"): "  { in",
        ("table", "sub", "k"): "k =",
        ("judges", 0, "name"): 'name = "a"',
        ("judges", 1, "name"): 'name = "b"',
        ("judges", 1, "extra", "z"): "z =",
        ("judges", 1, "rows", 1, "q"): "q =",
        ("spaced", "key", "last"): "last",
    }
    for path, start in expected.items():
        assert lines[found[path] - 1].startswith(start), path


def test_every_path_of_the_data_has_a_line() -> None:
    found = positions(TEXT)
    for path in leaves(tomllib.loads(TEXT)):
        # A table that only dotted headers imply stands where they do.
        assert path in found or any(each[: len(path)] == path for each in found), path
    assert set(found) <= set(leaves(tomllib.loads(TEXT)))


def test_the_nearest_place_is_taken_for_what_has_none() -> None:
    found = positions("[tail]\nquiet = 1\n")
    assert line_of(found, ("tail", "rescan")) == 1
    assert line_of(found, ("sinks",)) is None
