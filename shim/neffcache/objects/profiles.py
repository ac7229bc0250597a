"""World: profiles of the AWS tools: keys and regions by ourselves, all else through botocore."""

from neffcache import files
from neffcache.errors import RemoteError
from neffcache.objects import access
from neffcache.objects.access import value

DEFAULT = "default"
_LIMIT = 1 << 20
# What says that a profile gets its keys from somebody else, and needs botocore.
_BORROWED = (
    "sso_session", "sso_start_url", "credential_process", "role_arn", "login_session",
)  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Profile:
    """One profile of the user's files.

    Attributes:
        name: as AWS_PROFILE names it.
        chosen: whether a variable names it; else it is the default one.
        settings: its lines; those of the file of credentials win.
    """

    __slots__ = ("chosen", "name", "settings")

    def __init__(self, name: str, chosen: bool, settings: "dict[str, str]") -> None:
        self.name = name
        self.chosen = chosen
        self.settings = settings

    @property
    def keys(self) -> "tuple[str, str, str]":
        """(key's name, secret, session's token or ""); empty where it has none."""
        name = self.settings.get("aws_access_key_id", "")
        secret = self.settings.get("aws_secret_access_key", "")
        if not name or not secret:
            return "", "", ""
        return name, secret, self.settings.get("aws_session_token", "")

    @property
    def region(self) -> str:
        """As its lines name it, or ""."""
        return self.settings.get("region", "")

    @property
    def is_default(self) -> bool:
        """Whether it is the one that holds where none is named."""
        return self.name == DEFAULT

    @property
    def borrowed(self) -> str:
        """The line by which its keys come from somebody else; "" when none does."""
        for name in _BORROWED:
            if self.settings.get(name):
                return name
        return ""


def load(environ: "Mapping[bytes, bytes]") -> Profile:
    """The profile that holds here, empty when there are no files.

    Raises:
        RemoteError: a variable names one that is in no file, or a file is malformed.
    """
    chosen = value(environ, "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
    name = chosen or DEFAULT
    config = _sections(environ, "AWS_CONFIG_FILE", "~/.aws/config")
    secrets = _sections(environ, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    named = config.get(f"profile {name}", config.get(name) if name == DEFAULT else None)
    if chosen and named is None and name not in secrets and name != DEFAULT:
        raise RemoteError(
            f"the profile {chosen} (AWS_PROFILE) is neither in ~/.aws/config nor in credentials",
            "correct AWS_PROFILE, or run `aws configure --profile` with it",
        )
    return Profile(name, bool(chosen), {**(named or {}), **secrets.get(name, {})})


def _sections(
    environ: "Mapping[bytes, bytes]", variable: str, usual: str
) -> "dict[str, dict[str, str]]":
    """The sections of a file, with the lines of each."""
    named = value(environ, variable) or usual
    path = access.expand(named, environ)
    try:
        text = files.read(path, _LIMIT).decode("utf-8", "replace") if path else ""
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise RemoteError(f"{named} cannot be read ({error.strerror})") from None
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(strict=False, default_section="\0none", allow_no_value=True)
    try:
        parser.read_string(text)
    except Error:  # its text repeats lines of the file, which may be secrets
        raise RemoteError(f"{named} is malformed", "`aws configure list` says where") from None
    return {
        " ".join(section.split()): {key: (given or "").strip() for key, given in lines.items()}
        for section, lines in parser.items()
    }
