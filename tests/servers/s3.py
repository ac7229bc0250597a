"""Servers: S3 as a test uses it past the product, signed with Signature Version 4."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from urllib.parse import quote, urlsplit

from servers.asking import PINS, Answer, ask, fresh

REGION = "us-east-1"


class S3:
    """Buckets of a running server.

    Attributes:
        url: the endpoint.
        environ: what a client's environment needs to hold.
    """

    def __init__(self, url: str, keys: tuple[str, str], authority: Path | None = None) -> None:
        self.url = url
        self._keys = keys
        self.authority = authority
        self.environ: Mapping[str, str] = {
            **PINS,
            "AWS_ACCESS_KEY_ID": keys[0],
            "AWS_SECRET_ACCESS_KEY": keys[1],
            "AWS_REGION": REGION,
        }

    def bucket(self, name: str = "") -> str:
        """The name of a new bucket; that which is given, or one of its own."""
        name = name or fresh()
        self._call("PUT", f"/{name}", body=b"")
        return name

    def remote(self, bucket: str = "", prefix: str = "cache") -> str:
        """The URL of a remote in a bucket; in a new one by default."""
        trust = f"&ca={self.authority}" if self.authority else ""
        where = f"s3://{bucket or self.bucket()}/{prefix}"
        return f"{where}?endpoint={self.url}&region={REGION}{trust}"

    def names(self, bucket: str) -> list[str]:
        """All objects of a bucket, up to a thousand."""
        text = self._call("GET", f"/{bucket}", {"list-type": "2"}).body.decode()
        return [unescape(name) for name in re.findall(r"<Key>(.*?)</Key>", text)]

    def read(self, bucket: str, name: str) -> bytes:
        """What an object holds."""
        return self._call("GET", f"/{bucket}/{name}").body

    def headers(self, bucket: str, name: str) -> Mapping[str, str]:
        """An object's headers, names in small letters."""
        return self._call("HEAD", f"/{bucket}/{name}").headers

    def write(self, bucket: str, name: str, data: bytes) -> None:
        """Put an object there, over what stands there."""
        self._call("PUT", f"/{bucket}/{name}", body=data)

    def delete(self, bucket: str, name: str) -> None:
        """Take an object away."""
        self._call("DELETE", f"/{bucket}/{name}")

    def remove(self, bucket: str) -> None:
        """Take a bucket away with all that is in it."""
        for name in self.names(bucket):
            self.delete(bucket, name)
        self._call("DELETE", f"/{bucket}")

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One signed request, whatever the answer."""
        host = urlsplit(self.url).netloc
        path, words = quote(path), _query(query or {})
        signed = _sign(self._keys, (method, host, path, words), body or b"")
        url = f"{self.url}{path}?{words}" if words else self.url + path
        return ask(method, url, body, {**signed, **(headers or {})}, self.authority)

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


def _query(words: Mapping[str, str]) -> str:
    pairs = (f"{quote(name, safe='')}={quote(words[name], safe='')}" for name in sorted(words))
    return "&".join(pairs)


def _sign(keys: tuple[str, str], asked: tuple[str, str, str, str], body: bytes) -> dict[str, str]:
    """The headers that show who asks.

    Args:
        asked: method, host, path and query, quoted.
    """
    method, host, path, query = asked
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    digest = hashlib.sha256(body).hexdigest()
    given = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": now}
    names = ";".join(given)
    lines = "".join(f"{name}:{text}\n" for name, text in given.items())
    canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
    scope = f"{now[:8]}/{REGION}/s3/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{keys[1]}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashed}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    who = f"AWS4-HMAC-SHA256 Credential={keys[0]}/{scope}"
    given["authorization"] = f"{who}, SignedHeaders={names}, Signature={signature}"
    return given
