"""The sync face is generated: what the generator changes, what it leaves alone, what it refuses."""

import importlib.util
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "unasync.py"


def load() -> ModuleType:
    """Import the script, which is no part of any package."""
    spec = importlib.util.spec_from_file_location("unasync", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["unasync"] = module  # dataclasses look their own module up
    spec.loader.exec_module(module)
    return module


unasync = load()
RULES = (unasync.name("__aenter__", "__enter__"),)
SOURCE = "class Lock:\n    async def __aenter__(self) -> None: ...\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a tree with one source and its generated twin."""
    put(tmp_path, "datapatterns/_async/lock.py", SOURCE)
    assert unasync.write(tmp_path, RULES) == []
    return tmp_path


def put(root: Path, path: str, text: str) -> Path:
    """Write a file and the folders above it."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("async def f(): return await g()", "def f(): return g()"),
        ("async with a as b: pass", "with a as b: pass"),
        ("async for a in b: pass", "for a in b: pass"),
        ("[x async for x in y if await x]", "[x for x in y if x]"),
        ("{k: await v async for k, v in y}", "{k: v for k, v in y}"),
        ("[\n    x\n    async for x in y\n]", "[\n    x\n    for x in y\n]"),
        ("x = (\n    await\n    f(1)\n)", "x = (\n    f(1)\n)"),
        ("x = await f(\n    await g(),\n)", "x = f(\n    g(),\n)"),
        ("class AsyncLock(_AsyncBase): ...", "class Lock(_Base): ..."),
        ("Async = is_async = awaits = 1", "Async = is_async = awaits = 1"),
        ("def f() -> AsyncIterator[int]: ...", "def f() -> Iterator[int]: ..."),
        ("x: AbstractAsyncContextManager[int]", "x: AbstractContextManager[int]"),
        ("@asynccontextmanager\nasync def f(): ...", "@contextmanager\ndef f(): ..."),
        ("async def __aexit__(self): await self.aclose()", "def __exit__(self): self.close()"),
        ("raise StopAsyncIteration", "raise StopIteration"),
        ("await anext(aiter(x))", "next(iter(x))"),
        ("from redis.asyncio import Redis", "from redis import Redis"),
        ("from testing.conformance.aio import *", "from testing.conformance import *"),
        ("import redis.asyncio as r", "import redis as r"),
        ("from redis.asyncio.client import Pipeline", "from redis.client import Pipeline"),
        ("from datapatterns._async.queue import x", "from datapatterns._sync.queue import x"),
        ("import asyncio\nawait asyncio.sleep(1)", "import time\ntime.sleep(1)"),
        ("def test(async_client): ...", "def test(client): ..."),
    ],
)  # fmt: skip
def test_code_is_translated(source: str, expected: str) -> None:
    """Keywords go and names change, inside comprehensions and across lines too."""
    assert unasync.transform(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        'x = "await f() async with AsyncLock"',
        'f("_async", b"AsyncLock", r"aclose")',
        'x = f"await AsyncLock {x} aclose"',
        'x = """\nasync def f(): ...\n"""',
        'x = f"{a:{b}} async for"  # ok',
    ],
)
def test_strings_are_data(source: str) -> None:
    """No rule reaches into a string that is not a docstring."""
    assert unasync.transform(source) == source


def test_string_that_is_a_name_is_renamed() -> None:
    """An entry of __all__ and a forward reference are names in quotes."""
    source = '__all__ = ["AsyncLock"]\ndef f() -> "AsyncLock": ...\n'
    assert unasync.transform(source) == '__all__ = ["Lock"]\ndef f() -> "Lock": ...\n'


def test_docstrings_and_comments_show_the_sync_face() -> None:
    """Examples in prose lose `await` before a call; the noun stays."""
    source = dedent('''
        """AsyncLock: `await lock.take()`, `async with lock`. Cancelling the await is safe."""
        class AsyncLock:
            size: int  # see AsyncLock.aclose()
            """Use `async for` on it."""
    ''')
    assert unasync.transform(source) == dedent('''
        """Lock: `lock.take()`, `with lock`. Cancelling the await is safe."""
        class Lock:
            size: int  # see Lock.close()
            """Use `for` on it."""
    ''')


@pytest.mark.parametrize("inside", ["{await f()}", "{AsyncLock.size}", "{a:{x.aclose}}"])
def test_fstring_with_something_to_translate_is_refused(inside: str) -> None:
    """Python versions see f-strings differently, so such an expression has to move out."""
    with pytest.raises(unasync.UnasyncError, match="out of the f-string"):
        unasync.transform(f'async def g(): return f"{inside}"')


def test_segments_join_to_the_source() -> None:
    """The splitting loses nothing, on this very file."""
    text = Path(__file__).read_text("utf-8")
    assert "".join(part for _, part in unasync.segments(text)) == text


def test_output_has_header_sorted_imports_and_format(tmp_path: Path) -> None:
    """The generated file says where it comes from and is formatted like any other."""
    imports = "from collections.abc import AsyncIterator, Callable, Iterable\n"
    source = imports + "x = AsyncIterator, Callable, Iterable\n"
    put(tmp_path, "tests/redis/_async/test_a.py", source)
    assert unasync.write(tmp_path, [unasync.CLASS]) == []
    assert (tmp_path / "tests/redis/_sync/test_a.py").read_text() == (
        "# Generated from tests/redis/_async/test_a.py by scripts/unasync.py; do not edit.\n"
        "from collections.abc import Callable, Iterable, Iterator\n\n"
        "x = Iterator, Callable, Iterable\n"
    )


def test_written_tree_passes_the_check(root: Path) -> None:
    """What was just written is what the check expects."""
    assert unasync.check(root, RULES) == []


def test_check_names_a_difference(root: Path) -> None:
    """An edited output is named, and the check leaves it as it is."""
    twin = put(root, "datapatterns/_sync/lock.py", "edited = True\n")
    assert unasync.check(root, RULES) == ["datapatterns/_sync/lock.py differs from its source"]
    assert twin.read_text() == "edited = True\n"


def test_check_names_a_missing_output(root: Path) -> None:
    """A source that was never generated is named."""
    (root / "datapatterns/_sync/lock.py").unlink()
    assert unasync.check(root, RULES) == ["datapatterns/_sync/lock.py is missing"]


def test_check_names_an_orphan(root: Path) -> None:
    """A file that lost its source is named."""
    put(root, "tests/x/_sync/deep/test_old.py", "")
    assert unasync.check(root, RULES) == ["tests/x/_sync/deep/test_old.py has no source in _async"]


def test_write_removes_generated_orphans_only(root: Path) -> None:
    """Renaming a source moves its output; a file written by hand is never removed."""
    (root / "datapatterns/_async/lock.py").rename(root / "datapatterns/_async/key.py")
    mine = put(root, "datapatterns/_sync/mine.py", "x = 1\n")
    problems = unasync.write(root, RULES)
    assert problems == ["datapatterns/_sync/mine.py has no source in _async"]
    assert mine.exists()
    assert not (root / "datapatterns/_sync/lock.py").exists()
    assert (root / "datapatterns/_sync/key.py").exists()


def test_by_hand_needs_a_twin_by_hand(root: Path) -> None:
    """A source marked as written by hand is not generated, and its twin must carry the mark."""
    mark = '"""Doc."""\n# unasync: by hand\n'
    put(root, "datapatterns/_async/face.py", mark)
    problem = "datapatterns/_async/face.py has no twin by hand: datapatterns/_sync/face.py"
    assert unasync.check(root, RULES)[0].startswith(problem)
    put(root, "datapatterns/_sync/face.py", "x = 1\n")
    assert unasync.check(root, RULES)[0].startswith(problem)
    put(root, "datapatterns/_sync/face.py", mark)
    assert unasync.check(root, RULES) == []


def test_twin_by_hand_is_never_overwritten(root: Path) -> None:
    """A source that lost its mark does not replace what somebody wrote."""
    twin = put(root, "datapatterns/_sync/lock.py", "# unasync: by hand\n")
    problem = "datapatterns/_sync/lock.py is by hand but datapatterns/_async/lock.py is not"
    assert problem in unasync.write(root, RULES)
    assert twin.read_text() == "# unasync: by hand\n"


def test_check_names_an_unused_rule(root: Path) -> None:
    """A rule that changes nothing in the tree is named, whichever it is."""
    unused = unasync.name("unused", "x")
    assert unasync.check(root, [unused, *RULES]) == [
        r"the rule '\\bunused\\b' matched nothing: remove it"
    ]


def test_source_that_does_not_parse_is_named(root: Path) -> None:
    """One broken source is a problem of that file and hides no other."""
    put(root, "datapatterns/_async/bad.py", "def (:\n")
    put(root, "datapatterns/_sync/lock.py", "")
    problems = unasync.check(root, RULES)
    assert any(problem.startswith("datapatterns/_async/bad.py: ") for problem in problems)
    assert "datapatterns/_sync/lock.py differs from its source" in problems


def test_command_line_reports_by_exit_status(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` exits 1 and names the file on stderr."""
    (root / "datapatterns/_sync/lock.py").unlink()
    assert unasync.main(["--check", "--root", str(root)]) == 1
    assert "unasync: datapatterns/_sync/lock.py is missing" in capsys.readouterr().err
