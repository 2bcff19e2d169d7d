"""URLs of servers: what is wrong with one is said without any part of it."""

import pytest

from datapatterns import InvalidArgument, Store

SECRET = "geheimes"
BAD = (
    "{scheme}://app:{secret}/word@127.0.0.1:1/0",
    "{scheme}://:{secret}#word@127.0.0.1:1/0",
    "{scheme}://:word?{secret}=1@127.0.0.1:1",
    "{scheme}://app:word@x/{secret}@127.0.0.1:1",
    "{scheme}://app:[{secret}@127.0.0.1:1",
    "{scheme}://app:word:{secret}@",
    "{scheme}://127.0.0.1:{secret}",
    "{scheme}://u:{secret}@127.0.0.1:70000",
    "{scheme}://u:{secret}@127.0.0.1:1/0?socket_timeout={secret}",
    "{scheme}://u:{secret}@127.0.0.1:1/0?nosuch={secret}",
    "{scheme}://u:{secret}@127.0.0.1\u2100:1",
)
SCHEMES = (
    "redis",
    "rediss",
    "valkey",
    "redis+cluster",
    "redis+sentinel",
    "couch+http",
    "couch+https",
    "couch",
    "",
)


def _chain(error: BaseException | None) -> list[BaseException]:
    """Return the error with its causes and contexts."""
    return [] if error is None else [error, *_chain(error.__cause__), *_chain(error.__context__)]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("form", BAD)
def test_an_error_shows_no_part_of_a_password(scheme: str, form: str) -> None:
    """A malformed URL is InvalidArgument; neither it nor a cause or context quotes the URL."""
    url = form.format(scheme=scheme, secret=SECRET)
    with pytest.raises(InvalidArgument) as caught:
        Store.from_url(url).close()
    assert not [one for one in _chain(caught.value) if SECRET in f"{one} {one.args!r}"]


def test_an_at_sign_behind_the_host_is_explained() -> None:
    """The message says which characters of a password have to be encoded, and how."""
    with pytest.raises(InvalidArgument, match=r"percent-encode .* %2F for /"):
        Store.from_url("redis://app:a/b@127.0.0.1:1/0")
