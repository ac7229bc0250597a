"""World: URLs of remotes as they may be shown: nothing that could be a secret is repeated."""

from neffcache import locations
from neffcache.schemes import COMMON, ENVIRONMENT, MODES, SCHEMES


def shown(text: str) -> str:
    """A URL fit for a message: no user, no password, no fragment, no value of a doubtful option."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "", text
    rest, _, query = rest.partition("?")
    if scheme != "file":
        rest = rest.partition("#")[0]
    clean = f"{scheme}{mark}{without_user(rest)}"
    return f"{clean}?{_shown_query(scheme, query)}" if query else clean


def without_user(location: str) -> str:
    """A location less `user:password@`, also where the password holds a slash.

    Kept are `repository@revision` and `host:port/repository@digest`.
    """
    before, mark, after = location.rpartition("@")
    host, slash, _ = before.partition("/")
    port = host.partition(":")[2]
    if not mark or location.startswith("/"):
        return location
    if slash and (":" not in before or (port.isdigit() and len(port) < 6)):
        return location
    return after


def is_source(text: str) -> bool:
    """Whether the value of `credential` names a place, and is no secret itself."""
    name = text[len(ENVIRONMENT) :]
    return text.startswith(ENVIRONMENT) and name.isascii() and name.isidentifier()


def _shown_query(scheme: str, query: str) -> str:
    plain = COMMON + (SCHEMES[scheme][2] if scheme in SCHEMES else ())
    shown_pairs = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name == "credential":
            fit = is_source(value)
        elif name == "mode":
            fit = value in MODES
        elif name in locations.ADDRESSES:
            fit = locations.is_address(locations.unquote(value))
        else:
            fit = name in plain
        # What has no value, or only what base64 ends with, may be a secret itself.
        hidden = f"{name}=***" if value.strip("=") else "***"
        shown_pairs.append(pair if fit else hidden)
    return "&".join(shown_pairs)
