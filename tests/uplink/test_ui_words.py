"""The page's words: all in both languages, all of them used, and none written anywhere but among them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "uplink/station/ui/src"
ENTRY = re.compile(r'^  (?:"([^"]+)"|(\w+)):\s*((?:"(?:[^"\\]|\\.)*"|\s)+),$', re.MULTILINE)
CJK = re.compile(r"[\u4e00-\u9fff]")
NAMES = {
    "Emberwatch",
    "GCJ-02",
    "WGS 84",
    "UTM",
    "MGRS",
    "AMSL",
    "UTC",
    "OpenStreetMap",
    "kbit",
}  # the same in every language
SPOKEN = ("aria-label", "title", "placeholder", "alt", "label", "hint")
AREAS = sorted(path.name for path in (SRC / "words/en").glob("*.ts") if path.name != "all.ts")


def words_of(language: str, area: str) -> dict[str, str]:
    text = (SRC / "words" / language / area).read_text(encoding="utf-8")
    found = {quoted or bare: value for quoted, bare, value in ENTRY.findall(text)}
    assert len(found) == len(re.findall(r'^  [\w"]', text, re.MULTILINE)), f"{area} has what cannot be read"
    return found


@pytest.mark.parametrize("area", AREAS)
def test_every_word_is_there_in_both_languages_with_the_same_holes(area: str) -> None:
    en, zh = words_of("en", area), words_of("zh", area)
    assert list(en) == list(zh)
    holes = {key: set(re.findall(r"\{\w+\}", value)) for key, value in en.items()}
    assert {key: set(re.findall(r"\{\w+\}", value)) for key, value in zh.items()} == holes


@pytest.mark.parametrize("area", AREAS)
def test_no_chinese_word_was_forgotten_in_english(area: str) -> None:
    def says_something(value: str) -> bool:
        bare = re.sub(r"\{\w+\}", "", value)
        return any(word not in NAMES for word in re.findall(r"[A-Za-z]{4,}", bare))

    zh = words_of("zh", area)
    assert [key for key, value in zh.items() if says_something(value) and not CJK.search(value)] == []


def test_a_word_stands_in_one_area_only() -> None:
    areas: dict[str, list[str]] = {}
    for area in AREAS:
        for key in words_of("en", area):
            areas.setdefault(key, []).append(area)
    assert {key: found for key, found in areas.items() if len(found) > 1} == {}, (
        "the later one hides the other"
    )


def test_every_word_is_used() -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted(SRC.rglob("*"))
        if path.suffix in (".ts", ".svelte") and "words" not in path.relative_to(SRC).parts
    )
    begun = tuple(re.findall(r"`([\w .]+\.)\$\{", code))  # t(`phase.${…}`)
    unused = [
        key
        for area in AREAS
        for key in words_of("en", area)
        if f'"{key}"' not in code and not (begun and key.startswith(begun))
    ]
    assert unused == []


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.svelte")), ids=lambda path: path.stem)
def test_no_component_writes_words_of_its_own(path: Path) -> None:
    assert [word for word in words_in(path.read_text(encoding="utf-8")) if word not in NAMES] == []


def words_in(component: str) -> list[str]:
    """What its markup says by itself: texts between tags, and attributes that are shown or read out."""
    markup = re.sub(r"<(script|style)\b.*?</\1>|<!--.*?-->", "", component, flags=re.DOTALL)
    markup = _without_expressions(markup)
    # Of tags only what is spoken is looked at; ">" in an attribute went with the expressions.
    found = [
        word
        for tag in re.findall(r"<[^>]*>", markup)
        for name, value in re.findall(r'([\w:-]+)="([^"]*)"', tag)
        if name in SPOKEN
        for word in [value.strip()]
    ]
    found += [text.strip() for text in re.split(r"<[^>]*>", markup)]
    bare = [text.strip(" ·:…,()") for text in found]
    return [text for text in bare if re.search(r"[^\W\d_]{2,}", text)]


def _without_expressions(markup: str) -> str:
    kept, depth = [], 0
    for character in markup:
        depth += character == "{"
        if depth == 0:
            kept.append(character)
        depth -= character == "}"
    return "".join(kept)


def test_a_component_that_writes_words_is_found() -> None:
    component = """<script>const x = "no";</script>
    <p class="text" title="Hello you">{t("a")} {#if n > 3}there{/if} <b aria-label={t("b")}>5 m</b></p>
    <style>p { color: red }</style>"""
    assert words_in(component) == ["Hello you", "there"]


@pytest.mark.parametrize("area", AREAS)
def test_no_word_has_a_unit_of_length_in_it(area: str) -> None:
    """What is measured comes from measures.ts with its unit, metric or imperial."""
    unit = re.compile(r"\{\w+\}\s*(m|km|ft|mi|m²|ha|m/s|km/h|mph|米|公里|英尺)(?![\w])")
    assert [key for key, value in words_of("en", area).items() if unit.search(value)] == []
