"""World: who we are at Azure Blob: keys, signatures, identities, in the order of Azure's tools."""

from neffcache import locations
from neffcache.errors import RemoteError
from neffcache.objects import access, entra
from neffcache.objects.access import Access, Provider, value

_PUBLIC = "core.windows.net"
_CONNECTION = "AZURE_STORAGE_CONNECTION_STRING"
# Secrets of one account, each with the names that it has in Azure's tools and in obstore.
_SECRETS = (
    *("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCESS_KEY"),
    *("AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"),
)
_ACCOUNTS = ("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME")
_REMEDY = (
    f"set {_CONNECTION}, AZURE_STORAGE_SAS_TOKEN or credential=env:NAME, log in with `az login`, "
    "or give the machine a managed identity; a public container takes anonymous=1"
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.remote import Spec


def find(spec: "Spec", environ: "Mapping[bytes, bytes]") -> Access:
    """See `access.find`."""
    account = spec.location.partition("/")[0]
    if access.is_anonymous(spec):
        made = Access("anonymous", {"skip_signature": True})
    elif text := access.named(spec, environ):
        made = of_text(text, account, spec.credential)
    else:
        made = _of_variables(account, environ) or _of_identity(spec, environ)
    made.settings["account_name"] = account
    made.endpoint = access.endpoint(spec) or made.endpoint
    return made


def of_text(text: str, account: str, source: str) -> Access:
    """By an account key, a SAS token or a connection string, whichever this is.

    Raises:
        RemoteError: it is for another account, or lacks what is needed.
    """
    if any(mark in text for mark in ("AccountName=", "SharedAccessSignature=", "UseDevelopment")):
        return _of_connection(text, account, source)
    if text.startswith("?") or "sig=" in text:
        return _by(f"SAS token of {account}", sas_token=text.lstrip("?"))
    if not _is_base64(text):
        raise RemoteError(
            f"{source} holds neither an account key nor a SAS token nor a connection string",
            "copy it again from the storage account's page",
        )
    return _by(f"account key of {account}", access_key=text)


def address(account: str, environ: "Mapping[bytes, bytes]") -> str:
    """Where the variable with a connection string says that an account is; "": it does not."""
    parts = _parts(value(environ, _CONNECTION))
    named = parts.get("accountname", account)
    return _endpoint(parts, account) if parts and named == account else ""


def _by(identity: str, **credential: str) -> Access:
    return Access(identity, {}, access.fixed(**credential))


def _of_connection(text: str, account: str, source: str) -> Access:
    parts = _parts(text)
    named = parts.get("accountname", account)
    if named != account:
        raise RemoteError(
            f"{source} is for the account {named}, the remote for {account}",
            "correct one of the two",
        )
    signature, key = parts.get("sharedaccesssignature", ""), parts.get("accountkey", "")
    if not signature and not key:
        raise RemoteError(
            f"{source} holds neither AccountKey nor SharedAccessSignature",
            "copy the whole connection string from the storage account's page",
        )
    made = of_text(key or "?" + signature.lstrip("?"), account, source)
    made.endpoint = _endpoint(parts, account)
    if not locations.is_address(made.endpoint):  # what it holds besides would be shown with it
        what = f"{source}: its BlobEndpoint holds more than a host, a port and a path"
        raise RemoteError(what, "put the signature into SharedAccessSignature")
    return made


def _parts(text: str) -> "dict[str, str]":
    """The settings of a connection string by their names in small letters."""
    pairs = (part.partition("=") for part in text.strip().split(";"))
    return {name.strip().lower(): given.strip() for name, _, given in pairs if given.strip()}


def _endpoint(parts: "dict[str, str]", account: str) -> str:
    """The address in a connection string; "" for the public cloud's."""
    if parts.get("blobendpoint"):
        return parts["blobendpoint"].rstrip("/")
    suffix = parts.get("endpointsuffix", _PUBLIC)
    if suffix == _PUBLIC:
        return ""
    return f"{parts.get('defaultendpointsprotocol', 'https')}://{account}.blob.{suffix}"


def _of_variables(account: str, environ: "Mapping[bytes, bytes]") -> "Access | None":
    """By a secret in a variable; None when none is for this account."""
    text = value(environ, _CONNECTION)
    if text and _parts(text).get("accountname", account) == account:
        return of_text(text, account, _CONNECTION)
    if value(environ, *_ACCOUNTS) in ("", account):
        for name in _SECRETS:
            if text := value(environ, name):
                return of_text(text, account, name)
    return None


def _of_identity(spec: "Spec", environ: "Mapping[bytes, bytes]") -> Access:
    """By a user or a machine that Entra knows.

    Raises:
        RemoteError: there is none; names all that was looked for.
    """
    asked = entra.configured(environ, access.patience(environ), access.authority(spec, environ))
    if asked is not None:
        return Access(asked.identity, {}, Provider(asked, asked()))
    machine = entra.Machine(environ)
    try:
        first = machine()
    except RemoteError as error:
        other = value(environ, *_ACCOUNTS)
        elsewhere = f" (they are for the account {other})" if other else ""
        raise RemoteError(
            f"no Azure credentials: no secret in variables{elsewhere}, "
            "no AZURE_CLIENT_SECRET, no AZURE_FEDERATED_TOKEN_FILE, no IDENTITY_ENDPOINT, "
            f"no `az login`, {str(error).replace(';', ',')}",
            _REMEDY,
        ) from None
    return Access(machine.identity, {}, Provider(machine, first))


def _is_base64(text: str) -> bool:
    from base64 import b64decode

    try:
        return bool(b64decode(text, validate=True))
    except ValueError:
        return False
