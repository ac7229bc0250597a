"""World: who we are at S3: keys, profiles, roles, in the order of the AWS tools."""

from neffcache.errors import RemoteError
from neffcache.objects import access, profiles, roles
from neffcache.objects.access import Access, Provider, value

_NAMED = "KEY_ID:SECRET[:SESSION_TOKEN]"
_REGION = "us-east-1"
_REMEDY = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or credential=env:NAME, or "
    "give the machine a role; a public bucket takes anonymous=1"
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.objects.profiles import Profile
    from neffcache.remote import Spec


def find(spec: "Spec", environ: "Mapping[bytes, bytes]") -> Access:
    """See `access.find`."""
    made = _who(spec, environ)
    settings = made.settings
    found = _region(spec, environ) or settings.get("region") or _region_of_files(environ)
    settings["region"] = found or _REGION
    made.endpoint = access.endpoint(spec) or _endpoint(environ)
    return made


def _who(spec: "Spec", environ: "Mapping[bytes, bytes]") -> Access:
    if access.is_anonymous(spec):
        return Access("anonymous", {"skip_signature": True})
    if text := access.named(spec, environ):
        name, _, rest = text.partition(":")
        secret, _, token = rest.partition(":")
        if not name or not secret:
            what = f"{spec.credential} does not hold a pair of keys"
            raise RemoteError(what, f"write it as {_NAMED}")
        return keys(name, secret, token)
    name, secret = value(environ, "AWS_ACCESS_KEY_ID"), value(environ, "AWS_SECRET_ACCESS_KEY")
    if name and secret:
        return keys(name, secret, value(environ, "AWS_SESSION_TOKEN"))
    if name:
        what = "AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not"
        raise RemoteError(what, "export both, or none of them")
    return _of_tools(spec, environ)


def _of_tools(spec: "Spec", environ: "Mapping[bytes, bytes]") -> Access:
    """By what the AWS tools set up, in their order."""
    profile = profiles.load(environ)
    seconds = access.patience(environ)
    if profile.chosen and (made := _of_profile(profile, seconds)):
        return made
    if roles.has_web_identity(environ):
        region = _region(spec, environ) or profile.region or _REGION
        trusted = access.authority(spec, environ, "AWS_CA_BUNDLE")
        asked = roles.WebIdentity(environ, region, seconds, trusted)
        return _of_role(asked, profile.region)
    if made := _of_profile(profile, seconds):
        return made
    if roles.has_container(environ):
        return _of_role(roles.Container(environ, seconds), profile.region)
    return _of_instance(environ, profile)


def _of_profile(profile: "Profile", seconds: float) -> "Access | None":
    """By the keys of a profile; None when it has none, and nobody is named who would give some."""
    if any(profile.keys):
        made = keys(*profile.keys)
    elif profile.borrowed:
        from neffcache.objects.borrowing import Borrowed

        asked = Borrowed(profile, seconds)
        made = Access("", {}, Provider(asked, asked()))
    elif profile.chosen and not profile.is_default:
        raise RemoteError(
            f"the profile {profile.name} (AWS_PROFILE) neither holds keys nor says who gives them",
            f"`aws configure --profile {profile.name}`",
        )
    else:
        return None
    made.identity = f"profile {profile.name}"
    made.settings["region"] = profile.region
    return made


def _of_role(asked: "roles.WebIdentity | roles.Container", region: str) -> Access:
    return Access(asked.identity, {"region": region}, Provider(asked, asked()))


def _of_instance(environ: "Mapping[bytes, bytes]", profile: "Profile") -> Access:
    """By the instance's role, which is asked when nothing says who else could be.

    Raises:
        RemoteError: names all that was looked for.
    """
    asked = roles.Instance(environ)
    if roles.is_disabled(environ):
        why = "AWS_EC2_METADATA_DISABLED is set"
    else:
        try:
            first = asked()
        except RemoteError as error:
            why = str(error).replace(";", ",")
        else:
            region = profile.region or asked.region
            return Access(asked.identity, {"region": region}, Provider(asked, first))
    raise RemoteError(
        f"no AWS credentials: no keys in variables, none in the profile {profile.name}, "
        f"no AWS_WEB_IDENTITY_TOKEN_FILE, no AWS_CONTAINER_CREDENTIALS_FULL_URI, {why}",
        _REMEDY,
    )


def keys(name: str, secret: str, token: str = "") -> Access:
    """By a pair of keys, with the token of a session."""
    more = {"token": token} if token else {}
    provider = access.fixed(access_key_id=name, secret_access_key=secret, **more)
    return Access(f"key {_shown(name)}", {}, provider)


def _shown(name: str) -> str:
    """As much of a key's name as people need to tell it from others."""
    return f"{name[:4]}…{name[-4:]}" if len(name) > 12 else f"{name[:4]}…"


def _region(spec: "Spec", environ: "Mapping[bytes, bytes]") -> str:
    return spec.options.get("region", "") or value(environ, "AWS_REGION", "AWS_DEFAULT_REGION")


def _region_of_files(environ: "Mapping[bytes, bytes]") -> str:
    try:
        return profiles.load(environ).region
    except RemoteError:  # it was not by them that we know who we are
        return ""


def _endpoint(environ: "Mapping[bytes, bytes]") -> str:
    if value(environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").lower() == "true":
        return ""
    return value(environ, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL").rstrip("/")
