"""Servers: fake-gcs-server, Google's storage, with the XML API that clients of ours speak."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from servers import processes, tools
from servers.asking import PINS, Answer, ask, fresh

_FRONT = Path(__file__).with_name("gcs_front.py")
_JSON = {"content-type": "application/json"}


class Gcs:
    """Buckets of a running server.

    Attributes:
        url: of the XML API.
        behind: of the JSON API, which asks for no login.
        environ: what a client's environment needs to hold: a service account, whose client signs
            its tokens itself. Any token is taken until `allow` names some.
    """

    def __init__(self, url: str, behind: str, place: Path) -> None:
        self.url = url
        self.behind = behind
        self._tokens = place / "tokens"
        account = {
            "type": "service_account",
            "client_email": "tester@test.iam.gserviceaccount.com",
            "private_key_id": "1",
            "private_key": _private_key(),
        }
        text = json.dumps(account)
        self.environ: Mapping[str, str] = {**PINS, "GOOGLE_SERVICE_ACCOUNT_KEY": text}

    def allow(self, *tokens: str) -> None:
        """Serve from now on whoever bears one of these tokens, and nobody else."""
        fresh_file = self._tokens.with_suffix(".new")
        fresh_file.write_text("\n".join(tokens))
        fresh_file.replace(self._tokens)

    def bucket(self, name: str = "") -> str:
        """The name of a new bucket; that which is given, or one of its own."""
        name = name or fresh()
        body = json.dumps({"name": name}).encode()
        assert ask("POST", f"{self.behind}/storage/v1/b", body, _JSON).status == 200
        return name

    def remote(self, bucket: str = "", prefix: str = "cache") -> str:
        """The URL of a remote in a bucket; in a new one by default."""
        return f"gs://{bucket or self.bucket()}/{prefix}?endpoint={self.url}"

    def names(self, bucket: str) -> list[str]:
        """All objects of a bucket, up to a thousand."""
        told = json.loads(self._call("GET", self._objects(bucket)).body)
        return [item["name"] for item in told.get("items", ())]

    def read(self, bucket: str, name: str) -> bytes:
        """What an object holds."""
        return self._call("GET", f"{self._objects(bucket, name)}?alt=media").body

    def headers(self, bucket: str, name: str) -> Mapping[str, str]:
        """An object's headers as the XML API gives them, names in small letters."""
        return self.call("HEAD", f"/{bucket}/{quote(name)}").headers

    def write(self, bucket: str, name: str, data: bytes) -> None:
        """Put an object there, over what stands there."""
        query = f"uploadType=media&name={quote(name, safe='')}"
        self._call("POST", f"/upload{self._objects(bucket)}?{query}", data)

    def delete(self, bucket: str, name: str) -> None:
        """Take an object away."""
        self._call("DELETE", self._objects(bucket, name))

    def remove(self, bucket: str) -> None:
        """Take a bucket away with all that is in it."""
        for name in self.names(bucket):
            self.delete(bucket, name)
        self._call("DELETE", f"/storage/v1/b/{bucket}")

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request to the XML API, whatever the answer."""
        return ask(method, self.url + path, body, headers)

    def _objects(self, bucket: str, name: str = "") -> str:
        of = f"/storage/v1/b/{bucket}/o"
        return f"{of}/{quote(name, safe='')}" if name else of

    def _call(self, method: str, path: str, body: bytes | None = None) -> Answer:
        answer = ask(method, self.behind + path, body)
        assert answer.status // 100 == 2, (method, path, answer.status, answer.body[:500])
        return answer


def _private_key() -> str:
    words = ("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@contextmanager
def start() -> Iterator[Gcs]:
    """Raises tools.MissingError."""
    (program,) = tools.programs("fake-gcs")
    with (
        tempfile.TemporaryDirectory(prefix="gcs-") as made,
        processes.claimed(2) as (port, behind),
    ):
        place = Path(made)
        at = ("-scheme", "http", "-host", "127.0.0.1", "-port", behind)
        words = (program, *at, "-public-host", f"127.0.0.1:{behind}", "-backend", "memory")
        front = (sys.executable, "-I", _FRONT, port, behind, place)
        with (
            processes.running(words, place / "gcs.log", lambda: processes.answers(behind)),
            processes.running(front, place / "front.log", lambda: processes.answers(port)),
        ):
            yield Gcs(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{behind}", place)
