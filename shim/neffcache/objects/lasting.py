"""World: the lasting secret of an object store that variables of this environment hold."""

# Of the keys of AWS those of a session begin so: they are renewed every hour or so.
_SESSION = b"ASIA"

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
        if not name or name.startswith(_SESSION) or environ.get(b"AWS_SESSION_TOKEN"):
            return b""
        return name + b":" + environ.get(b"AWS_SECRET_ACCESS_KEY", b"")
    if scheme == "az":
        for one in (b"AZURE_STORAGE_CONNECTION_STRING", b"AZURE_STORAGE_ACCOUNT_KEY"):
            if environ.get(one):
                return environ[one]
        return environ.get(b"AZURE_STORAGE_KEY", b"")
    return b""
