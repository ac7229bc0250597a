"""World: whether this environment forbids asking the Hub, as the Hub's client reads it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLES = (b"HF_HUB_OFFLINE", b"TRANSFORMERS_OFFLINE")
_TRUE = (b"1", b"ON", b"YES", b"TRUE")


def is_offline(environ: "Mapping[bytes, bytes]") -> bool:
    """Whether the first of the variables that is not empty says so."""
    for name in _VARIABLES:
        value = environ.get(name, b"")
        if value:
            return value.upper() in _TRUE
    return False
