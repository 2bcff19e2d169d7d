"""The table of capabilities says what a run of the conformance suite has proven."""

from __future__ import annotations

import pytest

from datapatterns.capabilities import BACKENDS
from datapatterns.testing import matrix

FILE = f"# Title\n\n{matrix.BEGIN}old{matrix.END}\n\nmore\n"


def proofs(*claims: str, failed: str = "") -> dict[tuple[str, str], str]:
    """Return the cells that tests with these claims prove."""
    found = matrix.Proofs()
    for claim in claims:
        found.note(claim, claim != failed)
    return found.cells()


def test_both_faces_prove_a_cell() -> None:
    """A cell is proven by both faces, and not if one of them fails."""
    both = "level async groups has", "level sync groups has"
    assert proofs(*both) == {("groups", "level"): "yes"}
    assert proofs(both[0]) == {}
    assert proofs(*both, "level sync groups has", failed=both[1]) == {}
    no = "redis async changes refuses", "redis sync changes refuses"
    assert proofs(*no) == {("changes", "redis"): "no"}


def test_what_is_written_is_read() -> None:
    """Writing changes only the table, and keeps the cells that the run did not test."""
    first = matrix.written(FILE, {("groups", "level"): "yes", ("changes", "redis"): "no"})
    assert first.startswith("# Title\n\n")
    assert first.endswith("\n\nmore\n")
    cells = matrix.read(matrix.written(first, {("changes", "redis"): "yes"}))
    assert cells["groups", "level"] == cells["changes", "redis"] == "yes"
    assert cells["counter", "level"] == "?"
    assert {backend for _, backend in cells} == set(BACKENDS)


@pytest.mark.parametrize(
    ("said", "in_file", "whole", "differs"),
    [
        ("yes", "yes", True, False),
        ("no", "yes", False, True),
        ("yes", "no", False, True),
        ("yes", None, False, True),
        (None, "yes", True, True),
        (None, "yes", False, False),
    ],
)
def test_differences(said: str | None, in_file: str | None, whole: bool, differs: bool) -> None:
    """A whole run must prove every cell; a partial run must not contradict one."""
    proven, known = {("counter", "level"): "yes"}, {("counter", "level"): "yes"}
    if said:
        proven["groups", "level"] = said
    if in_file:
        known["groups", "level"] = in_file
    assert bool(matrix.differences(proven, known, whole)) == differs


def test_a_difference_fails_the_run(pytester: pytest.Pytester) -> None:
    """The run fails and names the wrong cell of the file."""
    pytester.makepyfile(
        """
        import pytest
        from datapatterns.capabilities import LEVEL

        class Store:
            capabilities = LEVEL

        @pytest.fixture
        def target():
            return Store()

        class TestGroups:
            pattern = "groups"

            def test_it(self, target):
                pass

            @pytest.mark.anyio
            async def test_it_async(self, target):
                pass
        """
    )
    file = pytester.path / "README.md"
    file.write_text(matrix.written(FILE, {("groups", "level"): "no"}))
    plain = ["-p", "datapatterns.testing.matrix", "-p", "no:cacheprovider", "--matrix", str(file)]
    failed = pytester.runpytest_inprocess(*plain)
    assert failed.ret == pytest.ExitCode.TESTS_FAILED
    failed.stdout.fnmatch_lines(["*groups on level: the run says yes, the file no"])
    assert pytester.runpytest_inprocess(*plain, "--matrix-write").ret == pytest.ExitCode.OK
    assert matrix.read(file.read_text())["groups", "level"] == "yes"
