"""Servers: users of a moto that looks at keys: some come, some go while others upload."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from servers.asking import ask, fresh
from servers.moto import Moto

_ALL = (
    '{"Version": "2012-10-17", "Statement":'
    ' [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}]}'
)
# Moto reads from it which service is meant, and nothing else.
_SIGNED = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, "
    "SignedHeaders=host, Signature=x"
)


class Users:
    """Keys to all buckets of a moto of one's own; from the first on nobody else is let in."""

    def __init__(self, server: Moto) -> None:
        self._server = server
        self._owners: dict[str, str] = {}

    def add(self) -> tuple[str, str]:
        """A new pair of keys."""
        user = fresh()
        self._ask("CreateUser", user)
        self._ask("PutUserPolicy", user, PolicyName="all", PolicyDocument=_ALL)
        text = self._ask("CreateAccessKey", user)
        name = re.search("<AccessKeyId>(.*?)<", text)
        secret = re.search("<SecretAccessKey>(.*?)<", text)
        assert name is not None
        assert secret is not None
        self._owners[name[1]] = user
        return name[1], secret[1]

    def remove(self, name: str) -> None:
        """Let nobody in any more with this key."""
        self._ask("DeleteAccessKey", self._owners[name], AccessKeyId=name)

    def _ask(self, action: str, user: str, **form: str) -> str:
        self._server.control("reset-auth", "inf")
        told = {"Action": action, "Version": "2010-05-08", "UserName": user, **form}
        kind = "application/x-www-form-urlencoded"
        headers = {"authorization": _SIGNED, "content-type": kind}
        answer = ask("POST", f"{self._server.url}/", urlencode(told).encode(), headers)
        self._server.control("reset-auth", "0")
        assert answer.status == 200, answer.body[:500]
        return answer.body.decode()
