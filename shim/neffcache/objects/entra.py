"""World: tokens of Entra ID for storage: service principals, pods, machines, who ran `az login`."""

from neffcache.errors import RemoteError
from neffcache.objects import access, metadata
from neffcache.objects.access import value

_SCOPE = "https://storage.azure.com/.default"
_RESOURCE = "https://storage.azure.com/"
_AUTHORITY = "https://login.microsoftonline.com"
_MACHINE = "http://169.254.169.254"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_FILE = "AZURE_FEDERATED_TOKEN_FILE"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.objects.access import Credential


class Application:
    """A service principal with its secret, or a pod's identity by a token in a file."""

    __slots__ = ("_ca", "_client", "_environ", "_seconds", "_url", "identity")

    def __init__(self, environ: "Mapping[bytes, bytes]", seconds: float, ca: str) -> None:
        """Nothing is asked yet."""
        self._client = value(environ, "AZURE_CLIENT_ID")
        authority = value(environ, "AZURE_AUTHORITY_HOST") or _AUTHORITY
        if "://" not in authority:
            authority = f"https://{authority}"
        tenant = value(environ, "AZURE_TENANT_ID")
        self._url = f"{authority.rstrip('/')}/{tenant}/oauth2/v2.0/token"
        self._environ = environ
        self._seconds = seconds
        self._ca = ca
        kind = "service principal" if value(environ, "AZURE_CLIENT_SECRET") else "workload identity"
        self.identity = f"{kind} {self._client}"

    def __call__(self) -> "Credential":
        """A token. Raises RemoteError."""
        form = {"grant_type": "client_credentials", "client_id": self._client, "scope": _SCOPE}
        if secret := value(self._environ, "AZURE_CLIENT_SECRET"):
            form["client_secret"] = secret
        else:
            form["client_assertion_type"] = _ASSERTION
            path = access.path(self._environ, _FILE)
            form["client_assertion"] = access.read(path, f"the file of {_FILE}")
        host = metadata.host_of(self._url)
        try:
            answer = metadata.post(self._url, form, self._seconds, self._ca)
        except OSError as error:
            raise RemoteError(
                f"no token for the {self.identity}: {host} {metadata.why(error)}",
                "look at the network, the proxy and AZURE_AUTHORITY_HOST",
            ) from None
        remedy = "correct AZURE_TENANT_ID, AZURE_CLIENT_ID and its secret"
        return metadata.token(answer, f"{host} for the {self.identity}", remedy)


class Service:
    """The managed identity of an App Service, a job or an Arc machine's agent: a variable says."""

    __slots__ = ("_client", "_header", "_seconds", "_url", "identity")

    def __init__(self, environ: "Mapping[bytes, bytes]", seconds: float) -> None:
        """Nothing is asked yet."""
        self._client = value(environ, "AZURE_CLIENT_ID")
        secret = value(environ, "IDENTITY_HEADER")
        url = value(environ, "IDENTITY_ENDPOINT")
        query = f"?api-version=2019-08-01&resource={_RESOURCE}"
        self._header = {"x-identity-header": secret, "metadata": "true"}
        if not (url and secret):
            url = value(environ, "MSI_ENDPOINT")
            query = f"?api-version=2017-09-01&resource={_RESOURCE}"
            self._header = {"secret": value(environ, "MSI_SECRET"), "metadata": "true"}
        self._url = url + query + (f"&client_id={self._client}" if self._client else "")
        self._seconds = seconds
        self.identity = f"managed identity via {metadata.host_of(url)}"

    def __call__(self) -> "Credential":
        """A token. Raises RemoteError."""
        return _of_machine(self._url, self._seconds, self._header)


class Machine:
    """The managed identity of a virtual machine, as its metadata give it."""

    __slots__ = ("_client", "_seconds", "_url", "identity")

    def __init__(self, environ: "Mapping[bytes, bytes]", seconds: float = metadata.PROBE) -> None:
        """Nothing is asked yet."""
        base = (value(environ, "AZURE_POD_IDENTITY_AUTHORITY_HOST") or _MACHINE).rstrip("/")
        client = value(environ, "AZURE_CLIENT_ID")
        query = f"?api-version=2018-02-01&resource={_RESOURCE}"
        query += f"&client_id={client}" if client else ""
        self._url = f"{base}/metadata/identity/oauth2/token{query}"
        self._seconds = seconds
        self.identity = f"managed identity via {metadata.host_of(base)}"

    def __call__(self) -> "Credential":
        """A token. Raises RemoteError."""
        return _of_machine(self._url, self._seconds, {"metadata": "true"})


class Login:
    """Whoever ran `az login` here: its program gives the token, and renews it."""

    __slots__ = ("_environ", "_program", "_seconds", "identity")

    def __init__(self, program: str, environ: "Mapping[bytes, bytes]", seconds: float) -> None:
        """Nothing is asked yet."""
        self._program = program
        self._environ = environ
        self._seconds = seconds
        self.identity = "login of az"

    def __call__(self) -> "Credential":
        """A token. Raises RemoteError."""
        import subprocess

        words = [self._program, "account", "get-access-token", "--output", "json"]
        words += ["--resource", _RESOURCE]
        try:
            done = subprocess.run(
                words,
                env=dict(self._environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            what = f"`az account get-access-token` is not through after {self._seconds:.0f} s"
            raise RemoteError(what, "run it by hand, or raise remote_timeout") from None
        except OSError as error:
            raise RemoteError(f"az cannot be run ({error.strerror})") from None
        told = metadata.Answer(200, {}, done.stdout).json()
        token = told.get("accessToken")
        if done.returncode != 0 or not isinstance(token, str):
            what = f"`az account get-access-token` gave no token (status {done.returncode})"
            raise RemoteError(what, "log in again: `az login`")
        return {"token": token, "expires_at": _end(told.get("expires_on"))}


def configured(
    environ: "Mapping[bytes, bytes]", seconds: float, ca: str
) -> "Application | Service | Login | None":
    """Who gives tokens here as far as variables and files say; None when they say nothing.

    A person's login comes before the machine's own identity, which anybody on it has, and costs
    no question to an address that may be silent.
    """
    if _has_application(environ):
        return Application(environ, seconds, ca)
    if _has_service(environ):
        return Service(environ, seconds)
    program = _program(environ)
    return Login(program, environ, seconds) if program and _has_login(environ) else None


def _has_application(environ: "Mapping[bytes, bytes]") -> bool:
    named = value(environ, "AZURE_TENANT_ID") and value(environ, "AZURE_CLIENT_ID")
    return bool(named and value(environ, "AZURE_CLIENT_SECRET", _FILE))


def _has_service(environ: "Mapping[bytes, bytes]") -> bool:
    newer = value(environ, "IDENTITY_ENDPOINT") and value(environ, "IDENTITY_HEADER")
    return bool(newer or value(environ, "MSI_ENDPOINT"))


def _has_login(environ: "Mapping[bytes, bytes]") -> bool:
    """Whether somebody is logged in, by what az keeps: starting it to ask takes seconds."""
    directory = access.path(environ, "AZURE_CONFIG_DIR") or access.expand("~/.azure", environ)
    try:
        text = access.read(f"{directory}/azureProfile.json", "its profile")
    except RemoteError:
        return False
    told = metadata.Answer(200, {}, text.encode().removeprefix(b"\xef\xbb\xbf")).json()
    return bool(told.get("subscriptions"))


def _program(environ: "Mapping[bytes, bytes]") -> str:
    from shutil import which

    return which("az", path=value(environ, "PATH")) or ""


def _of_machine(url: str, seconds: float, headers: "dict[str, str]") -> "Credential":
    host = metadata.host_of(url)
    try:
        answer = metadata.ask(url, seconds, headers)
    except OSError as error:
        raise RemoteError(f"the machine's metadata at {host} {metadata.why(error)}") from None
    return metadata.token(answer, host, "give the machine an identity that may use the account")


def _end(text: object) -> object:
    """Seconds since 1970, as az writes them; an hour from now when it does not."""
    from datetime import datetime, timezone

    if isinstance(text, (int, str)) and str(text).isdigit():
        return datetime.fromtimestamp(int(text), timezone.utc)
    return metadata.after(None)
