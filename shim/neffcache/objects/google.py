"""World: who we are at Google Cloud Storage: application default credentials, as its tools do."""

from neffcache.errors import RemoteError
from neffcache.objects import access, federation, metadata
from neffcache.objects.access import Access, Provider, value

_KEY = ("GOOGLE_SERVICE_ACCOUNT_KEY",)
_FILES = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH")
_DEFAULT = "application_default_credentials.json"
_TOKENS = "https://oauth2.googleapis.com/token"
_MACHINE = "169.254.169.254"
_LOGIN = "`gcloud auth application-default login`"
_REMEDY = (
    f"set GOOGLE_APPLICATION_CREDENTIALS or credential=env:NAME, run {_LOGIN}, or give the "
    "machine a service account; a public bucket takes anonymous=1"
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from neffcache.objects.access import Credential
    from neffcache.remote import Spec


def find(spec: "Spec", environ: "Mapping[bytes, bytes]") -> Access:
    """See `access.find`."""
    emulator = _emulator(environ)
    # It knows nobody, and is to see nobody's token: that it is asked for, the URL has to say.
    unnamed = emulator and not spec.credential and not access.endpoint(spec)
    made = None if unnamed else _named(spec, environ)
    if made is None:
        made = Access("anonymous", {"skip_signature": True}) if emulator else _of_machine(environ)
    made.endpoint = access.endpoint(spec) or emulator
    return made


def _named(spec: "Spec", environ: "Mapping[bytes, bytes]") -> "Access | None":
    """By what the URL, a variable or a file says; None when they say nothing."""
    if access.is_anonymous(spec):
        return Access("anonymous", {"skip_signature": True})
    ca = access.authority(spec, environ)
    seconds = access.patience(environ)
    if text := access.named(spec, environ):
        return of_text(text, spec.credential, seconds, ca)
    if text := value(environ, *_KEY):
        return of_text(text, _KEY[0], seconds, ca)
    for name in _FILES:
        if path := access.path(environ, name):
            what = f"the file of {name}"
            return of_text(access.read(path, what), what, seconds, ca)
    directory = access.path(environ, "CLOUDSDK_CONFIG") or access.expand(
        "~/.config/gcloud", environ
    )
    try:
        text = access.read(f"{directory}/{_DEFAULT}", _DEFAULT)
    except RemoteError:
        return None
    return of_text(text, _DEFAULT, seconds, ca)


def of_text(text: str, source: str, seconds: float, ca: str) -> Access:
    """By what one of Google's credential files holds.

    Raises:
        RemoteError: it is none, or of a kind that is not known here, or no token can be had by it.
    """
    told = metadata.Answer(200, {}, text.encode()).json()
    kind = told.get("type")
    if kind == "service_account":
        if not isinstance(told.get("private_key"), str):
            raise RemoteError(f"{source} lacks its private_key", "make a new key and use its file")
        # Obstore signs with it by itself: no server is asked for a token.
        name = f"service account {told.get('client_email', '')}".rstrip()
        return Access(name, {"service_account_key": text})
    if asked := _of_servers(told, seconds, ca):
        return Access(asked.identity, {}, Provider(asked, asked()))
    if not isinstance(kind, str) or not kind.replace("_", "").isalnum():
        remedy = f"it has to hold a service account's JSON itself, else run {_LOGIN}"
        raise RemoteError(f"{source} holds no credentials of Google", remedy)
    raise RemoteError(
        f"{source} is of the kind {kind}, of which neffcache knows nothing",
        "use a service account's key, a login or the machine's service account",
    )


def _of_servers(
    told: "dict[str, Any]", seconds: float, ca: str
) -> "User | federation.Federated | federation.Impersonated | None":
    """Who asks a server for tokens, for a login or configuration; None for another kind."""
    url = str(told.get("service_account_impersonation_url") or "")
    share = seconds / 2 if url else seconds
    asked: User | federation.Federated
    if told.get("type") == "authorized_user":
        return User(told, seconds, ca)
    if told.get("type") == "external_account":
        asked = federation.Federated(told, share, ca)
    elif told.get("type") == "impersonated_service_account":
        source = told.get("source_credentials")
        if not isinstance(source, dict) or source.get("type") != "authorized_user":
            return None
        asked = User(source, share, ca)
    else:
        return None
    return federation.Impersonated(url, asked, share, ca) if url else asked


class User:
    """A person who logged in with gcloud."""

    __slots__ = ("_ca", "_form", "_seconds", "_url")

    identity = "login of gcloud"

    def __init__(self, told: "dict[str, Any]", seconds: float, ca: str) -> None:
        """Nothing is asked yet.

        Args:
            told: what the login left behind.
        """
        self._form = {"grant_type": "refresh_token"}
        for name in ("client_id", "client_secret", "refresh_token"):
            self._form[name] = str(told.get(name, ""))
        self._url = str(told.get("token_uri") or _TOKENS)
        self._seconds = seconds
        self._ca = ca

    def __call__(self) -> "Credential":
        """A token. Raises RemoteError."""
        host = metadata.host_of(self._url)
        try:
            answer = metadata.post(self._url, self._form, self._seconds, self._ca)
        except OSError as error:
            raise RemoteError(
                f"no token for the {self.identity}: {host} {metadata.why(error)}",
                "look at the network and the proxy",
            ) from None
        return metadata.token(answer, host, f"log in again: {_LOGIN}")


class Machine:
    """The service account of a machine or pod at Google."""

    __slots__ = ("_host", "_seconds")

    def __init__(self, environ: "Mapping[bytes, bytes]", seconds: float = metadata.PROBE) -> None:
        """Nothing is asked yet. By its number: off Google its name may take long to not resolve."""
        self._host = value(environ, "GCE_METADATA_HOST", "GCE_METADATA_IP") or _MACHINE
        self._seconds = seconds

    @property
    def identity(self) -> str:
        """For people."""
        return f"machine's service account via {self._host}"

    def __call__(self) -> "Credential":
        """A token. Raises RemoteError."""
        url = f"http://{self._host}/computeMetadata/v1/instance/service-accounts/default/token"
        try:
            answer = metadata.ask(url, self._seconds, {"metadata-flavor": "Google"})
        except OSError as error:
            what = f"the machine's metadata at {self._host} {metadata.why(error)}"
            raise RemoteError(what) from None
        if answer.headers.get("metadata-flavor") != "Google":
            raise RemoteError(f"{self._host} is no machine's metadata of Google")
        return metadata.token(answer, self._host, "give the machine a service account")


def _of_machine(environ: "Mapping[bytes, bytes]") -> Access:
    """By the machine's account, which is asked when nothing says who else could be.

    Raises:
        RemoteError: names all that was looked for.
    """
    asked = Machine(environ)
    try:
        if value(environ, "NO_GCE_CHECK").lower() == "true":
            raise RemoteError("NO_GCE_CHECK is set")
        first = asked()
    except RemoteError as error:
        raise RemoteError(
            "no Google credentials: no GOOGLE_APPLICATION_CREDENTIALS, no login of gcloud "
            f"({_DEFAULT}), {str(error).replace(';', ',')}",
            _REMEDY,
        ) from None
    return Access(asked.identity, {}, Provider(asked, first))


def _emulator(environ: "Mapping[bytes, bytes]") -> str:
    named = value(environ, "STORAGE_EMULATOR_HOST").rstrip("/")
    return f"http://{named}" if named and "://" not in named else named
