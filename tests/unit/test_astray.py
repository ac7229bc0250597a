"""Unit: tests cannot reach another machine by accident, and it is told when they try."""

from __future__ import annotations

import socket

import pytest

import astray


@pytest.mark.parametrize("host", ["169.254.169.254", "192.0.2.1"])
def test_a_connection_elsewhere_is_refused_and_told(host: str) -> None:
    with pytest.raises(OSError, match="tests may not connect"):
        socket.create_connection((host, 80), 1)
    assert astray.found() == [f"{host}:80"]


def test_the_name_of_a_cloud_s_metadata_is_not_looked_up() -> None:
    with pytest.raises(OSError, match="tests may not connect"):
        socket.getaddrinfo("metadata.google.internal", 80)
    assert astray.found() == ["metadata.google.internal"]


def test_this_machine_may_be_asked() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()),
    ):
        assert astray.found() == []
