"""World: the lasting secret of an object store that variables of this environment hold."""

# Of the keys of AWS those of a session begin so: they are renewed every hour or so.
_SESSION = b"ASIA"
# What people are told to look at.
NAMES = {
    "s3": "AWS_ACCESS_KEY_ID or AWS_PROFILE",
    "az": "AZURE_STORAGE_ACCOUNT_KEY or AZURE_CLIENT_ID",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
}
_PASSING = {
    "s3": (b"AWS_ACCESS_KEY_ID", b"AWS_SECRET_ACCESS_KEY", b"AWS_SESSION_TOKEN"),
    "az": (
        b"AZURE_STORAGE_CONNECTION_STRING",
        b"AZURE_STORAGE_SAS_TOKEN",
        b"AZURE_STORAGE_SAS_KEY",
    ),
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def secret(scheme: str, environ: "Mapping[bytes, bytes]") -> bytes:
    """What tells one user's entries from another's; b"" when that comes from elsewhere, or changes.

    Args:
        scheme: s3, az or gs.
    """
    if scheme == "s3":
        name = environ.get(b"AWS_ACCESS_KEY_ID", b"")
        if not name:
            return _first(environ, b"AWS_PROFILE", b"AWS_DEFAULT_PROFILE", b"AWS_ROLE_ARN")
        if name.startswith(_SESSION) or environ.get(b"AWS_SESSION_TOKEN"):
            return b""
        return name + b":" + environ.get(b"AWS_SECRET_ACCESS_KEY", b"")
    if scheme == "az":
        return _of_azure(environ)
    return _first(environ, b"GOOGLE_SERVICE_ACCOUNT_KEY", b"GOOGLE_APPLICATION_CREDENTIALS")


def passing(scheme: str, environ: "Mapping[bytes, bytes]") -> bytes:
    """What is made anew again and again: tells one login from the next, but no user from another.

    Args:
        scheme: s3 or az.
    """
    found = (name + b"=" + environ[name] for name in _PASSING[scheme] if environ.get(name))
    return b"\n".join(found)


def _of_azure(environ: "Mapping[bytes, bytes]") -> bytes:
    text = environ.get(b"AZURE_STORAGE_CONNECTION_STRING", b"")
    # A signature is made anew when it runs out; who signs is not told by it.
    if text and b"sharedaccesssignature=" not in text.lower():
        return text
    keys = (b"AZURE_STORAGE_ACCOUNT_KEY", b"AZURE_STORAGE_KEY", b"AZURE_STORAGE_ACCESS_KEY")
    return _first(environ, *keys, b"AZURE_CLIENT_ID")


def _first(environ: "Mapping[bytes, bytes]", *names: bytes) -> bytes:
    """Who this is, by the first of some variables: a key, or the name of somebody who has one."""
    for name in names:
        if environ.get(name):
            return name + b"=" + environ[name]
    return b""
