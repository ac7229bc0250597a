"""World: who we are at an object store: found once, renewed before it runs out, never shown."""

import time

from neffcache import config, files, remote
from neffcache.errors import RemoteError
from neffcache.hub import home

# Seconds for which a credential that still holds is not asked for again; that it has to hold.
_SPACING, _LEAST = 10.0, 2.0
# Of the silence that a remote is allowed: what a source that the user set up may take.
_SHARE = 0.7
_LIMIT = 256 << 10

# Variables that obstore would mix by itself into what is decided here, whoever the user is.
_HIDDEN = (
    *("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SKIP_SIGNATURE"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_TOKEN"),
    *("AWS_BUCKET", "AWS_BUCKET_NAME", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ALLOW_HTTP"),
    *("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT", "AZURE_SKIP_SIGNATURE", "AZURE_CONTAINER_NAME"),
    *("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY"),
    *("AZURE_STORAGE_MASTER_KEY", "AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN"),
    *("AZURE_STORAGE_TOKEN", "AZURE_STORAGE_USE_EMULATOR", "AZURE_USE_FABRIC_ENDPOINT"),
    *("AZURE_USE_AZURE_CLI", "AZURE_CREDENTIAL_TYPE", "AZURE_ALLOW_HTTP"),
    *("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH", "GOOGLE_SERVICE_ACCOUNT_KEY"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_BEARER_TOKEN", "GOOGLE_SKIP_SIGNATURE"),
    *("GOOGLE_BASE_URL", "GOOGLE_BUCKET", "GOOGLE_BUCKET_NAME"),
    "HOME",  # it reads a login of gcloud there, and fails at one that it does not know
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import Any

    from neffcache.remote import Spec

    # As obstore takes it: its keys differ from store to store, "expires_at" is in all of them:
    # a datetime with its zone, or None for what does not expire.
    Credential = dict[str, Any]


class Provider:
    """What obstore asks for a credential: before the first request, then when one nears its end.

    Attributes:
        failure: why the last one could not be had; None when it could. Obstore's own exception
            repeats it in a text that must not be shown.
    """

    __slots__ = ("_ask", "_asked", "_last", "failure")

    def __init__(self, ask: "Callable[[], Credential]", first: "Credential | None" = None) -> None:
        """Nothing is asked yet.

        Args:
            ask: gives a new credential within seconds, or raises RemoteError.
            first: one that was just given.
        """
        self._ask = ask
        self._last = first
        self._asked = time.monotonic()
        self.failure: RemoteError | None = None

    def __call__(self) -> "Credential":
        """A credential that is good now. Raises RemoteError."""
        last = self._last
        good = last is not None and _is_good(last)
        # Of one that ends within minutes obstore asks for the next before each request.
        if last is not None and good and time.monotonic() - self._asked < _SPACING:
            return last
        self._asked = time.monotonic()
        try:
            self._last = self._ask()
        except RemoteError as error:
            if last is not None and good:
                return last
            self.failure = error
            raise
        self.failure = None
        return self._last


def _is_good(made: "Credential") -> bool:
    """Whether it will still be taken when a request with it arrives."""
    from datetime import datetime, timedelta, timezone

    end: datetime | None = made["expires_at"]
    return end is None or datetime.now(timezone.utc) + timedelta(seconds=_LEAST) < end


class Access:
    """How one object store is opened.

    Attributes:
        settings: keyword arguments for obstore's class, less bucket, endpoint and client options.
        endpoint: the server's address: of the URL, else of the user's settings; "": the cloud's.
        provider: for credential_provider=, None with what needs none.
        identity: who we are, for people; holds no secret.
    """

    __slots__ = ("endpoint", "identity", "provider", "settings")

    def __init__(
        self,
        identity: str,
        settings: "dict[str, Any]",
        provider: "Provider | None" = None,
        endpoint: str = "",
    ) -> None:
        self.identity = identity
        self.settings = settings
        self.provider = provider
        self.endpoint = endpoint


def find(spec: "Spec", environ: "Mapping[bytes, bytes]") -> Access:
    """Who we are at the object store of a remote: by its URL, else as its cloud's tools find it.

    Asks the network only where a setting or file says whom, and for at most a second the address
    at which a cloud tells its machines who they are. What is renewed was got once when it returns.

    Raises:
        RemoteError: there is nothing, or what there is does not work; SettingError.
    """
    if spec.scheme == "s3":
        from neffcache.objects.aws import find as find_there
    elif spec.scheme == "az":
        from neffcache.objects.azure import find as find_there
    else:
        from neffcache.objects.google import find as find_there
    return find_there(spec, dict(environ))


def hidden() -> "AbstractContextManager[None]":
    """While an obstore class is called: this process's variables that it would mix in are away."""
    from contextlib import contextmanager

    return contextmanager(_hiding)()


def _hiding() -> "Iterator[None]":
    import os

    kept = {name: os.environ.pop(name) for name in _HIDDEN if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def fixed(**credential: str) -> Provider:
    """For what lasts as long as the process."""
    made: Credential = {**credential, "expires_at": None}
    return Provider(lambda: dict(made))


def named(spec: "Spec", environ: "Mapping[bytes, bytes]") -> str:
    """What the variable of credential= holds; "" when the URL names none.

    Raises:
        RemoteError: it is not set.
    """
    if not spec.credential:
        return ""
    text = files.decode(remote.secret(spec, environ)).strip()
    if not text:
        raise RemoteError(f"{spec.credential} is not set", "export it or remove credential=")
    return text


def value(environ: "Mapping[bytes, bytes]", *names: str) -> str:
    """What the first of some variables that is set to something holds; "" when none is."""
    for name in names:
        text = files.decode(environ.get(files.encode(name), b"")).strip()
        if text:
            return text
    return ""


def endpoint(spec: "Spec") -> str:
    """The address in the URL, or ""."""
    return remote.unquote(spec.options.get("endpoint", "")).rstrip("/")


def is_anonymous(spec: "Spec") -> bool:
    """Whether the URL says that nobody is to be asked who we are."""
    return spec.options.get("anonymous") == "1"


def patience(environ: "Mapping[bytes, bytes]") -> float:
    """Seconds for a source that the user set up: less than the silence that ends us."""
    return config.load(environ).remote_timeout * _SHARE


def authority(spec: "Spec", environ: "Mapping[bytes, bytes]", *names: str) -> str:
    """The file of certificates for servers of tokens: of the URL, else of a variable; ""."""
    return remote.unquote(spec.options.get("ca", "")) or path(environ, *names)


def path(environ: "Mapping[bytes, bytes]", *names: str) -> str:
    """The absolute path that the first variable which is set to something holds; ""."""
    text = value(environ, *names)
    return expand(text, environ) if text else ""


def expand(path: str, environ: "Mapping[bytes, bytes]") -> str:
    """A path with `~` replaced, absolute; "" without a home."""
    return home.expand(files.encode(path), environ)


def read(path: str, what: str) -> str:
    """A file with a secret. Raises RemoteError, which says what it was to be."""
    try:
        text = files.read(path, _LIMIT).decode("utf-8", "replace").strip()
    except OSError as error:
        remedy = "correct where it is said to be, or who may read it"
        raise RemoteError(f"{what} cannot be read ({error.strerror})", remedy) from None
    if not text:
        raise RemoteError(f"{what} is empty", "write it anew, or log in anew")
    return text
