"""World: who we are to a registry: the credential files and helpers of the container tools."""

import json

from neffcache import files, remote
from neffcache.errors import RemoteError
from neffcache.registry import proxies

_MOST = 4 << 20
# Under which Docker Hub stands in those files.
_DOCKER, _DOCKER_KEY = "docker.io", "https://index.docker.io/v1/"
# In place of a user: the secret is no password, but renews tokens.
_RENEWS = "<token>"
_SHORTEST = 2.0
# What is shorter may be a part of any word.
_SHORT = 4

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from neffcache.registry.names import Place
    from neffcache.remote import Spec


class Login:
    """A user of a registry.

    Attributes:
        user, password: both "" where there is a token instead, or nobody is logged in.
        renewal: what tokens are renewed with; token: a token as it is sent.
        source: where it was found, for people.
    """

    __slots__ = ("password", "renewal", "source", "token", "user")

    def __init__(self, source: str, user: str = "", password: str = "") -> None:
        self.source = source
        self.user = user
        self.password = password
        self.renewal = self.token = ""

    @property
    def basic(self) -> str:
        """The value of an Authorization header with the password; "" where there is none."""
        return proxies.basic(self.user, self.password) if self.user or self.password else ""

    def shown(self) -> str:
        """Who that is, without the secret."""
        if self.user:
            return f"user {self.user} ({self.source})"
        return f"token ({self.source})" if self.token or self.renewal else "anonymous"

    def hide(self, said: bytes) -> bytes:
        """What a server says, without what it may repeat of the login."""
        for secret in (self.password, self.renewal, self.token, self.basic.partition(" ")[2]):
            said = hide(said, secret)
        return said


def hide(said: bytes, secret: str) -> bytes:
    """The same without one secret, as it is and as it is written in JSON."""
    if len(secret) < _SHORT:
        return said
    for text in (secret, json.dumps(secret)[1:-1]):
        said = said.replace(files.encode(text), b"***")
    return said


ANONYMOUS = Login("nobody is logged in")


def of_variable(spec: "Spec", environ: "Mapping[bytes, bytes]") -> "Login | None":
    """What `credential=env:NAME` holds: `user:password`, or a token; None: none is named."""
    if not spec.credential:
        return None
    text = files.decode(remote.secret_in(spec, environ)).strip()
    user, mark, password = text.partition(":")
    if any(ord(letter) < 32 for letter in text):
        raise RemoteError(f"{spec.credential} holds what no login does", "correct it")
    made = Login(spec.credential, *((user, password) if mark else ()))
    made.token = "" if mark else text
    return made


def of_files(
    place: "Place", environ: "Mapping[bytes, bytes]", patience: float, ask: bool
) -> "Login | None":
    """The login that the container tools have for a registry; None: none, or nobody was asked.

    Args:
        patience: seconds for a helper's answer.
        ask: whether the helper is asked too that keeps all logins, and may not know this one.

    Raises:
        RemoteError: a file cannot be read, or a helper does not answer.
    """
    for path in _paths(environ):
        told = _read(path)
        keys = [_DOCKER_KEY] if place.known == _DOCKER else list(_keys(place))
        helper = _helper(told, keys, ask)
        found = _ask(helper, keys[-1], environ, patience) if helper else None
        found = found or _inline(told, keys, path)
        if found is not None:
            return found
    return None


def _paths(environ: "Mapping[bytes, bytes]") -> "Iterator[str]":
    """Files that may hold a login; the first that does counts."""
    home = files.decode(environ.get(b"HOME", b""))
    for name, directory, below in (
        (b"REGISTRY_AUTH_FILE", "", ""),
        (b"DOCKER_CONFIG", "", "config.json"),
        (b"XDG_RUNTIME_DIR", "", "containers/auth.json"),
        (b"XDG_CONFIG_HOME", ".config", "containers/auth.json"),
        (b"", ".docker", "config.json"),
    ):
        base = files.decode(environ.get(name, b""))
        if not base and directory and home.startswith("/"):
            base = files.join(home, directory)
        if base.startswith("/"):
            yield files.join(base, below) if below else base


def _read(path: str) -> "dict[str, Any]":
    try:
        told = json.loads(files.read(path, _MOST))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise RemoteError(f"{path}: {error.strerror}", "make it readable, or remove it") from error
    except (ValueError, RecursionError):
        raise RemoteError(f"{path} is not JSON", "correct it, or log in anew") from None
    return told if isinstance(told, dict) else {}


def _keys(place: "Place") -> "Iterator[str]":
    """How a registry may stand in a file: with parts of the repository first, the host last."""
    parts = [place.known, *place.repository.split("/")]
    for count in range(len(parts), 0, -1):
        yield "/".join(parts[:count])


def _helper(told: "dict[str, Any]", keys: "list[str]", ask: bool) -> str:
    """The name of the program that keeps this login, or ""."""
    by_host = told.get("credHelpers")
    for key in keys:
        if isinstance(by_host, dict) and by_host.get(key):
            return str(by_host[key])
    return str(told.get("credsStore") or "") if ask else ""


def _inline(told: "dict[str, Any]", keys: "list[str]", path: str) -> "Login | None":
    auths = told.get("auths")
    auths = auths if isinstance(auths, dict) else {}
    for key in keys:
        for written in (key, f"https://{key}", f"https://{key}/", f"https://{key}/v1/"):
            if isinstance(auths.get(written), dict):
                found = _entry(auths[written], path)
                if found is not None:
                    return found
    return None


def _entry(entry: "dict[str, Any]", path: str) -> "Login | None":
    from base64 import b64decode

    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            text = b64decode(str(entry["auth"]), validate=True).decode()
        except ValueError:
            raise RemoteError(f"{path} holds a damaged login", "log in anew") from None
        user, _, password = text.partition(":")
    made = _made(path, user, password.rstrip("\0"))
    made.renewal = str(entry.get("identitytoken") or made.renewal)
    made.token = str(entry.get("registrytoken") or "")
    return made if made.user or made.password or made.renewal or made.token else None


def _made(source: str, user: str, password: str) -> Login:
    if user != _RENEWS:
        return Login(source, user, password)
    made = Login(source)
    made.renewal = password
    return made


def _ask(
    helper: str, server: str, environ: "Mapping[bytes, bytes]", patience: float
) -> "Login | None":
    """What a credential helper knows of a registry; None: nothing."""
    name = f"docker-credential-{helper}"
    if "/" in helper:
        raise RemoteError(f"{name} is no name of a program", "correct the credential file")
    out = _run(name, server, environ, max(patience, _SHORTEST))
    if out is None:
        return None
    try:
        told = json.loads(out)
        return _made(name, str(told["Username"]), str(told["Secret"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RemoteError(f"{name} gave no login", f"try `{name} get` yourself") from None


def _run(
    name: str, server: str, environ: "Mapping[bytes, bytes]", patience: float
) -> "bytes | None":
    """What the program writes, None where it knows no such login."""
    import shutil
    import signal
    import subprocess

    path = shutil.which(name, path=files.decode(environ.get(b"PATH", b"")) or None)
    if path is None:
        raise RemoteError(f"{name} is not on PATH", "install it, or log in without it")
    try:
        with subprocess.Popen(
            [path, "get"], env=dict(environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True,
        ) as child:  # fmt: skip
            try:
                out, _ = child.communicate(server.encode(), timeout=patience)
            except subprocess.TimeoutExpired:
                # With all that it has started: one of those may hold the pipe.
                _kill(child.pid, signal.SIGKILL)
                what = f"{name} has not answered in {patience:.1f} s"
                raise RemoteError(what, f"try `{name} get` yourself") from None
    except OSError as error:
        raise RemoteError(f"{name}: {error.strerror}", "reinstall it") from error
    if child.returncode == 0:
        return out
    if b"not found" in out.lower():
        return None
    raise RemoteError(f"{name} failed with status {child.returncode}", f"try `{name} get` yourself")


def _kill(group: int, number: int) -> None:
    import os

    try:
        os.killpg(group, number)
    except OSError:
        pass
