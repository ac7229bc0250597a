"""World: where the URL of a remote points, checked kind by kind, without asking anybody."""

from neffcache import files

_SMALL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_NAME = _SMALL | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ._-")
_HOST = _NAME | frozenset(":[]")
_ADDRESS = _HOST | frozenset("/~%$")
_HEX = frozenset(b"0123456789abcdefABCDEF")
# As users of Azure know it; other clouds than the public one need `az://` with endpoint=.
_AZURE = ".blob.core.windows.net"
# Options whose value is the address of a server; those that are yes or no.
ADDRESSES = ("endpoint", "mirror")
_SWITCHES = ("anonymous", "backfill", "plain", "public")
_LONGEST_REPOSITORY = 255


class Malformed(Exception):
    """What is wrong with a URL, and the remedy. Caught in `remote`, which names the setting."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def familiar(text: str) -> str:
    """A URL of ours for one that names the same place in the words of its cloud; else itself."""
    scheme, mark, rest = text.partition("://")
    host, _, path = rest.partition("/")
    account = host.removesuffix(_AZURE)
    if scheme in ("http", "https") and mark and account not in (host, ""):
        return f"az://{account}/{path}"
    return text


def check(scheme: str, location: str, options: "dict[str, str]") -> str:
    """The location of a remote as it is kept: what may be written in several ways, in one.

    Raises:
        Malformed: it, or one of the options, is not what this kind of remote takes.
    """
    for name in ADDRESSES:
        if name in options:
            check_address(name, unquote(options[name]))
    for name in _SWITCHES:
        if options.get(name, "1") not in ("0", "1"):
            raise Malformed(f"its {name} is neither 0 nor 1", f"write {name}=1 or leave it out")
    if "ca" in options and not unquote(options["ca"]).startswith("/"):
        raise Malformed("its ca is not an absolute path", "name a file of certificates (PEM)")
    region = options.get("region", "-")
    if not region or not _NAME.issuperset(region):
        raise Malformed("its region is not one", "write it like us-east-1")
    if "mount" in options:
        _check_repository("mount", unquote(options["mount"]))
    return _KINDS[scheme](location)


def unquote(text: str) -> str:
    """Undo percent-encoding: how a URL names a path with blanks, commas or question marks."""
    head, *rest = files.encode(text).split(b"%")
    for part in rest:
        code = part[:2]
        if len(code) == 2 and all(byte in _HEX for byte in code):
            head += bytes.fromhex(code.decode()) + part[2:]
        else:
            head += b"%" + part
    return files.decode(head)


def split_bucket(location: str) -> "tuple[str, str]":
    """(bucket, what every name in it begins with: "" or "path/") of a checked location."""
    bucket, _, prefix = location.partition("/")
    return bucket, f"{unquote(prefix)}/" if prefix else ""


def _file(location: str) -> str:
    """The path of a file URL: absolute, no dots, no doubled or last slash."""
    parts = [part for part in location.split("/") if part]
    if not location.startswith("/") or not parts:
        raise Malformed("its path is not absolute", "use three slashes: file:///mnt/cache")
    _check_parts(parts)
    return "/" + "/".join(parts)


def _hub(location: str) -> str:
    from neffcache.hub import names

    problem = names.problem(location)
    if problem:
        raise Malformed(problem, "write hf://org/repository or hf://org/repository@revision")
    return location


def _bucket(location: str) -> str:
    """`bucket[/prefix]`."""
    bucket, *parts = [part for part in location.split("/") if part] or [""]
    if location.startswith("/") or not _NAME.issuperset(bucket) or not 3 <= len(bucket) <= 222:
        remedy = "write it like s3://bucket/prefix or gs://bucket/prefix"
        raise Malformed("its bucket's name is not one", remedy)
    _check_parts(parts)
    return "/".join([bucket, *parts])


def _container(location: str) -> str:
    """`account/container[/prefix]`."""
    account, container, *parts = [*(part for part in location.split("/") if part), "", ""][:-1]
    if location.startswith("/") or not _SMALL.issuperset(account) or not 3 <= len(account) <= 24:
        raise Malformed("its storage account's name is not one", "write az://account/container")
    if not container or not (_SMALL | frozenset("-$")).issuperset(container):
        raise Malformed("its container's name is not one", "write az://account/container")
    parts = [part for part in parts if part]
    _check_parts(parts)
    return "/".join([account, container, *parts])


def _registry(location: str) -> str:
    """`host[:port]/repository`."""
    host, _, repository = location.rstrip("/").partition("/")
    if not host or not _HOST.issuperset(host):
        raise Malformed("its registry is not a host", "write oci://registry/repository")
    if ":" in repository or "@" in repository:
        raise Malformed("it holds a tag or digest", "leave that out: each key is a tag of its own")
    _check_repository("repository", repository)
    return f"{host}/{repository}"


def _check_repository(what: str, name: str) -> None:
    if not name:
        raise Malformed(f"it names no {what}", "write oci://registry/repository")
    if not all(_is_component(part) for part in name.split("/")):
        raise Malformed(f"its {what}'s name is not one", "write it in small letters and digits")
    if len(name) > _LONGEST_REPOSITORY:
        raise Malformed(f"its {what}'s name is too long", "use at most 255 letters")


def _is_component(text: str) -> bool:
    """Letters and digits, joined by one dot, one or two underscores, or hyphens."""
    if not text or not (_SMALL | frozenset("._-")).issuperset(text):
        return False
    if text[0] not in _SMALL or text[-1] not in _SMALL:
        return False
    joints = "".join(" " if letter in _SMALL else letter for letter in text).split()
    return all(joint in (".", "_", "__") or not joint.strip("-") for joint in joints)


def _check_parts(parts: "list[str]") -> None:
    if "." in parts or ".." in parts or any("\0" in unquote(part) for part in parts):
        raise Malformed("its path holds dots", "write the path out")


def is_address(url: str) -> bool:
    """Whether this holds no more than the scheme, host, port and path of a server."""
    return _ADDRESS.issuperset(url.partition("://")[2])


def check_address(name: str, url: str) -> None:
    """Raises Malformed unless it is that of a server, and nothing more."""
    scheme, mark, rest = url.partition("://")
    if scheme not in ("http", "https") or not mark or not rest.strip("/"):
        raise Malformed(f"its {name} is not an http:// or https:// address", f"correct {name}=")
    if not is_address(url):
        what = f"its {name} holds more than a host, a port and a path"
        raise Malformed(what, f"correct {name}=; a secret goes into a variable")


_KINDS = {
    "file": _file,
    "hf": _hub,
    "s3": _bucket,
    "az": _container,
    "gs": _bucket,
    "oci": _registry,
}
