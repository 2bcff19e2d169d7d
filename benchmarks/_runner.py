"""What all benchmarks share: rounds, medians, ratios, a table and a plot.

A line is one piece of work, done by several sides: ours first, then its peers. Every round runs
each side once, in alternating order, so that other load on the machine affects all sides alike. The
ratio is taken within a round, and its median over the rounds is compared with the goal. No figure
is asserted.
"""

from __future__ import annotations

import argparse
import gc
import math
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from html import escape
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

Side = Callable[[], float]


@dataclass(frozen=True)
class Goal:
    """A bound for the ratio ours/peer: at most the limit, or at least."""

    limit: float
    at_most: bool = True

    def met(self, ratio: float) -> bool:
        """Return whether the ratio, rounded as it is printed, is within the bound."""
        shown = round(ratio, 2)
        return shown <= self.limit if self.at_most else shown >= self.limit

    def used(self, ratio: float) -> float:
        """Return the share of the goal that is used: up to 1.0 it is met, above it is missed."""
        return _ratio(ratio, self.limit) if self.at_most else _ratio(self.limit, ratio)

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.limit:.2f}"


def at_most(limit: float) -> Goal:
    """Return the goal that the ratio ours/peer is no more than the limit."""
    return Goal(limit)


def at_least(limit: float) -> Goal:
    """Return the goal that the ratio ours/peer is no less than the limit."""
    return Goal(limit, at_most=False)


@dataclass(frozen=True)
class Line:
    """One piece of work: its sides (ours first), the unit of their figures, and the goals.

    `goals` bound the ratio to a peer, `own` bounds a side's own figure. The title of the line is
    the docstring of the function that makes it.
    """

    unit: str
    sides: Mapping[str, Side]
    goals: Mapping[str, Goal] = field(default_factory=dict[str, Goal])
    own: Mapping[str, Goal] = field(default_factory=dict[str, Goal])
    rounds: int | None = None  # at most so many, for a figure that is the same in every round
    warm_up: bool = True


class Bench:
    """What a line needs to prepare its work: the amount, a folder, and a stack to clean up with."""

    def __init__(self, stack: ExitStack, quick: bool) -> None:
        self.stack = stack
        self.quick = quick
        self.folder = Path(stack.enter_context(TemporaryDirectory(prefix="datapatterns-bench-")))
        self._made = 0

    def new_path(self) -> str:
        """Return a path that does not exist yet."""
        self._made += 1
        return str(self.folder / str(self._made))

    def scaled(self, count: int) -> int:
        """Return the count, or a tenth of it in a quick run."""
        return max(1, count // 10) if self.quick else count


@dataclass
class Figures:
    """The result of one line: a figure for each side and round."""

    title: str
    line: Line
    rounds: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    failed: dict[str, str] = field(default_factory=dict[str, str])

    def measure(self, rounds: int) -> None:
        """Run the warm-up, if the line has one, and then the rounds."""
        names = list(self.line.sides)
        last = min(rounds, self.line.rounds or rounds)
        for number in range(0 if self.line.warm_up else 1, last + 1):
            found: dict[str, float] = {}
            for name in names if number % 2 else reversed(names):
                if name in self.failed:
                    continue
                gc.collect()
                try:
                    found[name] = self.line.sides[name]()
                except Exception as error:
                    if name == self.ours:
                        raise
                    self.failed[name] = f"{type(error).__name__}: {error}"
            if number:
                self.rounds.append(found)

    @property
    def ours(self) -> str:
        """Return the name of our side."""
        return next(iter(self.line.sides))

    def of(self, name: str) -> list[float]:
        """Return the figures of a side."""
        return [found[name] for found in self.rounds if name in found]

    def ratios(self, peer: str) -> list[float]:
        """Return our figure divided by the peer's, for each round."""
        return [_ratio(found[self.ours], found[peer]) for found in self.rounds if peer in found]

    def judged(self) -> Iterator[tuple[str, Goal, float]]:
        """Yield each goal with the side it is about and the median of what was reached."""
        for peer, goal in self.line.goals.items():
            if ratios := self.ratios(peer):
                yield peer, goal, statistics.median(ratios)
        for side, goal in self.line.own.items():
            if figures := self.of(side):
                yield side, goal, statistics.median(figures)

    def table(self) -> Iterator[str]:
        """Yield the lines of text that show the result."""
        yield f"{self.title} ({self.line.unit})"
        verdicts = {
            peer: f"goal {goal}: {'met' if goal.met(reached) else 'MISSED'}"
            for peer, goal, reached in self.judged()
        }
        for name in self.line.sides:
            if name in self.failed:
                yield f"  {name:<28} left out: {self.failed[name].splitlines()[0]}"
                continue
            row = f"  {name:<28} {_spread(self.of(name)):<28}"
            if name != self.ours and all(self.of(name)):
                row += f" ours/peer {_spread(self.ratios(name)):<22}"
            yield f"{row} {verdicts.get(name, '')}".rstrip()


def _ratio(ours: float, peer: float) -> float:
    return ours / peer if peer else (math.inf if ours else 1.0)


def _spread(figures: Sequence[float]) -> str:
    return (
        f"{_number(statistics.median(figures))} ({_number(min(figures))}-{_number(max(figures))})"
    )


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 1_000 else f"{figure:.2f}"


def machine() -> str:
    """Return a line that describes the machine."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, {python}, load {load}"


def versions(*names: str) -> str:
    """Return the installed versions of these distributions."""
    return ", ".join(f"{name} {version(name)}" for name in names)


def main(
    about: str, lines: Iterable[Callable[[Bench], Line]], facts: Callable[[Bench], Iterable[str]]
) -> None:
    """Run the lines that the command line selects, print the tables, and draw the plot."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rounds", type=int, help="after a warm-up (default: 7; quick: 3)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="write a plot")
    parser.add_argument("--only", default="", metavar="TEXT", help="lines whose title has the text")
    options = parser.parse_args()
    rounds = max(1, options.rounds or (3 if options.quick else 7))
    every: list[Figures] = []
    with ExitStack() as stack:
        bench = Bench(stack, options.quick)
        _say(f"{about}\nmachine: {machine()}")
        for fact in facts(bench):
            _say(fact)
        _say(f"{rounds} rounds after a warm-up: median (least-most)\n")
    for line in lines:
        with ExitStack() as stack:
            figures = _measured(line, Bench(stack, options.quick), options.only, rounds)
        if figures is not None:
            every.append(figures)
            _say("\n".join(figures.table()) + "\n")
    _say(_sum_up(every))
    if options.plot:
        options.plot.write_text(plot(about, every), encoding="utf-8")
        _say(f"drawn: {options.plot}")


def _measured(
    make: Callable[[Bench], Line], bench: Bench, only: str, rounds: int
) -> Figures | None:
    title = (make.__doc__ or "").strip().rstrip(".")
    if only.lower() not in title.lower():
        return None
    figures = Figures(title, make(bench))
    figures.measure(rounds)
    return figures


def _say(text: str) -> None:
    print(text, flush=True)


def _sum_up(every: Sequence[Figures]) -> str:
    judged = [
        (figures.title, peer, goal, reached)
        for figures in every
        for peer, goal, reached in figures.judged()
    ]
    missed = [f"  {title}, {peer}: {_number(reached)}, goal {goal}"
              for title, peer, goal, reached in judged if not goal.met(reached)]  # fmt: skip
    head = f"goals met: {len(judged) - len(missed)} of {len(judged)}"
    return "\n".join([head, *(["missed:", *missed] if missed else [])])


# --- the plot

_WIDTH, _ROW, _LABELS, _TOP = 960, 26, 470, 70
_FULL = 2.0  # twice the goal is as long as a bar gets


def plot(title: str, every: Sequence[Figures]) -> str:
    """Return an SVG with one bar for each goal: the share of it that is used."""
    rows = [
        (f"{figures.title} / {peer}", goal, reached)
        for figures in every
        for peer, goal, reached in figures.judged()
    ]
    height = _TOP + _ROW * len(rows) + 20
    room = _WIDTH - _LABELS - 110
    goal_at = _LABELS + room / _FULL
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="16" y="28" font-size="17">{escape(title)}</text>',
        f'<text x="16" y="48" fill="#666">{escape(machine())}</text>',
        f'<text x="{goal_at}" y="64" text-anchor="middle" fill="#666">goal</text>',
    ]
    for at, (label, goal, reached) in enumerate(rows):
        y = _TOP + _ROW * at
        long = room * min(goal.used(reached), _FULL) / _FULL
        colour = "#3a7d44" if goal.met(reached) else "#b3432b"
        out += [
            f'<text x="{_LABELS - 8}" y="{y + 17}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{_LABELS}" y="{y + 5}" width="{long:.1f}" height="{_ROW - 9}" '
            f'fill="{colour}"/>',
            f'<text x="{_LABELS + long + 6:.1f}" y="{y + 17}">{_number(reached)} '
            f'<tspan fill="#666">({escape(str(goal))})</tspan></text>',
        ]
    bottom = height - 14
    out.append(f'<path d="M{goal_at} {_TOP} V{bottom}" stroke="#333" stroke-dasharray="4 3"/>')
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    sys.exit("this module runs no benchmark by itself: use scripts/bench NAME")
