"""World: where a repository of a registry is, and what our names are called there."""

from neffcache import files, remote

# The name that people use, and the host that answers for it.
_DOCKER, _DOCKER_HOST = "docker.io", "registry-1.docker.io"
_ROOT = ["neffcache", "v1"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.remote import Spec


class Place:
    """One repository.

    Attributes:
        known: the registry as people and credential files name it, with its port if it has one.
        base: of its URLs: `https://host[:port]`.
        repository: its name, with all slashes.
    """

    __slots__ = ("base", "known", "repository")

    def __init__(self, scheme: str, host: str, repository: str) -> None:
        self.known = host
        if host == _DOCKER:
            host = _DOCKER_HOST
            repository = repository if "/" in repository else f"library/{repository}"
        self.base = f"{scheme}://{host}"
        self.repository = repository

    def url(self, path: str) -> str:
        """The URL of what belongs to the repository, e.g. `manifests/<tag>`."""
        return f"{self.base}/v2/{self.repository}/{path}"


def origin(spec: "Spec") -> Place:
    """The repository itself. With plain=1 without TLS; loopback so, too, unless it has a CA."""
    host, _, repository = spec.location.partition("/")
    usual = "1" if is_loopback(host) and "ca" not in spec.options else "0"
    plain = spec.options.get("plain", usual) == "1"
    return Place("http" if plain else "https", host, repository)


def mirror(spec: "Spec") -> "Place | None":
    """What is read through instead; a path in its URL comes before the repository's name."""
    url = remote.unquote(spec.options.get("mirror", "")).rstrip("/")
    if not url:
        return None
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    repository = origin(spec).repository
    return Place(scheme, host, f"{path.strip('/')}/{repository}" if path else repository)


def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is this machine."""
    name = host.partition("]")[0].strip("[") if host.startswith("[") else host.partition(":")[0]
    return name in ("localhost", "::1") or name.endswith(".localhost") or _is_127(name)


def blob_digest(name: str) -> str:
    """The digest in the name of a bundle, which lies there as a plain blob; "" of other names."""
    parts = name.split("/")
    digest = parts[-1].removesuffix(".tar")
    named = len(parts) == 5 and parts[:2] == _ROOT and digest != parts[-1]
    return digest if named and files.is_digest(digest) else ""


def tag(name: str) -> str:
    """The tag of the artifact that a name stands for: the key, where it is a key's record."""
    parts = name.split("/")
    if len(parts) == 5 and parts[:2] == _ROOT and parts[4] == "entry" and files.is_digest(parts[3]):
        return parts[3]
    return files.digest(files.encode(name))


def _is_127(name: str) -> bool:
    parts = name.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(part.isdigit() for part in parts)
