"""The control that a feed shares with each `follow` on it."""

from __future__ import annotations

import logging

import pytest

from datapatterns.core.changes import FeedControl


class Follower:
    """Counts how often it was woken and stopped."""

    def __init__(self) -> None:
        self.woken = self.stopped = 0

    def wake(self) -> None:
        """Count the call."""
        self.woken += 1

    def stop(self) -> None:
        """Count the call."""
        self.stopped += 1


def test_only_what_has_begun_is_stopped() -> None:
    """A stop ends the followers of that moment, not former or later ones."""
    control, former, present, later = FeedControl("users"), Follower(), Follower(), Follower()
    control.begun(former)
    control.begun(present)
    control.ended(former)
    control.stop()
    control.begun(later)
    assert [each.stopped for each in (former, present, later)] == [0, 1, 0]


def test_pausing_and_resuming_is_told_once() -> None:
    """Repeated calls have no effect; resuming wakes every follower."""
    control, follower, told = FeedControl("users"), Follower(), list[str]()
    control.on_event(lambda name, details: told.append(name))
    control.begun(follower)
    control.resume()
    for _ in range(2):
        control.pause()
        assert control.paused
    assert follower.woken == 0
    for _ in range(2):
        control.resume()
    control.ended(follower)
    assert (control.paused, follower.woken) == (False, 1)
    assert told == ["paused", "resumed", "stopped"]


def test_a_listener_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An error of a listener stops neither the feed nor the other listeners."""
    control, told = FeedControl("users"), list[object]()

    def fail(name: str, details: object) -> None:
        raise ValueError(name)

    control.on_event(fail)
    control.on_event(lambda name, details: told.append(details))
    with caplog.at_level(logging.ERROR, "datapatterns.changes"):
        control.tell("retry", attempt=1)
    assert told == [{"attempt": 1}]
    assert caplog.records[0].__dict__["collection"] == "users"
