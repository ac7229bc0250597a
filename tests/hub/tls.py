"""Hub peer: a certificate authority of the test's own."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_CONFIGURATION = """[req]
distinguished_name = name
prompt = no
[name]
CN = hub peer
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Certificates:
    """Files: the authority that a client must be told to trust, and the server's own."""

    authority: Path
    certificate: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        """What a listener speaks TLS with."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.certificate, self.key)
        return made


def make(folder: Path) -> Certificates:
    """An authority and a certificate for 127.0.0.1 and localhost; needs the openssl program."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "openssl.cnf").write_text(_CONFIGURATION)
    made = Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    new = ("req", "-x509", *_KEY, "-days", "2", "-config", "openssl.cnf")
    _openssl(
        folder,
        *new,
        "-extensions",
        "authority",
        "-keyout",
        "authority.key",
        "-out",
        "authority.pem",
    )
    signed = ("-CA", "authority.pem", "-CAkey", "authority.key", "-subj", "/CN=localhost")
    files = ("-keyout", "server.key", "-out", "server.pem")
    _openssl(folder, *new, "-extensions", "server", *signed, *files)
    return made


def _openssl(folder: Path, *words: str) -> None:
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
