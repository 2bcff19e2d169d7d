"""The list of what is covered names tests that exist."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_test_that_is_named_exists() -> None:
    """In the file that is named with it, where one is."""
    tests = {
        path.stem: set(re.findall(r"def (test_\w+)", path.read_text("utf-8")))
        for path in [*HERE.glob("_async/test_*.py"), *HERE.glob("test_*.py")]
    }
    text = (HERE / "README.md").read_text("utf-8")
    for file, name in re.findall(r"`(test_\w+)::(test_\w+)`", text):
        assert name in tests[file]
    named = set(re.findall(r"`(test_\w+)(?:\.py)?`", text))
    assert len(named) > 100
    assert named - set(tests) <= set().union(*tests.values())
