'''The conformance suite: what the patterns promise, as tests that run on any backend.

A test file that imports all of it, and has a fixture `target`, runs every class of the suite:

    from collections.abc import Iterator

    import pytest

    from datapatterns import Store
    from datapatterns.testing.conformance import *

    @pytest.fixture
    def target() -> Iterator[Store]:
        """A store that nothing has been written to."""
        with Store(MyBackend()) as store:
            yield store

`datapatterns.testing.conformance.aio` is the same for the async face. Each test makes what it needs
from `target`: a `Store` of the backend under test, empty for every test. A backend with
repositories returns a `Target`, a `Store` with one more method.

The capabilities of the target decide what a test asserts. A test of a pattern that they declare
runs. For a pattern that they do not declare every test of it asserts instead that the store refuses
it with Unsupported (501), so nothing is skipped. The fixture may have parameters.

Leave pytest's option `collect_imported_tests` at its default: with `false` it ignores the classes.
'''

import pytest

pytest.register_assert_rewrite(f"{__name__}._async", f"{__name__}._sync")

from datapatterns.testing.conformance import _sync  # noqa: E402 - rewriting comes before the import
from datapatterns.testing.conformance._sync import *  # noqa: E402, F403 - each class of the list
from datapatterns.testing.conformance._sync.target import Target as Target  # noqa: E402

# pytest reads this name in the file that imports it.
pytest_plugins = ["datapatterns.testing.conformance.refusals"]

__all__ = ["pytest_plugins"]
__all__ += _sync.__all__
