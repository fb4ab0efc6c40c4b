from __future__ import annotations

import socket
import threading

import pytest

from server.processes.listener import CannotListen, listen, url_of


def test_a_free_port_and_its_url() -> None:
    with listen("127.0.0.1", 0, send_buffer=65536) as listener:
        port = listener.getsockname()[1]
        assert url_of(listener) == f"http://127.0.0.1:{port}"
        with socket.create_connection(("127.0.0.1", port)) as client:
            served, _ = listener.accept()
            with served:
                # The kernel doubles what it is asked for (socket(7)).
                assert served.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * 65536
            client.close()


def test_ipv6() -> None:
    with listen("::1", 0, send_buffer=65536) as listener:
        assert url_of(listener).startswith("http://[::1]:")
        assert url_of(listener, "https").startswith("https://[::1]:")


def test_a_port_in_use() -> None:
    with listen("127.0.0.1", 0, send_buffer=65536) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"cannot listen on 127\.0\.0\.1:{port}: .*in use"):
            listen("127.0.0.1", port, send_buffer=65536)


def test_patience_for_a_port_about_to_be_free() -> None:
    first = listen("127.0.0.1", 0, send_buffer=65536)
    port = first.getsockname()[1]
    closing = threading.Timer(0.2, first.close)
    closing.start()
    with listen("127.0.0.1", port, send_buffer=65536, patience=10) as listener:
        assert listener.getsockname()[1] == port
    closing.join()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.1"])
def test_an_address_that_is_not_ours(host: str) -> None:
    with pytest.raises(CannotListen, match=host):
        listen(host, 0, send_buffer=65536)
