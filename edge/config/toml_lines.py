"""On which line of a TOML file something stands.

`tomllib` reads values and forgets where they were; a person who must mend the file wants the line.
This reads the same text once more for keys, tables and list items alone. It expects valid TOML
(`tomllib` has accepted it before); of other text it knows the lines up to the first thing it cannot read.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from contextlib import suppress

Loc = tuple[str | int, ...]
"""The way to a value: keys of tables, and indices (from 0) of lists and arrays of tables."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_BLANK_LINES = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_REST_OF_LINE = re.compile(r"[^\n]*\n?")
_BARE_VALUE = re.compile(r"[^,\]}#\n]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
# One or two quotes may stand right before the closing three.
_MULTILINE_BASIC = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}', re.DOTALL)
_MULTILINE_LITERAL = re.compile(r"'''(?:[^']|'(?!''))*'{3,5}", re.DOTALL)


def line_of(toml_text: str, loc: Loc) -> int | None:
    """The 1-based line of the key, table or list item at ``loc``, or None when it is not in the text.

    A table's line is its header's; one that is only implied by others has the line that first names it.
    """
    return lines_of(toml_text).get(loc)


def lines_of(toml_text: str) -> dict[Loc, int]:
    """The lines of everything in the text; `line_of` for many questions at once."""
    reader = _Reader(toml_text)
    with suppress(_UnreadableError, tomllib.TOMLDecodeError):
        reader.document()
    return reader.lines


class _UnreadableError(Exception):
    """The text is not TOML from here on."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.lines: dict[Loc, int] = {}
        self._text = text
        self._at = 0
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._array_sizes: dict[Loc, int] = {}

    def document(self) -> None:
        table: Loc = ()
        while True:
            self._skip(_BLANK_LINES)
            if self._at == len(self._text):
                return
            if self._next_is("[["):
                table = self._header("[[", "]]")
            elif self._next_is("["):
                table = self._header("[", "]")
            else:
                self._pair(table)
            self._skip(_REST_OF_LINE)

    def _header(self, opening: str, closing: str) -> Loc:
        line = self._line()
        self._expect(opening)
        *parents, last = self._keys()
        self._expect(closing)
        loc: Loc = ()
        for key in parents:
            loc = (*loc, key)
            self.lines.setdefault(loc, line)
            if loc in self._array_sizes:
                # Below an array of tables a header speaks of the last one so far.
                loc = (*loc, self._array_sizes[loc] - 1)
        loc = (*loc, last)
        if opening == "[":
            self.lines[loc] = line
            return loc
        index = self._array_sizes.get(loc, 0)
        self._array_sizes[loc] = index + 1
        self.lines.setdefault(loc, line)
        self.lines[(*loc, index)] = line
        return (*loc, index)

    def _pair(self, table: Loc) -> None:
        line = self._line()
        loc = table
        for key in self._keys():
            loc = (*loc, key)
            self.lines.setdefault(loc, line)
        self._expect("=")
        self._value(loc)

    def _keys(self) -> list[str]:
        keys = [self._key()]
        while self._next_is("."):
            self._expect(".")
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        self._skip(_BLANK)
        if self._next_is('"'):
            key: str = tomllib.loads(f"key = {self._take(_BASIC)}")["key"]
        elif self._next_is("'"):
            key = self._take(_LITERAL)[1:-1]
        else:
            key = self._take(_BARE_KEY)
        self._skip(_BLANK)
        return key

    def _value(self, loc: Loc) -> None:
        self._skip(_BLANK)
        for opening, pattern in (
            ('"""', _MULTILINE_BASIC),
            ("'''", _MULTILINE_LITERAL),
            ('"', _BASIC),
            ("'", _LITERAL),
        ):
            if self._next_is(opening):
                self._take(pattern)
                return
        if self._next_is("["):
            self._list(loc)
        elif self._next_is("{"):
            self._inline_table(loc)
        else:
            self._take(_BARE_VALUE)

    def _list(self, loc: Loc) -> None:
        self._expect("[")
        index = 0
        while not self._closes("]"):
            item = (*loc, index)
            self.lines[item] = self._line()
            self._value(item)
            index += 1

    def _inline_table(self, loc: Loc) -> None:
        self._expect("{")
        while not self._closes("}"):
            self._pair(loc)

    def _closes(self, bracket: str) -> bool:
        """Past blanks, comments and a comma: is this the end?"""
        self._skip(_BLANK_LINES)
        if self._next_is(","):
            self._expect(",")
            self._skip(_BLANK_LINES)
        if self._next_is(bracket):
            self._expect(bracket)
            return True
        return False

    def _line(self) -> int:
        return bisect_right(self._newlines, self._at - 1) + 1

    def _next_is(self, what: str) -> bool:
        return self._text.startswith(what, self._at)

    def _expect(self, what: str) -> None:
        if not self._next_is(what):
            raise _UnreadableError
        self._at += len(what)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _UnreadableError
        self._at = match.end()
        return match[0]
