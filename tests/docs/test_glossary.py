"""The glossary explains words that are in use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")
LINES = re.findall(r"^- (\*\*.+?\*\*): \S", GLOSSARY, re.MULTILINE)
WORDS = [word for line in LINES for word in re.findall(r"\*\*(.+?)\*\*", f"{line}")]


def code() -> str:
    """Return the library's source without the generated faces, which repeat their sources."""
    files = (ROOT / "datapatterns").rglob("*.py")
    return "\n".join(path.read_text("utf-8") for path in files if "_sync" not in path.parts)


@pytest.fixture(scope="module")
def source() -> str:
    """Return the library's source once for all tests."""
    return code()


@pytest.mark.parametrize("word", WORDS)
def test_each_word_occurs_in_the_code(word: str, source: str) -> None:
    """Each word of the glossary is still used in the code."""
    written = "[ _-]?".join(re.escape(part) for part in re.split("[ -]", word))
    assert re.search(written, source, re.IGNORECASE), word


def test_each_section_is_in_alphabetical_order() -> None:
    """The words of each section are in alphabetical order."""
    for section in GLOSSARY.split("\n## ")[1:]:
        words = re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE)
        assert words == sorted(words), section.split("\n", 1)[0]


def test_each_word_is_explained_once() -> None:
    """No word is explained twice."""
    assert len(WORDS) == len(set(WORDS)) > 30
