"""World: tokens of Google for who is somebody elsewhere (workload identity federation)."""

from neffcache import files
from neffcache.errors import RemoteError
from neffcache.objects import access, metadata

_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_WANTED = "urn:ietf:params:oauth:token-type:access_token"
_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
_STORAGE = "https://www.googleapis.com/auth/devstorage.read_write"
_NETWORK = "look at the network and the proxy"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from neffcache.objects.access import Credential


class Federated:
    """A token of somebody else's, in a file or at an address, exchanged for one of Google's."""

    __slots__ = ("_ca", "_seconds", "_source", "_told")

    identity = "workload identity federation"

    def __init__(self, told: "dict[str, Any]", seconds: float, ca: str) -> None:
        """Nothing is asked yet.

        Args:
            told: the configuration, as gcloud writes it.

        Raises:
            RemoteError: it takes the other token from where this cannot.
        """
        source = told.get("credential_source")
        self._source: dict[str, Any] = source if isinstance(source, dict) else {}
        if not self._source.get("file") and not self._source.get("url"):
            raise RemoteError(
                "workload identity federation with neither a file nor an address for its token",
                "write the configuration with --credential-source-file or -url",
            )
        if self._source.get("environment_id"):
            raise RemoteError(
                "workload identity federation by a role of AWS is not known here",
                "use the key of a service account, or another source of its token",
            )
        self._told = told
        self._seconds = seconds
        self._ca = ca

    def __call__(self) -> "Credential":
        """A token. Raises RemoteError."""
        until = metadata.Deadline(self._seconds)
        url = str(self._told.get("token_url", ""))
        form = {
            "grant_type": _GRANT,
            "requested_token_type": _WANTED,
            "audience": str(self._told.get("audience", "")),
            "scope": _PLATFORM,
            "subject_token_type": str(self._told.get("subject_token_type", "")),
            "subject_token": self._subject(until.left),
        }
        host = metadata.host_of(url)
        try:
            answer = metadata.post(url, form, until.left, self._ca)
        except OSError as error:
            what = f"no token of Google: {host} {metadata.why(error)}"
            raise RemoteError(what, _NETWORK) from None
        return metadata.token(answer, host, "look at the pool and provider of the configuration")

    def _subject(self, seconds: float) -> str:
        """The other token, read anew each time."""
        path, what = self._source.get("file"), "the other token of the federation"
        if path:
            text = access.read(str(path), what)
        else:
            text = self._ask(str(self._source["url"]), seconds)
        shape = self._source.get("format")
        if not isinstance(shape, dict) or shape.get("type") != "json":
            return text
        told = metadata.Answer(200, {}, files.encode(text)).json()
        found = told.get(str(shape.get("subject_token_field_name")))
        if not isinstance(found, str) or not found:
            raise RemoteError(f"{what} is not where its format says", "correct the configuration")
        return found

    def _ask(self, url: str, seconds: float) -> str:
        given = self._source.get("headers")
        headers = {str(name): str(text) for name, text in (given or {}).items()}
        host = metadata.host_of(url)
        try:
            answer = metadata.send(url, None, headers, seconds, self._ca)
        except OSError as error:
            raise RemoteError(f"no token of {host}: it {metadata.why(error)}", _NETWORK) from None
        if answer.status != 200 or not answer.text:
            raise RemoteError(f"{host} gave no token: {answer.status}")
        return answer.text


class Impersonated:
    """A service account in whose name somebody else may act."""

    __slots__ = ("_ask", "_ca", "_seconds", "_url", "identity")

    def __init__(self, url: str, ask: "Callable[[], Credential]", seconds: float, ca: str) -> None:
        """Nothing is asked yet.

        Args:
            url: where tokens of the account are made.
            ask: gives the token of who acts.
        """
        self._url = url
        self._ask = ask
        self._seconds = seconds
        self._ca = ca
        name = url.rpartition("/")[2].partition(":")[0]
        self.identity = f"service account {name} by impersonation"

    def __call__(self) -> "Credential":
        """A token. Raises RemoteError."""
        import json

        bearer = str(self._ask()["token"])
        headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
        body = json.dumps({"scope": [_STORAGE], "lifetime": "3600s"}).encode()
        host = metadata.host_of(self._url)
        try:
            answer = metadata.send(self._url, body, headers, self._seconds, self._ca)
        except OSError as error:
            what = f"no token of the {self.identity}: {host} {metadata.why(error)}"
            raise RemoteError(what, _NETWORK) from None
        made = answer.json().get("accessToken")
        if answer.status != 200 or not isinstance(made, str):
            raise RemoteError(
                f"{host} gave no token of the {self.identity}: {answer.status}",
                "grant who acts roles/iam.serviceAccountTokenCreator on it",
            )
        end = metadata.moment(answer.json().get("expireTime")) or metadata.after(None)
        return {"token": made, "expires_at": end}
