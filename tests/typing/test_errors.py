"""What type checkers see of the error tree. They judge these files; pytest runs them too."""

from typing import Any, assert_type

from datapatterns import DataError, NotFound, OutcomeUnknown, TimedOut


def test_status_and_code_need_no_instance() -> None:
    """A web framework's table of handlers can be built from the classes."""
    assert_type(NotFound.status, int)
    assert_type(NotFound.code, str)


def test_problem_is_a_plain_dict() -> None:
    """Any JSON encoder takes the problem document."""
    assert_type(NotFound("no such user").problem(), dict[str, Any])


def test_outcome_unknown_is_a_timeout() -> None:
    """Whoever handles TimedOut handles the unknown outcome too."""
    error: TimedOut = OutcomeUnknown("no reply")
    root: DataError = error
    assert_type(root.retryable, bool)
