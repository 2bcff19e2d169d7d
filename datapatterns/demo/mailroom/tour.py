"""The tour of Mailroom, which uses each part over HTTP and checks what it promises."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from datapatterns import DataError
from datapatterns.demo.mailroom import tour_mail, tour_people
from datapatterns.demo.mailroom.client import Client
from datapatterns.demo.mailroom.office import Settings
from datapatterns.demo.mailroom.server import Background
from datapatterns.demo.mailroom.stage import Stage
from datapatterns.demo.tour import BrokenPromise, Report, Screen

PARTS: tuple[tuple[str, Callable[[Stage], dict[str, Any]]], ...] = (
    ("Register people", tour_people.register),
    ("Edit with If-Match", tour_people.edit),
    ("Send messages, each once", tour_mail.send),
    ("Page through an inbox, both ways", tour_mail.page),
    ("Count messages per person", tour_mail.count),
    ("Exceed the limit", tour_people.exceed),
    ("Count requests in the calendar", tour_people.calendar),
    ("Groups: moderators, paying, both", tour_people.groups),
    ("Kill the mailing worker, start it again", tour_mail.kill),
    ("Who wrote most", tour_mail.writers),
    ("Welcome letters: retries and dead letters", tour_mail.letters),
    ("Live events in two pages", tour_mail.live),
    ("Bad input", tour_people.bad_input),
    ("A second process", tour_mail.second_process),
)


class Tour:
    """Serves Mailroom on a free port and runs the parts of the tour, in order."""

    def __init__(self, settings: Settings, screen: Screen) -> None:
        self._settings = settings
        self._screen = screen

    def run(self) -> Report:
        """Run all parts; the first broken promise ends the tour."""
        report = Report()
        try:
            with Background(self._settings) as served:
                stage = Stage(Client(served.url), self._settings, self._screen)
                for number, (title, part) in enumerate(PARTS, 1):
                    self._screen.step(f"{number}. {title}")
                    begun = time.perf_counter()
                    figures = part(stage)
                    figures["seconds"] = round(time.perf_counter() - begun, 2)
                    report.figures[f"{number}. {title}"] = figures
        except Exception as error:
            known = isinstance(error, BrokenPromise | DataError) and str(error)
            # The text of another library's error is often clear only together with its class.
            broken = known or f"{type(error).__name__}: {error}"
            report.broken.append(broken)
            self._screen.say(f"BROKEN: {broken}")
        return report
