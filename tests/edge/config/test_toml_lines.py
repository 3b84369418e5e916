"""A mistake in a configuration is explained in plain words, with the line it stands on."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from edge.config.errors import explain, explain_syntax
from edge.config.toml_lines import Loc, line_of, lines_of


def everything_in(value: object, loc: Loc = ()) -> Iterator[Loc]:
    """Every place in parsed TOML."""
    items: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, below in items:
        yield (*loc, key)
        yield from everything_in(below, (*loc, key))


STORY = '''\
# comment with a = "trap" and [trap]
top = 1

[agent.camera]          # agent itself is only implied
source = "rtsp://x/[y]#z"  # a # in text
size = [
    640,  # width ]
    480,
]
text = """
source = "not a key"
[agent.fake]
""""
lens.k1 = 0.1
lens."k 2" = 0.2
inline = { a = 1, b = { c = [ { d = 1 } ] } }

[[station.drones]]
id = "a"
[[station.drones]]
id = 'b\\'
[station.drones.key]
file = "k"

[agent]
data_dir = '"'
'''


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("top",), 2),
        (("agent",), 25),
        (("agent", "camera"), 4),
        (("agent", "camera", "source"), 5),
        (("agent", "camera", "size"), 6),
        (("agent", "camera", "size", 1), 8),
        (("agent", "camera", "text"), 10),
        (("agent", "camera", "lens"), 14),
        (("agent", "camera", "lens", "k 2"), 15),
        (("agent", "camera", "inline", "b", "c", 0, "d"), 16),
        (("station", "drones"), 18),
        (("station", "drones", 0, "id"), 19),
        (("station", "drones", 1), 20),
        (("station", "drones", 1, "key", "file"), 23),
        (("agent", "data_dir"), 26),
        (("agent", "fake"), None),
        (("trap",), None),
    ],
)
def test_each_kind_of_place_has_its_line(loc: Loc, line: int | None) -> None:
    assert line_of(STORY, loc) == line
    assert line_of(STORY.replace("\n", "\r\n"), loc) == line


def test_nothing_in_the_story_is_missed_and_nothing_is_made_up() -> None:
    assert set(lines_of(STORY)) == set(everything_in(tomllib.loads(STORY)))


@given(st.text(alphabet="a.=[]{}\"'#\n,1 \\", max_size=40))
def test_text_that_is_no_toml_gives_fewer_lines_and_no_error(text: str) -> None:
    found = lines_of(text)
    try:
        places = set(everything_in(tomllib.loads(text)))
    except tomllib.TOMLDecodeError:
        return
    assert set(found) == places


class Writer:
    """Writes random TOML and remembers on which line it put what."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.expected: dict[Loc, int] = {}

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1

    def put(self, text: str) -> None:
        self.text += text

    def pick(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def key(self, name: str) -> str:
        return self.pick(name, f'"{name}"', f"'{name}'", f' "\\u{ord(name[0]):04x}{name[1:]}" ')

    def noise(self) -> None:
        self.put(self.pick("", "", "\n", '# k0 = "[[t]]\n', "  \t\n", "#'''\n"))

    def value(self, loc: Loc, depth: int) -> None:
        kind = self.pick("scalar", "scalar", "list", "inline") if depth else "scalar"
        if kind == "scalar":
            self.put(
                self.pick(
                    "1",
                    "-1.5e3",
                    "true",
                    "1979-05-27 07:32:00Z",
                    '"k1 = 2 # ]}\\" \\\\"',
                    "'k1 = \"[x]'",
                    '"""\nk1 = 1\n[t1]\\""" ""\n"""""',
                    "'''a ''k2 = 1\n'''''",
                    '""',
                )
            )
        elif kind == "list":
            self.put("[")
            for index in range(self.draw(st.integers(0, 3))):
                self.put(self.pick("", " ", "\n  ", " # ]\n"))
                self.expected[(*loc, index)] = self.line
                self.value((*loc, index), depth - 1)
                self.put(self.pick(",", " ,", "\n,", "# ,\n,"))
            self.put(self.pick("]", "\n]"))
        else:
            self.put("{ ")
            for index in range(self.draw(st.integers(0, 2))):
                self.put(", " if index else "")
                self.expected[(*loc, f"k{index}")] = self.line
                self.put(self.key(f"k{index}") + " = ")
                self.value((*loc, f"k{index}"), depth - 1)
            self.put(" }")

    def pairs(self, table: Loc) -> None:
        for index in range(self.draw(st.integers(0, 3))):
            self.noise()
            names = [f"k{index}", *(["d1"] if self.draw(st.booleans()) else [])]
            for end in range(1, len(names) + 1):
                self.expected[(*table, *names[:end])] = self.line
            self.put(self.pick(".", " . ").join(self.key(name) for name in names) + self.pick("=", " = "))
            self.value((*table, *names), depth=2)
            self.put(self.pick("\n", "  # k9 = 1\n"))

    def document(self) -> None:
        self.pairs(())
        for index in range(self.draw(st.integers(0, 3))):
            self.noise()
            name = f"t{index}"
            if self.draw(st.booleans()):
                self.expected[(name,)] = self.line
                self.put(f"[{self.key(name)}]\n")
                self.pairs((name,))
                continue
            for item in range(self.draw(st.integers(1, 2))):
                self.expected.setdefault((name,), self.line)
                self.expected[(name, item)] = self.line
                self.put(f"[[{self.key(name)}]]\n")
                self.pairs((name, item))
                if self.draw(st.booleans()):
                    self.expected[(name, item, "sub")] = self.line
                    self.put(f"[{name}.sub] # below\n")
                    self.pairs((name, item, "sub"))


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[Loc, int]]:
    writer = Writer(draw)
    writer.document()
    return writer.text, writer.expected


@given(documents())
def test_random_documents(document: tuple[str, dict[Loc, int]]) -> None:
    text, expected = document
    places = set(everything_in(tomllib.loads(text)))
    assert set(expected) == places, "the test's own writer is wrong"
    assert lines_of(text) == expected


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Camera(Part):
    source: str = Field(description="where frames come from")
    frames_per_s: float = Field(5.0, gt=0, le=60)
    size: tuple[int, int] = (640, 480)
    mode: Literal["day", "night"] = "day"
    hue: float | Literal["auto"] | list[int] = 1.0

    @field_validator("source")
    @classmethod
    def not_empty(cls, source: str) -> str:
        if not source:
            raise ValueError("an empty source shows nothing")
        return source


class Drone(Part):
    id: Annotated[str, Field(pattern="^[a-z]+$", description="small")]


class Agent(Part):
    camera: Camera
    read_only: bool = False


class Settings(Part):
    agent: Agent | None = None
    drones: list[Drone] = []


def mistakes(text: str) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(tomllib.loads(text))
    return explain(text, caught.value, Settings)


CASES: list[tuple[str, list[str]]] = [
    (
        '[agent.camera]\nscource = "x"\n',
        [
            "line 1: the key 'source' is missing in [agent.camera] (where frames come from)",
            "line 2: unknown key 'scource' in [agent.camera]; did you mean 'source'?",
        ],
    ),
    (
        '[agent.camera]\nsource = "x"\nzz = 1\n',
        ["line 3: unknown key 'zz' in [agent.camera]; known are: source, frames_per_s, size, mode, hue"],
    ),
    (
        '[agent.camera]\nsource = "x"\n\n[agent.camra]\n',
        ["line 4: unknown table [agent.camra]; did you mean 'camera'?"],
    ),
    ("[agent]\n", ["line 1: the table [agent.camera] is missing"]),
    (
        '[agent.camera]\nsource = "x"\nframes_per_s = "fast"\n',
        ["line 3: 'frames_per_s' in [agent.camera] must be a number, not text"],
    ),
    (
        '[agent.camera]\nsource = "x"\nframes_per_s = 61\n',
        ["line 3: 'frames_per_s' in [agent.camera] must be at most 60.0, not 61"],
    ),
    (
        "[agent.camera]\nsource = 3\n",
        ["line 2: 'source' in [agent.camera] must be text in quotes, not 3"],
    ),
    (
        '[agent]\nread_only = "perhaps"\ncamera = "x"\n',
        [
            "line 2: 'read_only' in [agent] must be true or false, not text",
            "line 3: 'camera' in [agent] must be a table, not text",
        ],
    ),
    (
        '[agent.camera]\nsource = "x"\nsize = [\n  640,\n  "high",\n]\n',
        ["line 5: item 2 of 'size' in [agent.camera] must be a whole number, not text"],
    ),
    (
        '[agent.camera]\nsource = "x"\nmode = "nigth"\n',
        ["line 3: 'mode' in [agent.camera] must be 'day' or 'night'; did you mean 'night'?"],
    ),
    (
        '[agent.camera]\nsource = "x"\nhue = {}\n',
        ["line 3: 'hue' in [agent.camera] must be a number or 'auto' or a list, as in [a, b], not a table"],
    ),
    ('[agent.camera]\nsource = ""\n', ["line 2: 'source' in [agent.camera]: an empty source shows nothing"]),
    (
        '[[drones]]\nid = "a"\n[[drones]]\nid = "B"\nkee = 1\n',
        [
            "line 4: 'id' in [drones] number 2 is not written as it must be (small): it must match ^[a-z]+$",
            "line 5: unknown key 'kee' in [drones] number 2; known are: id",
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_mistakes_in_plain_words(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected


def test_a_missing_table_at_the_top_has_no_line() -> None:
    class Needs(Part):
        agent: Agent

    with pytest.raises(ValidationError) as caught:
        Needs.model_validate({})
    assert explain("", caught.value, Needs) == ["the table [agent] is missing"]


@pytest.mark.parametrize(("text", "_"), CASES)
def test_no_text_of_the_file_is_repeated(text: str, _: Any) -> None:
    told = text.replace('"x"', '"s3cret"').replace('"fast"', '"s3cret"').replace('"high"', '"s3cret"')
    assert "s3cret" not in "\n".join(mistakes(told.replace('"B"', '"S3cret"'))).lower()


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("a = 1\nb 2\n", "line 2: not TOML: expected '='"),
        ("a = 1\na = 2\n", "line 2: not TOML: cannot overwrite"),
        ("a =", "at its end: not TOML: invalid value"),
        ("a = [1,\n  2\n  3]", "line 3: not TOML: unclosed array"),
    ],
)
def test_text_that_is_no_toml_is_explained_too(text: str, begins: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    assert explain_syntax(caught.value).startswith(begins)
