"""Generate every `_sync` folder from the `_async` folder beside it.

    python scripts/unasync.py            write the generated files
    python scripts/unasync.py --check    write nothing; exit 1 and say what is not as it should be

The async face is the source because removing `await` is mechanical and inserting it is not.
Python's own tokenizer splits a file into code, docstrings, comments and other strings, so that each
kind gets the treatment it needs; the rules below then say what is renamed. A file with the line
`# unasync: by hand` near its top has no mechanical twin: its `_sync` counterpart is written by hand
and carries the same line.
"""

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FOLDERS = ("datapatterns", "tests")
BY_HAND = "# unasync: by hand"
NEAR_TOP = 20  # lines: a module docstring may come first
HEADER = "# Generated from {} by scripts/unasync.py; do not edit.\n"


@dataclass(frozen=True)
class Rule:
    """One rename: a regular expression for code, and for prose where prose needs a narrower one."""

    code: str
    new: str
    prose: str = ""

    def apply(self, text: str, *, prose: bool = False) -> str:
        """Return `text` with every match replaced."""
        return re.sub(self.prose if prose and self.prose else self.code, self.new, text)


def name(old: str, new: str) -> Rule:
    """Return the rule that renames the (dotted) name `old`, whole words only."""
    return Rule(rf"\b{re.escape(old)}\b", new)


CLASS = Rule(r"\b(_?)Async(?=[A-Z])", r"\1")

# Applied from top to bottom. `--check` fails on a rule that matched nothing, so that the table says
# what the tree really uses; add a rule together with the first source that needs it.
RULES = (
    # In prose `await` is also a noun, so there it goes only in front of a call.
    Rule(r"\bawait\b\s*", "", prose=r"\bawait (?=[\w.]+\()"),
    Rule(r"\basync (?=(?:def|with|for)\b)", ""),
    CLASS,  # AsyncCounter, AsyncIterator, AsyncExitStack, _AsyncCursor, ...
    name("AbstractAsyncContextManager", "AbstractContextManager"),
    name("asynccontextmanager", "contextmanager"),
    name("__aenter__", "__enter__"),
    name("__aexit__", "__exit__"),
    name("__aiter__", "__iter__"),
    name("__anext__", "__next__"),
    name("StopAsyncIteration", "StopIteration"),
    name("aiter", "iter"),
    name("anext", "next"),
    name("aclose", "close"),
    name("redis.asyncio", "redis"),
    # Anything else of asyncio has no plain twin; the type checkers then say so in the output.
    name("import asyncio", "import time"),
    name("asyncio.sleep", "time.sleep"),
    name("_async", "_sync"),
    name("conformance.aio", "conformance"),
    Rule(r"\basync_(?=\w)", ""),  # async_client, a fixture's name
)


class UnasyncError(Exception):
    """A source that cannot be translated, or a tool that is missing."""


@dataclass
class Translator:
    """Apply a table of rules and remember which of them had an effect."""

    rules: Sequence[Rule] = RULES
    used: set[Rule] = field(default_factory=set[Rule])

    def transform(self, source: str) -> str:
        """Return the sync face of one module's source."""
        self._refuse_fstrings(source)
        return "".join(self._segment(kind, text) for kind, text in segments(source))

    def _segment(self, kind: str, text: str) -> str:
        if kind == "code":
            return self._rename(text)
        if kind in ("comment", "docstring"):
            return self._rename(text, prose=True)
        # A string is data and stays as it is, unless all of it is the name of a class: an entry
        # of __all__, or a forward reference.
        if re.fullmatch(r"""(['"])_?Async[A-Z]\w*\1""", text):
            return self._rename(text)
        return text

    def _rename(self, text: str, *, prose: bool = False) -> str:
        for rule in self.rules:
            new = rule.apply(text, prose=prose)
            if new != text:
                self.used.add(rule)
                text = new
        return text

    def _refuse_fstrings(self, source: str) -> None:
        # To tokenize, an f-string is one string in Python 3.11 and many tokens in 3.12: the output
        # would depend on the version, so nothing that needs translating may stand inside one.
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FormattedValue):
                code = ast.unparse(node.value)
                if any(rule.apply(code) != code for rule in self.rules):
                    raise UnasyncError(
                        f"line {node.lineno}: take {code!r} out of the f-string; "
                        "what is inside one is not translated"
                    )


def transform(source: str) -> str:
    """Return the sync face of one module's source."""
    return Translator().transform(source)


def segments(source: str) -> Iterator[tuple[str, str]]:
    """Split `source` into (kind, text); a kind is code, comment, docstring or string."""
    starts = [0]
    for line in io.StringIO(source, newline=""):
        starts.append(starts[-1] + len(line))
    done = 0
    for kind, first, last in spans(source):
        start, end = (starts[row - 1] + column for row, column in (first, last))
        yield "code", source[done:start]
        yield kind, source[start:end]
        done = end
    yield "code", source[done:]


Position = tuple[int, int]
LAYOUT = (tokenize.ENCODING, tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)
FSTRING_START = getattr(tokenize, "FSTRING_START", None)  # both are new in 3.12
FSTRING_END = getattr(tokenize, "FSTRING_END", None)


def spans(source: str) -> Iterator[tuple[str, Position, Position]]:
    """Yield (kind, start, end) of every comment and string in `source`."""
    tokens = list(tokenize.generate_tokens(io.StringIO(source, newline="").readline))
    begins_statement = True
    nested: list[Position] = []
    for index, token in enumerate(tokens):
        if token.type == FSTRING_START:
            nested.append(token.start)
        elif token.type == FSTRING_END:
            start = nested.pop()
            if not nested:
                yield "string", start, token.end
        elif nested:
            continue
        elif token.type == tokenize.COMMENT:
            yield "comment", token.start, token.end
        elif token.type == tokenize.STRING:
            # A string that is a whole statement documents what stands above it.
            ends_statement = tokens[index + 1].type in (tokenize.NEWLINE, tokenize.COMMENT)
            alone = begins_statement and ends_statement
            yield ("docstring" if alone else "string"), token.start, token.end
        if token.type not in LAYOUT:
            begins_statement = token.type == tokenize.NEWLINE


@dataclass
class Plan:
    """What should be in the `_sync` folders, and what stands in the way."""

    outputs: dict[Path, str] = field(default_factory=dict[Path, str])
    orphans: list[Path] = field(default_factory=list[Path])
    problems: list[str] = field(default_factory=list[str])


def plan(root: Path, rules: Sequence[Rule] = RULES) -> Plan:
    """Return what every `_sync` folder below `root` should hold; write nothing."""
    result, translator, twins = Plan(), Translator(rules), set[Path]()
    for source in modules(root, "_async"):
        label = source.relative_to(root).as_posix()
        twin = root / label.replace("/_async/", "/_sync/")
        twins.add(twin)
        text = source.read_text("utf-8")
        if by_hand(text):
            if not twin.exists() or not by_hand(twin.read_text("utf-8")):
                missing = f"has no twin by hand: {twin.relative_to(root)} with {BY_HAND!r}"
                result.problems.append(f"{label} {missing}")
        elif twin.exists() and by_hand(twin.read_text("utf-8")):
            result.problems.append(f"{twin.relative_to(root)} is by hand but {label} is not")
        else:
            try:
                code = HEADER.format(label) + translator.transform(text)
                result.outputs[twin] = tidy(code, twin, root)
            except (UnasyncError, SyntaxError) as error:
                result.problems.append(f"{label}: {error}")
    result.orphans = [path for path in modules(root, "_sync") if path not in twins]
    for rule in rules if twins else ():
        if rule not in translator.used:
            result.problems.append(f"the rule {rule.code!r} matched nothing: remove it")
    return result


def modules(root: Path, folder: str) -> Iterator[Path]:
    """Yield every Python file below a folder of that name, sorted."""
    for top in FOLDERS:
        for path in sorted((root / top).rglob("*.py")):
            if folder in path.relative_to(root).parts[:-1] and "node_modules" not in path.parts:
                yield path


def by_hand(text: str) -> bool:
    """Return whether a file says near its top that it is written by hand."""
    return BY_HAND in (line.strip() for line in text.splitlines()[:NEAR_TOP])


def tidy(code: str, path: Path, root: Path) -> str:
    """Return `code` with its imports sorted and formatted, since shorter names change both."""
    for command in (["check", "--quiet", "--select", "I", "--fix"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(path), "-"]
        done = subprocess.run(
            ruff, input=code, capture_output=True, text=True, encoding="utf-8", cwd=root
        )
        if done.returncode:
            # Without ruff the output would depend on the machine: better none than another.
            raise UnasyncError(done.stderr.strip())
        code = done.stdout
    return code


def write(root: Path, rules: Sequence[Rule] = RULES) -> list[str]:
    """Write what is new, remove generated files that lost their source; return the problems."""
    todo = plan(root, rules)
    for path, code in todo.outputs.items():
        if not path.exists() or path.read_text("utf-8") != code:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code, "utf-8")
            print(f"wrote {path.relative_to(root)}")
    start = HEADER.split("{", maxsplit=1)[0]
    for path in todo.orphans:
        if path.read_text("utf-8").startswith(start):
            path.unlink()
            print(f"removed {path.relative_to(root)}")
        else:
            todo.problems.append(orphan(path, root))
    return todo.problems


def check(root: Path, rules: Sequence[Rule] = RULES) -> list[str]:
    """Return everything about the `_sync` folders that is not as it should be."""
    todo = plan(root, rules)
    problems = todo.problems + [orphan(path, root) for path in todo.orphans]
    for path, code in todo.outputs.items():
        if not path.exists():
            problems.append(f"{path.relative_to(root)} is missing")
        elif path.read_text("utf-8") != code:
            problems.append(f"{path.relative_to(root)} differs from its source")
    return problems


def orphan(path: Path, root: Path) -> str:
    """Return the complaint about a file in `_sync` without a source."""
    return f"{path.relative_to(root)} has no source in _async"


def main(arguments: Iterable[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 on any problem")
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent)
    options = parser.parse_args(None if arguments is None else list(arguments))
    problems = (check if options.check else write)(options.root.resolve())
    for problem in problems:
        print(f"unasync: {problem}", file=sys.stderr)
    if problems and options.check:
        print("unasync: run scripts/unasync.py and look at what changed", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
