"""World: the Hub's token of this user, from the places where the Hub's client looks for it."""

from neffcache import files
from neffcache.hub import home

# In this order; an empty one counts as unset.
VARIABLES = (b"HF_TOKEN", b"HUGGING_FACE_HUB_TOKEN")
REMEDY = "set HF_TOKEN or run `hf auth login`"
# With this set the client itself gets a token, from the CI's identity provider, when it needs one.
_EXCHANGED = b"HF_OIDC_RESOURCE"
_LIMIT = 64 << 10

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def token(environ: "Mapping[bytes, bytes]") -> bytes:
    """The token that holds here; b"" when nobody is logged in."""
    return from_environment(environ) or from_file(environ)


def from_environment(environ: "Mapping[bytes, bytes]") -> bytes:
    """The token of a variable: this job's own."""
    for name in VARIABLES:
        value = _clean(environ.get(name, b""))
        if value:
            return value
    return b""


def from_file(environ: "Mapping[bytes, bytes]") -> bytes:
    """The token of the last login: the user's own, for all jobs; b"" when it cannot be read."""
    try:
        return _clean(files.read(path(environ), _LIMIT))
    except (OSError, ValueError):
        return b""


def path(environ: "Mapping[bytes, bytes]") -> str:
    """The file in which a login leaves it; "" without a home."""
    named = environ.get(b"HF_TOKEN_PATH", b"")
    if named:
        return home.expand(named, environ)
    directory = home.directory(environ)
    return files.join(directory, "token") if directory else ""


def missing(environ: "Mapping[bytes, bytes]") -> str:
    """Why nobody is logged in here; "" when somebody is, or the client gets a token by itself."""
    if token(environ) or environ.get(_EXCHANGED):
        return ""
    return f"no Hub token: {REMEDY}"


def _clean(value: bytes) -> bytes:
    return value.replace(b"\r", b"").replace(b"\n", b"").strip()
