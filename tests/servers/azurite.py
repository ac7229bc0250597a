"""Servers: Azurite, Azure Blob Storage: plain, or with tokens of its users over TLS."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

from hub import tls
from servers import processes, tools
from servers.asking import PINS, Answer, ask, fresh

# The account that every Azurite has, and its key, as its documentation gives them.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_VERSION = "2021-08-06"


class Azurite:
    """Containers of a running Azurite.

    Attributes:
        url: of the account (what Azure calls the blob endpoint).
        environ: what a client's environment needs to hold.
        authority: the certificates to trust, when it speaks TLS.
    """

    def __init__(self, base: str, place: Path, authority: Path | None = None) -> None:
        self._place = place
        self.url = f"{base}/{ACCOUNT}"
        self.authority = authority
        self.environ: Mapping[str, str] = {
            **PINS,
            "AZURE_STORAGE_ACCOUNT": ACCOUNT,
            "AZURE_STORAGE_KEY": KEY,
        }

    @property
    def connection_string(self) -> str:
        """All of it in one line, as Azure's tools take it."""
        scheme = self.url.partition(":")[0]
        named = f"DefaultEndpointsProtocol={scheme};AccountName={ACCOUNT};AccountKey={KEY}"
        return f"{named};BlobEndpoint={self.url};"

    def sas(self, permissions: str = "rwlc", seconds: float = 3600.0) -> str:
        """A shared access signature for all containers, without a question mark.

        Args:
            permissions: any of "rwdlacup", in this order.
            seconds: how long it holds; negative: it has ended.
        """
        given = {
            "sv": _VERSION,
            "ss": "b",
            "srt": "sco",
            "sp": permissions,
            "se": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds)),
            "spr": "https,http",
        }
        lines = (ACCOUNT, permissions, "b", "sco", "", given["se"], "", given["spr"], _VERSION)
        given["sig"] = _signature("\n".join((*lines, "", "")))
        return "&".join(f"{name}={quote(text, safe='')}" for name, text in given.items())

    @staticmethod
    def token(seconds: float = 3600.0) -> str:
        """A bearer token as a login gives it; Azurite looks at all but its signature."""
        now = int(time.time())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
            "iat": now - 60,
            "nbf": now - 60,
            "exp": int(now + seconds),
            "ver": "1.0",
        }
        parts = ({"alg": "RS256", "typ": "JWT"}, claims)
        words = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts]
        return b".".join([*(word.rstrip(b"=") for word in words), b"c2lnbmVk"]).decode()

    def login(self) -> dict[str, str]:
        """What a client's environment needs to hold where somebody ran `az login`."""
        place = self._place / "login"
        place.mkdir(exist_ok=True)
        (place / "azureProfile.json").write_text('{"subscriptions": [{"id": "1"}]}')
        told = json.dumps({"accessToken": self.token(), "tokenType": "Bearer"})
        (place / "az").write_text(f"#!/bin/sh\necho '{told}'\n")
        (place / "az").chmod(0o755)
        return {**PINS, "AZURE_CONFIG_DIR": str(place), "PATH": f"{place}:/usr/bin:/bin"}

    def bucket(self, name: str = "") -> str:
        """The name of a new container; that which is given, or one of its own."""
        name = name or fresh()
        self._call("PUT", f"/{name}", {"restype": "container"}, b"")
        return name

    def remote(self, bucket: str = "", prefix: str = "cache") -> str:
        """The URL of a remote in a container; in a new one by default."""
        trust = f"&ca={self.authority}" if self.authority else ""
        where = f"az://{ACCOUNT}/{bucket or self.bucket()}/{prefix}"
        return f"{where}?endpoint={self.url}{trust}"

    def names(self, bucket: str) -> list[str]:
        """All blobs of a container."""
        query = {"restype": "container", "comp": "list"}
        text = self._call("GET", f"/{bucket}", query).body.decode()
        return [unescape(name) for name in re.findall(r"<Name>(.*?)</Name>", text)]

    def read(self, bucket: str, name: str) -> bytes:
        """What a blob holds."""
        return self._call("GET", f"/{bucket}/{name}").body

    def headers(self, bucket: str, name: str) -> Mapping[str, str]:
        """A blob's headers, names in small letters."""
        return self._call("HEAD", f"/{bucket}/{name}").headers

    def write(self, bucket: str, name: str, data: bytes) -> None:
        """Put a blob there, over what stands there."""
        self._call("PUT", f"/{bucket}/{name}", body=data)

    def delete(self, bucket: str, name: str) -> None:
        """Take a blob away."""
        self._call("DELETE", f"/{bucket}/{name}")

    def remove(self, bucket: str) -> None:
        """Take a container away with all that is in it."""
        self._call("DELETE", f"/{bucket}", {"restype": "container"})

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request signed with the account's key, unless the headers name another login."""
        given = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": _VERSION}
        if method == "PUT" and query is None:
            given["x-ms-blob-type"] = "BlockBlob"
        given = {**given, **(headers or {})}
        words = "&".join(f"{name}={quote(text)}" for name, text in sorted((query or {}).items()))
        url = f"{self.url}{quote(path)}?{words}" if words else self.url + quote(path)
        if "authorization" not in given:
            given["authorization"] = _authorization(method, url, given, body)
        return ask(method, url, body, given, self.authority)

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        answer = self.call(method, path, query, body)
        assert answer.status // 100 == 2, (method, path, answer.status, answer.body[:500])
        return answer


def _authorization(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> str:
    parts = urlsplit(url)
    ours = [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-ms-")]
    asked = [f"{name}:{text}" for name, text in sorted(parse_qsl(parts.query))]
    length = str(len(body)) if body else ""
    # Encoding, language, length, MD5, type, date, four conditions, range.
    standard = [method, "", "", length, "", "", "", *(headers.get(n, "") for n in _CONDITIONS), ""]
    text = "\n".join([*standard, *ours, f"/{ACCOUNT}{parts.path}", *asked])
    return f"SharedKey {ACCOUNT}:{_signature(text)}"


_CONDITIONS = ("if-modified-since", "if-match", "if-none-match", "if-unmodified-since")


def _signature(text: str) -> str:
    made = hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)
    return base64.b64encode(made).decode()


@contextmanager
def start() -> Iterator[Azurite]:
    """One that takes keys and signatures. Raises tools.MissingError."""
    with _running(None) as server:
        yield server


@contextmanager
def start_secure() -> Iterator[Azurite]:
    """One that takes users' tokens too, over TLS. Raises tools.MissingError."""
    with (
        tempfile.TemporaryDirectory(prefix="azurite-tls-") as place,
        _running(tls.make(Path(place))) as server,
    ):
        yield server


@contextmanager
def _running(secure: tls.Certificates | None) -> Iterator[Azurite]:
    (program,) = tools.programs("azurite")
    with tempfile.TemporaryDirectory(prefix="azurite-") as place, processes.claimed() as (port,):
        words = [program, "--blobHost", "127.0.0.1", "--blobPort", port, "--location", place]
        words += ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        if secure:
            words += ["--oauth", "basic", "--cert", secure.certificate, "--key", secure.key]
        log = Path(place, "azurite.log")
        with processes.running(words, log, lambda: processes.answers(port)):
            scheme = "https" if secure else "http"
            base = f"{scheme}://127.0.0.1:{port}"
            yield Azurite(base, Path(place), secure.authority if secure else None)
