"""Who a test is in a cloud: environments with nothing of this machine's own in them."""

from __future__ import annotations

from pathlib import Path

from astray import NOWHERE
from neffcache import remote
from neffcache.objects import access
from neffcache.objects.access import Access
from servers import metadata

HIDDEN = "hunter2"
ROLE_ARN = "arn:aws:iam::123456789012:role/neff"
# What the roles of `servers.metadata` get.
CLOUDS = {
    "access_key_id": "AKIACLOUD",
    "secret_access_key": "secret-of-cloud",
    "token": "session-of-cloud",
}


def variables(home: Path, **more: str) -> dict[bytes, bytes]:
    """An environment with these variables, an empty home and no metadata anywhere."""
    pins = metadata.pins(NOWHERE)
    made = {"NEFFCACHE_CONFIG": "/dev/null", "HOME": str(home), "PATH": "/usr/bin:/bin", **pins}
    return {name.encode(): text.encode() for name, text in {**made, **more}.items()}


def find(url: str, home: Path, **more: str) -> Access:
    """Who we are at a remote with these variables."""
    return access.find(remote.parse(url), variables(home, **more))


def given(found: Access) -> dict[str, object]:
    """The credential that obstore would be given now, less its end."""
    assert found.provider is not None
    made = dict(found.provider())
    made.pop("expires_at")
    return made


def write(home: Path, name: str, text: str) -> None:
    """One of the files in ~/.aws."""
    (home / ".aws").mkdir(exist_ok=True)
    (home / ".aws" / name).write_text(text)


def keys(name: str) -> str:
    """Lines with a pair of keys."""
    return f"aws_access_key_id = {name}\naws_secret_access_key = {HIDDEN}\n"
