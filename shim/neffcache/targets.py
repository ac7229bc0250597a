"""World: which remotes there are, in order: the settings', CUSTOM_CACHE_REPO's, the saved one."""

from neffcache import files
from neffcache.errors import SettingError
from neffcache.hub import saved

VARIABLE = "CUSTOM_CACHE_REPO"
# Native entries of everybody; only for whoever asks for native entries.
PUBLIC = "aws-neuron/optimum-neuron-cache"
PUBLIC_ORIGIN = "the public cache"  # nobody has named it
ENDPOINT = "https://huggingface.co"
_ENDPOINT_VARIABLE = "HF_ENDPOINT"
_MOST = 100  # letters of an id in a message: it may be anything

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.options import Config
    from neffcache.remote import Spec


def specs(config: "Config", environ: "Mapping[bytes, bytes]") -> "list[Spec]":
    """The remotes that hold here, in the order in which they are read; none is named twice.

    Where the settings name remotes, those alone are written to, as their modes say; else the first
    one. A repository of the Hub is bound to the Hub that holds here.

    Raises:
        SettingError: one is malformed; names the variable or file that holds it.
    """
    named = _named(environ)
    if not config.remotes and not named:
        return []
    from neffcache import remote

    found = remote.specs(config.remotes)
    for spec in found:
        spec.origin = _origin(config)
        _bind(spec, environ)
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
    if spec.scheme == "hf" and "endpoint" not in spec.options:
        spec.options["endpoint"] = endpoint(environ)


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
