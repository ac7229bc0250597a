"""World: Olive's `cloud_cache_config`, in a JSON file: a container on Azure as one more remote."""

from neffcache import files, locations
from neffcache.errors import SettingError

BLOCK = "cloud_cache_config"
_SWITCH, _URL, _CONTAINER, _UPLOAD = (
    "enable_cloud_cache",
    "account_url",
    "container_name",
    "upload_to_cloud",
)
_LIMIT = 1 << 20
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-$")
_ADDRESS = _PLAIN | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ._:/[]")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neffcache.remote import Spec


def spec(path: str) -> "Spec | None":
    """The remote that a file names; None where it switches its cache off.

    Raises:
        SettingError: the file cannot be read, or names no container; names the file.
    """
    from neffcache import remote

    named = url(path)
    if not named:
        return None
    try:
        made = remote.parse(named)
    except SettingError as error:
        what = error.what.removeprefix(f"{remote.SETTING}: ")
        raise SettingError(f"{path}: {what}", f"correct {_URL} and {_CONTAINER}") from error
    made.origin = f"{path} ({BLOCK})"
    return made


def url(path: str) -> str:
    """The same as a URL that NEFFCACHE_REMOTES would take; "" where it is switched off.

    It is only read unless Olive would upload there, which it does where nothing is said.

    Raises:
        SettingError: see `spec`.
    """
    block = _block(path)
    if not block or not _is_on(path, block, _SWITCH):
        return ""
    account = _text(path, block, _URL).rstrip("/")
    container = _text(path, block, _CONTAINER)
    if not _PLAIN.issuperset(container):
        raise _wrong(path, f"its {_CONTAINER} is not one", "use small letters, digits and hyphens")
    options = [] if _is_on(path, block, _UPLOAD) else ["mode=ro"]
    scheme, mark, rest = account.partition("://")
    if scheme not in ("http", "https") or not mark or not _ADDRESS.issuperset(rest):
        what = f"its {_URL} is not the address of a storage account, or holds more than that"
        remedy = "write https://ACCOUNT.blob.core.windows.net; a secret goes into a variable"
        raise _wrong(path, what, remedy)
    made = locations.familiar(f"{account}/{container}")
    if not made.startswith("az://"):
        made = _elsewhere(rest, container)
        options.append(f"endpoint={account}")
    return f"{made}?{'&'.join(options)}" if options else made


def _elsewhere(address: str, container: str) -> str:
    """On another server than the public cloud's: a host of the account's own, or a path with it."""
    host, slash, below = address.partition("/")
    account = below.rpartition("/")[2] if slash else host.partition(".")[0]
    return f"az://{account}/{container}"


def _block(path: str) -> "dict[str, Any]":
    """The settings of the cloud cache: within a workflow's, or the whole file; {}: none wanted."""
    import json

    try:
        data = json.loads(files.read(path, _LIMIT))
    except OSError as error:
        what = f"it cannot be read ({error.strerror})"
        raise _wrong(path, what, "name a readable file or unset NEFFCACHE_CONFIG_JSON") from error
    except (ValueError, RecursionError) as error:
        raise _wrong(path, "it is not JSON", "correct it") from error
    if isinstance(data, dict) and BLOCK not in data and (_SWITCH in data or _URL in data):
        return data
    found = data.get(BLOCK, data) if isinstance(data, dict) else data
    if found in (None, False):
        return {}
    if found is data or not isinstance(found, dict):
        raise _wrong(path, f"it holds no {BLOCK}", f"name a file with Olive's {BLOCK}")
    return found


def _is_on(path: str, block: "dict[str, Any]", name: str) -> bool:
    value = block.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong(path, f"its {name} is neither true nor false", "correct it")
    return value is not False


def _text(path: str, block: "dict[str, Any]", name: str) -> str:
    value = block.get(name)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(path, f"it names no {name}", f"add {name} to {BLOCK}")
    return value.strip()


def _wrong(path: str, what: str, remedy: str) -> SettingError:
    return SettingError(f"{path}: {what}", remedy)
