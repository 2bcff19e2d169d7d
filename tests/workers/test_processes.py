"""Workers that are really signalled and really killed."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs.py"
KILLS = 12


@contextmanager
def program(name: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start one of the programs; end it with the block if it has not ended by itself."""
    command = [sys.executable, "-W", "error", str(PROGRAMS), name, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def lines_until(process: subprocess.Popen[str], start: str, count: int = 1) -> list[str]:
    """Read lines until so many begin like that."""
    assert process.stdout is not None
    lines: list[str] = []
    while sum(line.startswith(start) for line in lines) < count:
        line = process.stdout.readline()
        assert line, f"the program ended early, after {lines}"
        lines.append(line.strip())
    return lines


def the_rest(process: subprocess.Popen[str]) -> str:
    """Return what else it says, once it has ended."""
    # Not `communicate`, which forgets the lines that are already in the buffer.
    assert process.stdout is not None
    rest = process.stdout.read()
    process.wait(60)
    return rest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", ["drained", "drained_async"])
def test_a_signal_drains_and_the_program_exits_cleanly(
    name: str, number: signal.Signals, tmp_path: Path
) -> None:
    """What had begun is finished and saved, run returns, and the former handlers are back."""
    with program(name, tmp_path) as process:
        lines = lines_until(process, "begin")
        process.send_signal(number)
        rest = the_rest(process)
    lines += rest.split("\n")
    begun, done = ([line for line in lines if line.startswith(word)] for word in ("begin", "done"))
    assert process.returncode == 0
    assert len(begun) == len(done)
    assert f"handled {len(done)}" in lines
    assert "restored True" in lines
    assert list(tmp_path.glob("w*"))


@pytest.mark.parametrize("name", ["abandoned", "abandoned_async"])
def test_a_second_signal_abandons(name: str, tmp_path: Path) -> None:
    """Even a thread that hangs for ever does not keep the program, and nothing is saved for it."""
    with program(name, tmp_path) as process:
        lines_until(process, "begin", 2)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        rest = the_rest(process)
    assert process.returncode == 0
    assert "handled 0" in rest
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["idle", "idle_async"])
def test_a_signal_wakes_what_waits(name: str, tmp_path: Path) -> None:
    """At once, though nothing else happens in the program."""
    with program(name, tmp_path) as process:
        lines_until(process, "begin")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert "woken True" in the_rest(process)
    assert time.monotonic() - began < 25


def test_outside_the_main_thread_no_handlers_are_installed(tmp_path: Path) -> None:
    """There the signals belong to the application."""
    with program("beside", tmp_path) as process:
        rest = the_rest(process)
    assert "untouched [True, True]" in rest


def test_killed_at_random_it_skips_nothing(tmp_path: Path, figures: Callable[..., None]) -> None:
    """SIGKILL between effect and checkpoint: all changes take effect, each id's in its order."""
    kills = 0
    while kills < KILLS:
        with program("killed", tmp_path) as process:
            lines_until(process, "ready")
            time.sleep(random.random() * 0.12)
            if process.poll() is None:
                kills += 1
            process.kill()
    with program("killed", tmp_path) as process:
        rest = the_rest(process)
    assert (process.returncode, "through" in rest) == (0, True)
    effects = [int(line) for line in (tmp_path / "effects").read_text().split()]
    check(effects)
    figures(
        "changes worker killed",
        kills=kills,
        changes=len(set(effects)),
        repeated=len(effects) - len(set(effects)),
        skipped=0,
    )


def check(effects: list[int]) -> None:
    """Everything took effect, and first in the order of its id."""
    sys.path.append(str(PROGRAMS.parent.parent))
    from workers.programs import COUNT, IDS

    assert set(effects) == set(range(1, COUNT + 1))
    for id in set(IDS):
        firsts = list(dict.fromkeys(place for place in effects if IDS[place - 1] == id))
        assert firsts == sorted(firsts)
