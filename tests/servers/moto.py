"""Servers: moto, an S3 with true conditions that checks no signature."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub import tls
from servers import processes, tools
from servers.asking import ask
from servers.s3 import S3


class Moto(S3):
    """Buckets of a moto; others may use them at the same time."""

    def control(self, what: str, body: str = "") -> None:
        """One of moto's own commands; only at a moto of the test's own.

        Args:
            what: "reset": all is gone; "reset-auth": whether keys count ("0": yes, "inf": no).
        """
        assert ask("POST", f"{self.url}/moto-api/{what}", body.encode()).status == 200


@contextmanager
def start() -> Iterator[Moto]:
    """Raises tools.MissingError."""
    with _running(None) as server:
        yield server


@contextmanager
def start_secure() -> Iterator[Moto]:
    """One over TLS. Raises tools.MissingError."""
    with (
        tempfile.TemporaryDirectory(prefix="moto-tls-") as place,
        _running(tls.make(Path(place))) as server,
    ):
        yield server


@contextmanager
def _running(secure: tls.Certificates | None) -> Iterator[Moto]:
    (program,) = tools.programs("moto")
    with tempfile.TemporaryDirectory(prefix="moto-") as place, processes.claimed() as (port,):
        words = [program, "-H", "127.0.0.1", "-p", port]
        if secure:
            words += ["--ssl-cert", secure.certificate, "--ssl-key", secure.key]
        with processes.running(words, Path(place, "moto.log"), lambda: processes.answers(port)):
            scheme, authority = ("https", secure.authority) if secure else ("http", None)
            yield Moto(f"{scheme}://127.0.0.1:{port}", ("test", "testtest"), authority)
