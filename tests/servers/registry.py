"""Servers: docker-registry: plain, with passwords over TLS, or as a mirror of another."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hub import tls
from servers import processes, tools
from servers.asking import Answer, ask, fresh

USER, PASSWORD = "alice", "open-sesame"
# That pair with the lowest cost of bcrypt, which is all that the registry takes.
_HTPASSWD = f"{USER}:$2y$04$abcdefghijklmnopqrstuuXcjcm5avyCiJoD2uS24xa2lb6fjMB3G\n"


class Registry:
    """Repositories of a running registry.

    Attributes:
        url: its base, with the scheme.
        host: "127.0.0.1:port", as image names have it.
        authority: the certificates to trust, when it speaks TLS.
        environ: what a client's environment needs to hold: DOCKER_CONFIG, where it wants a login.
    """

    def __init__(self, url: str, place: Path, secure: tls.Certificates | None = None) -> None:
        self.url = url
        self.host = url.partition("://")[2]
        self.authority = secure.authority if secure else None
        self._place = place
        self.environ: Mapping[str, str] = {"DOCKER_CONFIG": str(place)}
        login = {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
        auths = {self.host: login} if secure else {}
        (place / "config.json").write_text(json.dumps({"auths": auths}))
        self._headers = {"authorization": f"Basic {login['auth']}"} if secure else {}

    def bucket(self) -> str:
        """A name that no repository has."""
        return f"team/{fresh()}"

    def remote(self, bucket: str = "") -> str:
        """The URL of a remote in a repository; in a new one by default."""
        trust = f"?ca={self.authority}" if self.authority else ""
        return f"oci://{self.host}/{bucket or self.bucket()}{trust}"

    def names(self, bucket: str) -> list[str]:
        """All tags of a repository."""
        answer = self.call("GET", f"/v2/{bucket}/tags/list")
        return [] if answer.status == 404 else list(json.loads(answer.body)["tags"] or ())

    def holds(self, digest: str) -> bool:
        """Whether it keeps this blob (64 hex digits) itself, for whichever repository."""
        kept = self._place / "data/docker/registry/v2/blobs/sha256"
        return (kept / digest[:2] / digest / "data").exists()

    def delete(self, bucket: str, tag: str) -> None:
        """Take away a manifest with all its tags."""
        kinds = {"accept": "application/vnd.oci.image.manifest.v1+json"}
        found = self.call("HEAD", f"/v2/{bucket}/manifests/{tag}", headers=kinds)
        digest = found.headers["docker-content-digest"]
        assert self.call("DELETE", f"/v2/{bucket}/manifests/{digest}").status == 202

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request with the login it wants, whatever the answer."""
        given = {**self._headers, **(headers or {})}
        return ask(method, self.url + path, body, given, self.authority)


@contextmanager
def start() -> Iterator[Registry]:
    """One that anybody may write to. Raises tools.MissingError."""
    with _running({}) as server:
        yield server


@contextmanager
def start_secure() -> Iterator[Registry]:
    """One over TLS that wants a password. Raises tools.MissingError."""
    with tempfile.TemporaryDirectory(prefix="registry-tls-") as place:
        passwords = Path(place, "htpasswd")
        passwords.write_text(_HTPASSWD)
        more = {"auth": {"htpasswd": {"realm": "test", "path": str(passwords)}}}
        with _running(more, tls.make(Path(place))) as server:
            yield server


@contextmanager
def start_mirror(origin: Registry) -> Iterator[Registry]:
    """One that fetches from a plain other what it is asked for, and takes nothing."""
    with _running({"proxy": {"remoteurl": origin.url}}) as server:
        yield server


@contextmanager
def _running(
    more: Mapping[str, object], secure: tls.Certificates | None = None
) -> Iterator[Registry]:
    (program,) = tools.programs("registry")
    with tempfile.TemporaryDirectory(prefix="registry-") as made, processes.claimed() as (port,):
        place = Path(made)
        http: dict[str, object] = {"addr": f"127.0.0.1:{port}"}
        if secure:
            http["tls"] = {"certificate": str(secure.certificate), "key": str(secure.key)}
        storage = {
            "filesystem": {"rootdirectory": str(place / "data")},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        }
        settings = {"version": 0.1, "log": {"level": "warn"}, "storage": storage, "http": http}
        # JSON is YAML.
        (place / "config.yml").write_text(json.dumps({**settings, **more}))
        words = (program, "serve", place / "config.yml")
        with processes.running(words, place / "registry.log", lambda: processes.answers(port)):
            scheme = "https" if secure else "http"
            yield Registry(f"{scheme}://127.0.0.1:{port}", place, secure)
