"""How a registry is reached: TLS and whom to trust, proxies, names that do not answer."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import tls
from neffcache import remote
from neffcache.errors import RemoteError
from neffcache.registry import names, proxies, request
from neffcache.registry.client import Client
from neffcache.registry.wire import Net
from registry.opening import Entry, open_url, quiet
from registry.peer import Peer
from servers.faulty import Faulty


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as made:
        yield made


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tls.Certificates:
    return tls.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(peer: Peer, certificates: tls.Certificates) -> Iterator[str]:
    """The address of the registry behind a proxy that speaks TLS, of which it knows nothing."""
    peer.absolute = True
    with Faulty(peer.url, tls=certificates.server()) as proxy:
        yield f"oci://{proxy.url.partition('://')[2]}/acme/cache"


def test_a_registry_with_a_ca_of_its_own(
    secure: str, certificates: tls.Certificates, tmp_path: Path
) -> None:
    opened = open_url(f"{secure}?ca={certificates.authority}")
    entry = Entry(tmp_path)
    assert entry.publish(opened)
    assert entry.fetch(opened, tmp_path / "into") == entry.data


def test_an_untrusted_registry_is_not_talked_to(
    secure: str, peer: Peer, certificates: tls.Certificates, tmp_path: Path
) -> None:
    with pytest.raises(RemoteError, match=r"no trusted TLS connection.*ca=FILE"):
        open_url(f"{secure}?plain=0").fetch("object", str(tmp_path / "into"), quiet)
    assert not peer.seen
    assert certificates.authority.exists()


def test_a_ca_that_cannot_be_read_is_named(secure: str, tmp_path: Path) -> None:
    opened = open_url(f"{secure}?ca={tmp_path}/missing.pem")
    with pytest.raises(RemoteError, match=r"missing\.pem cannot be read"):
        opened.fetch("object", str(tmp_path / "into"), quiet)


def test_a_name_that_does_not_resolve_is_told(tmp_path: Path) -> None:
    opened = open_url("oci://registry.invalid/acme/cache?plain=1")
    with pytest.raises(RemoteError, match=r"registry\.invalid: its name does not resolve"):
        opened.fetch("object", str(tmp_path / "into"), quiet)


def test_a_plain_registry_is_asked_through_a_proxy(
    peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "is_loopback", lambda _host: False)
    with Faulty(peer.url) as proxy:
        port = proxy.url.rpartition(":")[2]
        environ = {"HTTP_PROXY": f"http://user:pa%20ss@127.0.0.1:{port}"}
        opened = open_url(f"{peer.remote()}?plain=1", environ)
        assert not opened.fetch("object", str(tmp_path / "into"), quiet)
        (asked,) = proxy.requests()
        assert asked.headers["proxy-authorization"] == "Basic dXNlcjpwYSBzcw=="
    assert peer.seen[0].path.startswith("/v2/acme/cache/manifests/")


class _Tunnel(socketserver.StreamRequestHandler):
    """A proxy's one connection: what CONNECT asks for, whatever host that names."""

    server: _Tunnels

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.rfile.readline()
        self.server.heads.append(head.decode())
        with socket.create_connection(self.server.to) as out:
            self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=_pass_on, args=(out, self.connection))
            back.start()
            _pass_on(self.connection, out)
            back.join()


def _pass_on(source: socket.socket, to: socket.socket) -> None:
    try:
        while part := source.recv(65536):
            to.sendall(part)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class _Tunnels(socketserver.ThreadingTCPServer):
    def __init__(self, to: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.to = to
        self.heads: list[str] = []


def test_a_registry_with_tls_is_asked_through_a_tunnel(
    secure: str, certificates: tls.Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(secure.split("/")[2].rpartition(":")[2])
    monkeypatch.setattr(names, "is_loopback", lambda _host: False)
    with _Tunnels(("127.0.0.1", port)) as tunnels:
        thread = threading.Thread(target=tunnels.serve_forever, args=(0.01,))
        thread.start()
        environ = {"HTTPS_PROXY": f"http://user:word@127.0.0.1:{tunnels.server_address[1]}"}
        opened = open_url(f"{secure}?ca={certificates.authority}", environ)
        assert not opened.fetch("object", str(tmp_path / "into"), quiet)
        del opened  # and its connection, which would hold the tunnel open
        tunnels.shutdown()
        thread.join()
    (head,) = tunnels.heads
    assert head.startswith(f"CONNECT 127.0.0.1:{port} HTTP/1.")
    assert "Proxy-Authorization: Basic dXNlcjp3b3Jk" in head


HOSTS: list[tuple[str, dict[bytes, bytes], bool]] = [
    ("https", {b"HTTPS_PROXY": b"http://p:1"}, True),
    ("https", {b"https_proxy": b"p:1"}, True),
    ("https", {b"HTTP_PROXY": b"http://p:1"}, False),
    ("http", {b"http_proxy": b"http://p:1"}, True),
    ("https", {b"ALL_PROXY": b"http://p:1"}, True),
    ("https", {b"HTTPS_PROXY": b"http://p:1", b"NO_PROXY": b"*"}, False),
    ("https", {b"HTTPS_PROXY": b"http://p:1", b"no_proxy": b"a.com, example.com"}, False),
    ("https", {b"HTTPS_PROXY": b"http://p:1", b"NO_PROXY": b".example.com"}, False),
    ("https", {b"HTTPS_PROXY": b"http://p:1", b"NO_PROXY": b"*.example.com"}, False),
    ("https", {b"HTTPS_PROXY": b"http://p:1", b"NO_PROXY": b"REG.example.com:443"}, False),
    ("https", {b"HTTPS_PROXY": b"http://p:1", b"NO_PROXY": b"reg.example.com:80"}, True),
    ("https", {b"HTTPS_PROXY": b"http://p:1", b"NO_PROXY": b"ample.com"}, True),
]


@pytest.mark.parametrize(("scheme", "environ", "used"), HOSTS)
def test_which_proxy_is_used(scheme: str, environ: dict[bytes, bytes], used: bool) -> None:
    found = proxies.find(scheme, "reg.example.com", 443, environ)
    assert (found is not None) == used
    if found is not None:
        assert (found.host, found.port) == ("p", 1)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1", "a.localhost"])
def test_this_machine_is_never_asked_through_a_proxy(host: str) -> None:
    assert proxies.find("http", host, 80, {b"HTTP_PROXY": b"http://p:1"}) is None


def test_a_network_may_be_without_proxy() -> None:
    environ = {b"HTTPS_PROXY": b"http://p:1", b"NO_PROXY": b"10.0.0.0/8"}
    assert proxies.find("https", "10.1.2.3", 443, environ) is None
    assert proxies.find("https", "11.1.2.3", 443, environ) is not None


@pytest.mark.parametrize(
    "text", [b"https://u:hunter2@p:1", b"socks5://u:hunter2@p:1", b"http://u:hunter2@p:port"]
)
def test_a_proxy_that_cannot_be_used_is_told_without_its_login(text: bytes) -> None:
    with pytest.raises(RemoteError, match="HTTPS_PROXY does not name a proxy") as caught:
        proxies.find("https", "reg.example.com", 443, {b"HTTPS_PROXY": text})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("oci://registry.example/a/b", "https://registry.example"),
        ("oci://registry.example:5000/a/b?plain=1", "http://registry.example:5000"),
        ("oci://localhost:5000/a/b", "http://localhost:5000"),
        ("oci://127.0.0.1/a/b", "http://127.0.0.1"),
        ("oci://127.0.0.1.example/a/b", "https://127.0.0.1.example"),
        ("oci://[::1]:5000/a/b", "http://[::1]:5000"),
        ("oci://localhost:5000/a/b?plain=0", "https://localhost:5000"),
        ("oci://localhost:5000/a/b?ca=/ca.pem", "https://localhost:5000"),
    ],
)
def test_only_this_machine_is_asked_without_tls(url: str, base: str) -> None:
    assert names.origin(remote.parse(url)).base == base


def test_a_location_never_leads_away_from_tls() -> None:
    place = names.origin(remote.parse("oci://registry.example/a/b"))
    client = Client(place, Net({}, "", 1, 1), {}, None, writes=True)
    url = place.url("blobs/uploads/")
    assert client.beside(url, "/x?y=1") == "https://registry.example/x?y=1"
    assert client.beside(url, "http://registry.example/x") == "https://registry.example/x"
    assert client.beside(url, "https://other.example/x") == "https://other.example/x"
    with pytest.raises(RemoteError, match="without TLS"):
        client.beside(url, "http://other.example/x")
    with pytest.raises(RemoteError, match="nowhere"):
        client.beside(url, "")


@pytest.mark.parametrize("url", ["ftp://a/b", "http:///x", "http://a:port/", "http://a/\r\nx: y"])
def test_what_is_no_address_is_not_asked(url: str) -> None:
    with pytest.raises(RemoteError, match="not one of http"):
        request.split(url)
