"""The proxy that makes faults does what it says, for a reply that is a stream."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from datapatterns.testing.faults.proxy import FaultProxy

LINE = b'{"seq":%d}\n'
HEARTBEAT = b"1\r\n\n\r\n"


class Feed(socketserver.StreamRequestHandler):
    """Answers each line with two rows, a heartbeat, and one more row."""

    def handle(self) -> None:
        """Answer a client's lines until it disconnects."""
        with contextlib.suppress(OSError):
            while asked := self.rfile.readline():
                first = int(asked.split()[-1])
                self.wfile.write(LINE % first + LINE % (first + 1))
                self.wfile.write(HEARTBEAT)
                self.wfile.write(LINE % (first + 2))


class Feeds(socketserver.ThreadingTCPServer):
    """A server of many such connections."""

    daemon_threads = True


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    """Return a proxy before a feed."""
    with Feeds(("127.0.0.1", 0), Feed) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        with FaultProxy("127.0.0.1", server.server_address[1]) as proxy:
            yield proxy
        server.shutdown()


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[socket.socket]:
    """Return a connection through the proxy."""
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as client:
        yield client


def read(client: socket.socket, size: int) -> bytes:
    """Return exactly so many bytes."""
    data = b""
    while len(data) < size and (more := client.recv(size - len(data))):
        data += more
    return data


def rows(first: int, *, heartbeat: bytes = HEARTBEAT) -> bytes:
    """Return the feed's reply to a request."""
    return LINE % first + LINE % (first + 1) + heartbeat + LINE % (first + 2)


def test_passes_everything(proxy: FaultProxy, client: socket.socket) -> None:
    """Without a fault every byte arrives."""
    client.sendall(b"rows from 1\n")
    assert read(client, len(rows(1))) == rows(1)
    assert (proxy.requests, proxy.connections, proxy.lost) == (1, 1, 0)


def test_reset_in_mid_line(proxy: FaultProxy, client: socket.socket) -> None:
    """So many bytes arrive and then the connection is reset; other requests are not touched."""
    proxy.cut_reply(b"rows", after=14)
    client.sendall(b"other from 1\n")
    assert read(client, len(rows(1))) == rows(1)
    client.sendall(b"rows from 4\n")
    assert read(client, 14) == rows(4)[:14]
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert proxy.lost == 1


def test_closed_in_mid_line(proxy: FaultProxy, client: socket.socket) -> None:
    """A close is an orderly end in the middle of a line."""
    proxy.cut_reply(after=14, how="close")
    client.sendall(b"rows from 1\n")
    assert read(client, 1000) == rows(1)[:14]


def test_silence_in_mid_line(proxy: FaultProxy, client: socket.socket) -> None:
    """A silence leaves the connection open, and nothing comes any more."""
    proxy.cut_reply(after=14, how="silence")
    client.sendall(b"rows from 1\n")
    assert read(client, 14) == rows(1)[:14]
    client.settimeout(0.2)
    client.sendall(b"rows from 2\n")
    with pytest.raises(TimeoutError):
        client.recv(1)


def test_cut_after_several_pieces(proxy: FaultProxy, client: socket.socket) -> None:
    """The bytes are counted over all pieces in which a reply arrives."""
    after = len(rows(1)) + 5
    proxy.cut_reply(after=after)
    client.sendall(b"rows from 1\n")
    assert read(client, len(rows(1))) == rows(1)
    client.sendall(b"rows from 4\n")
    assert read(client, 5) == rows(4)[:5]
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_swallowed_heartbeats(proxy: FaultProxy, client: socket.socket) -> None:
    """What is to be swallowed is left out and everything else arrives."""
    proxy.swallow = HEARTBEAT
    client.sendall(b"rows from 1\n")
    expected = rows(1, heartbeat=b"")
    assert read(client, len(expected)) == expected
    proxy.swallow = b""
    client.sendall(b"rows from 4\n")
    assert read(client, len(rows(4))) == rows(4)
    assert proxy.swallowed == 1


def test_drip(proxy: FaultProxy, client: socket.socket) -> None:
    """A reply that is passed on in small pieces arrives in full."""
    proxy.drip = (3, 0.001)
    client.sendall(b"rows from 1\n")
    assert read(client, len(rows(1))) == rows(1)


def test_half_open_and_moved(proxy: FaultProxy, client: socket.socket) -> None:
    """A half-open connection answers nothing, a new one does; a move cuts both off."""
    client.sendall(b"rows from 0\n")
    assert read(client, len(rows(0))) == rows(0)  # it is through to the server
    proxy.half_open()
    client.sendall(b"rows from 1\n")
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as other:
        other.sendall(b"rows from 4\n")
        assert read(other, len(rows(4))) == rows(4)
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        proxy.move(*proxy.target)
        for cut in (client, other):
            with pytest.raises(ConnectionResetError):
                cut.recv(1)
