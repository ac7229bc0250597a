"""World: where a bucket is: the server's address, its certificates, a proxy before it."""

from neffcache import files, locations, remote
from neffcache.errors import RemoteError
from neffcache.objects import access

_PEM_LIMIT = 16 << 20
# Of the variables that name certificates these are the clouds' own; the library knows the others.
_CA = {"s3": ("AWS_CA_BUNDLE",), "az": ("REQUESTS_CA_BUNDLE",), "gs": ()}
_DEFAULT = {"az": "https://{0}.blob.core.windows.net", "gs": "https://storage.googleapis.com"}
_PROXIES = ("ALL_PROXY", "all_proxy")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.objects.access import Access
    from neffcache.remote import Spec


def bucket_of(spec: "Spec") -> "tuple[str, str]":
    """(bucket or container, what every name in it begins with)."""
    location = spec.location.partition("/")[2] if spec.scheme == "az" else spec.location
    return locations.split_bucket(location)


def endpoint_of(spec: "Spec", found: "Access", bucket: str) -> str:
    """Where the requests go: that of the settings, or the cloud's own."""
    account = spec.location.partition("/")[0]
    if spec.scheme != "s3":
        given = found.endpoint or _DEFAULT[spec.scheme].format(account)
        return _with_account(given, account) if spec.scheme == "az" else given
    region = found.settings.get("region", "us-east-1")
    suffix = ".cn" if str(region).startswith("cn-") else ""
    # A certificate for *.s3.... does not fit a name with dots.
    host = f"s3.{region}.amazonaws.com{suffix}"
    cloud = f"https://{host}" if "." in bucket else f"https://{bucket}.{host}"
    return found.endpoint or cloud


def _with_account(endpoint: str, account: str) -> str:
    """An emulator has one address for all accounts: then the account's name is its path."""
    host, _, path = endpoint.partition("://")[2].partition("/")
    name = host.rpartition(":")[0] or host
    plain = name == "localhost" or name.replace(".", "").isdigit() or "[" in name
    return f"{endpoint}/{account}" if plain and not path else endpoint


def settings(scheme: str, found: "Access", endpoint: str, bucket: str) -> "dict[str, object]":
    """What obstore's class needs to find the bucket."""
    if scheme == "gs":
        return {"base_url": endpoint} if found.endpoint else {}
    if scheme == "az":
        return {"endpoint": endpoint}
    # Over TLS nobody changes the bytes: then hashing them once more tells nothing new.
    unsigned = endpoint.startswith("https://")
    in_name = not found.endpoint and "." not in bucket
    return {
        "endpoint": endpoint,
        "virtual_hosted_style_request": in_name,
        "unsigned_payload": unsigned,
    }


def certificates(spec: "Spec", environ: "Mapping[bytes, bytes]") -> bytes:
    """The certificates to trust besides the system's; b"": no more.

    Raises:
        RemoteError: what is named is none.
    """
    path, source = remote.unquote(spec.options.get("ca", "")), "ca= in the URL"
    for name in () if path else _CA[spec.scheme]:
        found = access.value(environ, name)
        if found:
            path, source = found, name
    if not path:
        return b""
    try:
        made = files.read(path, _PEM_LIMIT)
    except OSError as error:
        what = f"the certificates of {source} cannot be read ({error.strerror})"
        raise RemoteError(what, "name a readable file") from error
    if b"-----BEGIN CERTIFICATE-----" not in made:
        raise RemoteError(f"{source} names no file of certificates", "name one in PEM format")
    return made


def is_public(spec: "Spec") -> bool:
    """Whether caches on the way may keep bundles."""
    return spec.options.get("public") == "1"


def is_proxied(endpoint: str, environ: "Mapping[bytes, bytes]") -> bool:
    """Whether requests to a server go through a proxy."""
    scheme, _, rest = endpoint.partition("://")
    own = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    if not access.value(environ, *own, *_PROXIES):
        return False
    host = rest.partition("/")[0]
    name = host.rpartition(":")[0] or host
    words = access.value(environ, "no_proxy", "NO_PROXY").replace(",", " ").split()
    return not any(word in ("*", host) or _ends(name, word) for word in words)


def _ends(host: str, domain: str) -> bool:
    domain = domain.lstrip("*.").lower()
    return host == domain or host.endswith(f".{domain}")
