"""World: keys of an AWS profile that somebody else gives (SSO, a program, a role): by botocore."""

import sys

from neffcache.errors import RemoteError
from neffcache.hub import installed
from neffcache.objects import metadata

_INSTALL = "pip install 'neffcache[aws]'"
_REMEDIES = {
    "sso_session": "`aws sso login --profile {name}`",
    "sso_start_url": "`aws sso login --profile {name}`",
    "login_session": "`aws login --profile {name}`",
    "credential_process": "run its credential_process by hand",
    "role_arn": "look at the role's trust policy and its source_profile",
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from neffcache.objects.access import Credential
    from neffcache.objects.profiles import Profile


class Borrowed:
    """The keys of one profile; botocore renews them, in its own memory."""

    __slots__ = ("_made", "_profile", "_seconds")

    def __init__(self, profile: "Profile", seconds: float) -> None:
        """Nothing is asked yet.

        Raises:
            RemoteError: botocore is not installed.
        """
        self._profile = profile
        self._seconds = seconds
        self._made: Any = None
        if "botocore" in sys.modules:
            return
        try:
            installed.make_importable("botocore")
        except RemoteError:
            raise RemoteError(
                f"the profile {profile.name} has its keys by {profile.borrowed}: "
                "that needs botocore, which is not installed",
                _INSTALL,
            ) from None

    def __call__(self) -> "Credential":
        """Keys that are good now. Raises RemoteError."""
        profile = self._profile
        remedy = _REMEDIES.get(profile.borrowed, "").format(name=profile.name)
        try:
            return metadata.within(self._seconds, self._ask)
        except TimeoutError:
            raise RemoteError(
                f"the profile {profile.name} ({profile.borrowed}) gave no keys "
                f"in {self._seconds:.0f} s",
                remedy,
            ) from None
        except _families() as error:
            # Its text may repeat what a program printed.
            raise RemoteError(
                f"the profile {profile.name} ({profile.borrowed}) gives no keys "
                f"({type(error).__name__})",
                remedy,
            ) from None

    def _ask(self) -> "Credential":
        from botocore.session import Session  # type: ignore[import-untyped]  # it has no types

        if self._made is None:
            made = Session(profile=self._profile.name)
            made.set_config_variable("metadata_service_timeout", metadata.PROBE)
            self._made = made.get_credentials()
        if self._made is None:
            raise ValueError("none")
        frozen = self._made.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": getattr(self._made, "_expiry_time", None),
        }


def _families() -> "tuple[type[Exception], ...]":
    """What botocore raises for files, answers and programs that are not as they should be."""
    from botocore import exceptions  # type: ignore[import-untyped]  # it has no types

    theirs = (exceptions.BotoCoreError, exceptions.ClientError)

    return (*theirs, OSError, ValueError, KeyError, TypeError, AttributeError)
