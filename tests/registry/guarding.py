"""Registry peer: who may do what: passwords, and tokens for a scope that last so long."""

from __future__ import annotations

import base64
import time
import uuid
from dataclasses import dataclass, field

from registry.contents import RefusalError


@dataclass
class Guard:
    """The logins of a registry; none: everybody may do everything.

    Attributes:
        login: (user, password) that is asked for, or None.
        tokens: whether that is exchanged for tokens, not shown to the registry itself.
        anonymous: whether tokens for pulling are given to everybody.
        may_push: whether the user may.
        lasts: how long a token lasts (s); stated: what is said of that, if it is something else;
        uses: how many requests it is good for.
        renewal: what is taken for a user's password with grant_type=refresh_token.
        given: how many tokens have been.
    """

    login: tuple[str, str] | None = None
    tokens: bool = False
    anonymous: bool = False
    may_push: bool = True
    lasts: float = 300
    stated: float = 0
    uses: int = 1 << 30
    renewal: str = ""
    given: int = 0
    _valid: dict[str, tuple[set[str], float, int]] = field(default_factory=dict)

    def admit(self, authorization: str, repository: str, action: str, realm: str) -> str:
        """The challenge for who is not admitted, or ""."""
        if self.login is None:
            return ""
        if not self.tokens:
            return "" if self._is_user(authorization) else 'Basic realm="peer"'
        challenge = (
            f'Bearer realm="{realm}",service="peer, the registry",'
            f'scope="repository:{repository}:{action}"'
        )
        token = authorization.removeprefix("Bearer ")
        scopes, until, uses = self._valid.get(token, (set[str](), 0.0, 0))
        if time.monotonic() > until or uses <= 0:
            return challenge
        self._valid[token] = (scopes, until, uses - 1)
        if f"{repository}:{action}" not in scopes:
            return challenge + ',error="insufficient_scope"'
        return ""

    def give(self, authorization: str, renewal: str, scopes: list[str]) -> dict[str, object]:
        """A token for scopes like `repository:name:pull,push`, less what its bearer may not do."""
        known = self._is_user(authorization) or bool(self.renewal and renewal == self.renewal)
        if not known and (authorization or renewal or not self.anonymous):
            raise RefusalError(401, "UNAUTHORIZED")
        granted = set()
        for scope in scopes:
            _kind, repository, actions = scope.split(":")
            for action in actions.split(","):
                if action == "pull" or (known and self.may_push):
                    granted.add(f"{repository}:{action}")
        text = uuid.uuid4().hex
        self.given += 1
        self._valid[text] = (granted, time.monotonic() + self.lasts, self.uses)
        return {"token": text, "expires_in": self.stated or self.lasts}

    def forget(self) -> None:
        """From now on no token is valid."""
        self._valid.clear()

    def _is_user(self, authorization: str) -> bool:
        user, password = self.login or ("", "")
        shown = base64.b64encode(f"{user}:{password}".encode()).decode()
        return authorization == f"Basic {shown}"
