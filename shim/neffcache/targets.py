"""World: the remotes, in order: the settings', Olive's, CUSTOM_CACHE_REPO's, the saved one."""

from neffcache import files
from neffcache.errors import SettingError
from neffcache.hub import saved

VARIABLE = "CUSTOM_CACHE_REPO"
# Native entries of everybody; only for whoever asks for native entries.
PUBLIC = "aws-neuron/optimum-neuron-cache"
PUBLIC_ORIGIN = "the public cache"  # nobody has named it
ENDPOINT = "https://huggingface.co"
_ENDPOINT_VARIABLE = "HF_ENDPOINT"
# As the tools of the clouds read them, in this order.
_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "gs": ("STORAGE_EMULATOR_HOST",),
}
_CONNECTION = "AZURE_STORAGE_CONNECTION_STRING"
_IGNORED = b"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
_MOST = 100  # letters of an id in a message: it may be anything

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.options import Config
    from neffcache.remote import Spec


def specs(config: "Config", environ: "Mapping[bytes, bytes]") -> "list[Spec]":
    """The remotes that hold here, in the order in which they are read; none is named twice.

    Where the settings name remotes (a file of Olive's among them), those alone are written to, as
    their modes say; else the first one. A repository of the Hub is bound to the Hub that holds
    here.

    Raises:
        SettingError: one is malformed; names the variable or file that holds it.
    """
    named = _named(environ)
    if not config.remotes and not config.config_json and not named:
        return []
    from neffcache import remote

    found = remote.specs(config.remotes)
    for spec in found:
        spec.origin = _origin(config)
        _bind(spec, environ)
    if config.config_json:
        container = _container(config.config_json, environ)
        if container is not None and not any(remote.is_same(container, one) for one in found):
            found.append(container)
    for repo, origin in named:
        spec = repository(repo, origin, environ)
        if not any(_is_same(spec, other) for other in found):
            if found:
                spec.mode = "ro"
            found.append(spec)
    return found


def native_specs(config: "Config", environ: "Mapping[bytes, bytes]") -> "list[Spec]":
    """Those of them that hold native entries, and behind them the public repository, read only.

    Unless the settings leave that out.

    Raises:
        SettingError: as `specs`.
    """
    found = specs(config, environ)
    if not config.hub_everybody:
        return [spec for spec in found if spec.natives]
    public = repository(PUBLIC, PUBLIC_ORIGIN, environ)
    public.mode, public.options["layout"] = "ro", "native"
    if not any(_is_same(public, other) for other in found):
        found.append(public)
    return [spec for spec in found if spec.natives]


def repository(repo: str, origin: str, environ: "Mapping[bytes, bytes]") -> "Spec":
    """The remote that a repository's id stands for, read and written, on the Hub that holds here.

    Args:
        origin: where the id was named, for messages.

    Raises:
        SettingError: the id is malformed, or HF_ENDPOINT is.
    """
    from neffcache import remote
    from neffcache.hub import names

    problem = names.repo_problem(repo)
    if problem:
        remedy = "write ORG/NAME" if origin[:1] != "/" else "run `neffcache set ORG/NAME`"
        raise SettingError(f"{origin}: {remote.shown(repo)[:_MOST]}: {problem}", remedy)
    spec = remote.parse(f"hf://{repo}")
    spec.origin = origin
    _bind(spec, environ)
    return spec


def endpoint(environ: "Mapping[bytes, bytes]") -> str:
    """The Hub that holds here.

    Raises:
        SettingError: HF_ENDPOINT is not the address of one.
    """
    from neffcache.hub import names

    named = files.decode(environ.get(_ENDPOINT_VARIABLE.encode(), b"")).strip().rstrip("/")
    problem = names.endpoint_problem(named) if named else ""
    if problem:
        raise SettingError(
            f"{_ENDPOINT_VARIABLE}: {problem}", "set it like https://hub.example.org or unset it"
        )
    return named or ENDPOINT


def _container(path: str, environ: "Mapping[bytes, bytes]") -> "Spec | None":
    """What a file of Olive's names; None where it switches its cache off."""
    from neffcache import olive

    container = olive.spec(path)
    if container is not None:
        _bind(container, environ)
    return container


def _named(environ: "Mapping[bytes, bytes]") -> "list[tuple[str, str]]":
    """(repository, where it is named) outside our own settings, in order."""
    found = []
    repo = files.decode(environ.get(VARIABLE.encode(), b"")).strip()
    if repo:
        found.append((repo, VARIABLE))
    repo = saved.name(environ)
    if repo:
        found.append((repo, saved.path(environ)))
    return found


def _bind(spec: "Spec", environ: "Mapping[bytes, bytes]") -> None:
    """Keep with a remote where it lies here: whoever sends later may have other variables."""
    if "endpoint" in spec.options:
        return
    if spec.scheme == "hf":
        spec.options["endpoint"] = endpoint(environ)
    elif spec.scheme == "az":
        _bind_account(spec, environ)
    elif spec.scheme in _ENDPOINTS:
        found = _store_endpoint(spec.scheme, environ)
        if found:
            spec.options["endpoint"] = found
            if spec.scheme == "gs" and not spec.credential:
                # An emulator is to see nobody's token, whoever sends there later.
                spec.options.setdefault("anonymous", "1")


def _bind_account(spec: "Spec", environ: "Mapping[bytes, bytes]") -> None:
    """Where a connection string says that the account is, which nobody else may have then."""
    unused = spec.credential or spec.options.get("anonymous") == "1"
    if unused or not environ.get(_CONNECTION.encode()):
        return
    from neffcache.objects import azure

    found = azure.address(spec.location.partition("/")[0], environ)
    if found:
        spec.options["endpoint"] = _checked(spec.scheme, _CONNECTION, found)


def _store_endpoint(scheme: str, environ: "Mapping[bytes, bytes]") -> str:
    """Where the variables of a cloud say that its store is; "": where it always is."""
    if scheme == "s3" and environ.get(_IGNORED, b"").lower() == b"true":
        return ""
    for name in _ENDPOINTS[scheme]:
        address = files.decode(environ.get(name.encode(), b"")).strip().rstrip("/")
        if address:
            return _checked(scheme, name, address)
    return ""


def _checked(scheme: str, name: str, address: str) -> str:
    from neffcache import locations

    if scheme == "gs" and "://" not in address:
        address = f"http://{address}"
    try:
        locations.check_address(name, locations.unquote(address))
    except locations.Malformed as found:
        remedy = f"set {name} like https://store.example.org or unset it"
        raise SettingError(found.problem, remedy) from None
    return address


def _is_same(one: "Spec", other: "Spec") -> bool:
    """Whether two remotes of the Hub are one repository at one revision."""
    from neffcache.hub import names

    if one.scheme != other.scheme or one.options["endpoint"] != other.options["endpoint"]:
        return False
    return names.split(one.location) == names.split(other.location)


def _origin(config: "Config") -> str:
    from neffcache import remote

    origin = config.origins.get("remotes", "environment")
    return remote.SETTING if origin == "environment" else f"remotes ({origin})"
