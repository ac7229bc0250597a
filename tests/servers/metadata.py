"""Servers: whom clouds ask for credentials, on one port: metadata, agents, servers of tokens."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROLE = "neff-role"
REGION = "eu-north-1"
IMDS_TOKEN = "imds-token"
AGENT_TOKEN = "agent-token"
SSO_TOKEN = "sso-token"
_ROLES = "/latest/meta-data/iam/security-credentials/"


@dataclass(frozen=True)
class Asked:
    """One request; header names in small letters; of a form each field's first value."""

    method: str
    path: str
    headers: Mapping[str, str]
    form: Mapping[str, str]


@dataclass(frozen=True)
class Said:
    """One answer; a mapping becomes JSON."""

    status: int = 200
    body: str | Mapping[str, Any] = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Cloud:
    """A cloud's answers, as a test wants them.

    Attributes:
        asked: every request so far.
        keys: (name, secret, token) that the roles of AWS get.
        lasts: seconds for which what is given out holds.
        token: what the servers of tokens give.
        instead: path → what is answered there instead of the usual.
        silent: whether requests are taken and never answered.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.keys = ("AKIACLOUD", "secret-of-cloud", "session-of-cloud")
        self.lasts = 3600.0
        self.token = "bearer-of-cloud"
        self.instead: dict[str, Said] = {}
        self.silent = False
        self.ended = threading.Event()
        self.scheme, self.port = "http", 0

    @property
    def url(self) -> str:
        """Its address, whatever is asked."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        """What has been asked so far."""
        return [f"{one.method} {one.path}" for one in self.asked]

    def pins(self) -> dict[str, str]:
        """Variables by which the addresses of machines' metadata are this one."""
        return {**pins(f"127.0.0.1:{self.port}"), "AWS_EC2_METADATA_DISABLED": ""}

    def answer(self, asked: Asked) -> Said:
        """What is said to a request."""
        if asked.path in self.instead:
            return self.instead[asked.path]
        for part in (self._instance, self._agents, self._tokens):
            said = part(asked)
            if said is not None:
                return said
        return Said(404, "nothing here")

    def _instance(self, asked: Asked) -> Said | None:
        """EC2, by the second version."""
        if asked.path == "/latest/api/token":
            fine = asked.method == "PUT" and "x-aws-ec2-metadata-token-ttl-seconds" in asked.headers
            return Said(200, IMDS_TOKEN) if fine else Said(400)
        if not asked.path.startswith("/latest/"):
            return None
        if asked.headers.get("x-aws-ec2-metadata-token") != IMDS_TOKEN:
            return Said(401)
        told: dict[str, str | Mapping[str, Any]] = {
            _ROLES: ROLE,
            _ROLES + ROLE: self._session(Code="Success"),
            "/latest/meta-data/placement/region": REGION,
        }
        return Said(200, told[asked.path]) if asked.path in told else None

    def _agents(self, asked: Asked) -> Said | None:
        """A container's agent; the portal of single sign-on; STS."""
        name, secret, token = self.keys
        if asked.path == "/agent":
            right = asked.headers.get("authorization") == AGENT_TOKEN
            return Said(200, self._session()) if right else Said(403, {"code": "AccessDenied"})
        if asked.path == "/federation/credentials":
            right = asked.headers.get("x-amz-sso_bearer_token") == SSO_TOKEN
            made = {"accessKeyId": name, "secretAccessKey": secret, "sessionToken": token}
            end = int((time.time() + self.lasts) * 1000)
            return Said(200 if right else 401, {"roleCredentials": {**made, "expiration": end}})
        action = asked.form.get("Action", "")
        if action not in ("AssumeRole", "AssumeRoleWithWebIdentity"):
            return None
        return Said(
            200,
            f"<{action}Response><{action}Result><Credentials>"
            f"<AccessKeyId>{name}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
            f"<SessionToken>{token}</SessionToken><Expiration>{self._end()}</Expiration>"
            f"</Credentials></{action}Result></{action}Response>",
        )

    def _tokens(self, asked: Asked) -> Said | None:
        """Azure's machine and service, Entra, Google's machine and its server of tokens."""
        told = {"access_token": self.token, "expires_in": str(int(self.lasts))}
        if asked.path in ("/metadata/identity/oauth2/token", "/service"):
            return Said(200, told) if asked.headers.get("metadata") == "true" else Said(400)
        if asked.path.startswith("/computeMetadata/"):
            right = asked.headers.get("metadata-flavor") == "Google"
            return Said(200 if right else 403, told, {"Metadata-Flavor": "Google"})
        if asked.path.endswith(":generateAccessToken"):
            right = asked.headers.get("authorization") == f"Bearer {self.token}"
            made = {"accessToken": f"{self.token} of the account", "expireTime": self._end()}
            return Said(200 if right else 403, made)
        if asked.method == "POST" and asked.path.endswith("/token"):
            return Said(200, told)
        return None

    def _session(self, **more: str) -> Mapping[str, Any]:
        name, secret, token = self.keys
        made = {"AccessKeyId": name, "SecretAccessKey": secret, "Token": token}
        return {**made, "Expiration": self._end(), **more}

    def _end(self) -> str:
        end = datetime.now(timezone.utc) + timedelta(seconds=self.lasts)
        return end.strftime("%Y-%m-%dT%H:%M:%SZ")


def pins(place: str) -> dict[str, str]:
    """Variables by which the addresses of machines' metadata are this host and port."""
    return {
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{place}",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST": f"http://{place}",
        "GCE_METADATA_HOST": place,
    }


@contextmanager
def start(secure: ssl.SSLContext | None = None) -> Iterator[Cloud]:
    """One for a test; over TLS when it is told how."""
    cloud = Cloud()

    class Handler(BaseHTTPRequestHandler):
        """Hands each request to the cloud."""

        timeout = 30

        def log_message(self, *_arguments: object) -> None:
            return

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
            form = {name: texts[0] for name, texts in parse_qs(body).items()}
            headers = {name.lower(): text for name, text in self.headers.items()}
            asked = Asked(self.command, urlsplit(self.path).path, headers, form)
            cloud.asked.append(asked)
            if cloud.silent:
                cloud.ended.wait(60)
                self.close_connection = True
                return
            said = cloud.answer(asked)
            data = said.body if isinstance(said.body, str) else json.dumps(said.body)
            self.send_response(said.status)
            for name, text in said.headers.items():
                self.send_header(name, text)
            self.send_header("content-length", str(len(data.encode())))
            self.end_headers()
            self.wfile.write(data.encode())

        do_GET = do_PUT = do_POST = _handle  # noqa: N815  # the library's names

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        cloud.port = server.server_address[1]
        if secure:
            cloud.scheme = "https"
            server.socket = secure.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield cloud
        finally:
            cloud.ended.set()
            server.shutdown()
            thread.join()
