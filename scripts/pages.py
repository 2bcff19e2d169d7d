"""Write the parts of the documentation that are made from the code.

    python scripts/pages.py            # write them
    python scripts/pages.py --check    # only say what is out of date; exit 1 if anything is

1. docs/reference/names.md: every public name, what it is, and a link to where it is documented. A
   name that is documented nowhere breaks that link, and so the strict build.
2. docs/llms.txt: every page of the site with its first sentence.

The table of capabilities is written by scripts/capabilities, from a run of the conformance suite.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
INCLUDED = re.compile(r'^--8<-- "(\S+\.md)"$', re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)

# Where users import from: a package, or a module of these folders, whose `__all__` says what is
# public.
PLACES = ("__init__.py", "*/__init__.py", "web/*.py", "testing/*/*.py")
# Its test classes are imported all at once, with a star; nobody names one of them.
SUITE = "datapatterns.testing.conformance"


@dataclass(frozen=True)
class Name:
    """A public name, the module that defines it, and the first line of its docstring."""

    name: str
    module: str
    what: str

    @property
    def documented(self) -> str:
        """Where the reference has it: with the sync twin of an async name, if that is generated."""
        sync = self.module.replace("._async.", "._sync.")
        if sync != self.module:
            found = getattr(importlib.import_module(sync), twin(self.name), None)
            if getattr(found, "__module__", None) == sync:
                return f"{sync}.{twin(self.name)}"
        return f"{self.module}.{self.name}"


def twin(name: str) -> str:
    """The sync name of an async one."""
    return name.removeprefix("async_").removeprefix("Async")


def public_modules() -> list[str]:
    """Return the modules that users import from, the package itself first."""
    files = {path for place in PLACES for path in (ROOT / "datapatterns").glob(place)}
    public = (
        path for path in files if re.search("^__all__ = ", path.read_text("utf-8"), re.MULTILINE)
    )
    parts = (path.relative_to(ROOT).with_suffix("").parts for path in public)
    return sorted(".".join(part for part in each if part != "__init__") for each in parts)


def public_names(module: str) -> list[Name]:
    """What the module offers, in alphabetical order."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.exists():
        return []
    loaded = importlib.import_module(module)
    names = getattr(loaded, "__all__", None) or defined(ast.parse(file.read_text("utf-8")))
    if module.startswith(SUITE):
        names = [name for name in names if name.endswith("Target")]
    return [described(loaded, name) for name in sorted(names, key=str.lower)]


def defined(tree: ast.Module) -> Iterator[str]:
    """The public classes and functions of a module."""
    for node in tree.body:
        is_named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if is_named and not node.name.startswith("_"):
            yield node.name


def described(module: ModuleType, name: str) -> Name:
    """The name with its home and the first line of its docstring."""
    found = getattr(module, name)
    home = getattr(found, "__module__", None)
    if not isinstance(home, str) or not home.startswith("datapatterns"):
        return alias(name) or Name(name, "", "a constant")  # such as a version
    line = (found.__doc__ or "").strip().split("\n")[0]
    return Name(name, home, line)


def alias(name: str) -> Name | None:
    """Return the name with the docstring behind it, if core makes it of other types."""
    for path in sorted((ROOT / "datapatterns" / "core").glob("*.py")):
        source = path.read_text("utf-8")
        told = re.search(
            rf'^{name} = (?:(?!\n\w).)*?\n"""([^\n]*?)(?:"""|\n)', source, re.DOTALL | re.MULTILINE
        )
        if told:
            return Name(name, f"datapatterns.core.{path.stem}", told[1])
    return None


def names_page() -> str:
    """The reference of all public names."""
    parts = [
        "# All names\n\nEvery public name, by the module to import it from. An async class has the"
        " methods of its sync\ntwin, awaited [save a few](../guides/choosing.md#sync-and-async),"
        " and stands with it.\n"
    ]
    for module in public_modules():
        if not (names := public_names(module)):
            continue
        parts.append(f"\n## {module}\n\n| name | |\n|---|---|\n")
        for name in names:
            shown = f"[`{name.name}`][{name.documented}]" if name.module else f"`{name.name}`"
            parts.append(f"| {shown} | {name.what.replace('|', '&#124;')} |\n")
    return "".join(parts)


def listed_pages() -> list[tuple[str, str]]:
    """Each page in the navigation of mkdocs.yml: its path, and the heading it stands under."""
    nav = (ROOT / "mkdocs.yml").read_text("utf-8").split("\nnav:\n")[1]
    pages: list[tuple[str, str]] = []
    section, alone = "", "Start"
    for line in nav.splitlines():
        if heading := re.match(r"  - ([^:]+):$", line):
            section, alone = heading[1], "More"
        elif page := re.search(r"(\S+\.md)$", line):
            pages.append((page[1], section if line.startswith("    ") else alone))
    return pages


def llms(made: Mapping[Path, str]) -> str:
    """The site for language models: see llmstxt.org."""
    parts = [
        "# datapatterns\n\n"
        "> Data-access patterns with one contract each over LevelDB (embedded), Redis and CouchDB,"
        " for Python 3.11 and later, sync and async, with pydantic schemas and one tree of errors"
        " that maps to HTTP statuses.\n\n"
        'Start with `Store.from_url("level:./data")` and change the URL later. Every pattern takes'
        " the same calls on every backend that has it; one that it lacks raises Unsupported (501)."
        " In the async face, `AsyncStore`, calls that may wait are awaited; the factories, `stop`,"
        " `listeners` and a few more are not, and `iterate`, `members` and `follow` need"
        " `async for`: see [sync and async](guides/choosing#sync-and-async). Act on an error's"
        " class or code, never on its text. Every example in these pages is run by the tests.\n"
    ]
    section = None
    for page, heading in listed_pages():
        if heading != section:
            parts.append(f"\n## {heading}\n")
            section = heading
        path = DOCS / page
        title, first = summary(made.get(path) or path.read_text("utf-8"))
        parts.append(f"- [{title}]({address(page)}): {first}\n")
    return "".join(parts)


def address(page: str) -> str:
    """Where the site has the page."""
    return "./" if page == "index.md" else page.removesuffix("index.md").removesuffix(".md")


def summary(text: str) -> tuple[str, str]:
    """A page's title and its first sentence."""
    text = INCLUDED.sub(lambda found: (ROOT / found[1]).read_text("utf-8"), text)
    title, _, body = text[text.index("# ") + 2 :].partition("\n")
    for paragraph in FENCED.sub("", body).split("\n\n"):
        plain = " ".join(paragraph.split())
        if plain and plain[0] not in "#|!-:<":
            plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", plain)
            return title, re.split(r"(?<=[.:]) (?=[A-Z])", plain)[0]
    return title, "the reference of the module."


def pages() -> dict[Path, str]:
    """Each file that is made here, or has a part that is, and what it should be."""
    names = DOCS / "reference" / "names.md"
    made = {names: names_page()}
    made[DOCS / "llms.txt"] = llms(made)
    return made


def main() -> int:
    """Write what differs, or only say so."""
    stale = [
        path
        for path, text in pages().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    for path in stale:
        print(f"{'stale' if '--check' in sys.argv else 'wrote'}: {path.relative_to(ROOT)}")
        if "--check" not in sys.argv:
            path.write_text(pages()[path], "utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
