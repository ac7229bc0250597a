"""World: find what neffcache requires from a process that runs without site-packages."""

import sys

from neffcache import files
from neffcache.errors import RemoteError

# Given by the shim's text to its Python: see cli/head.
_OPTION = "neffcache"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def make_importable(package: str) -> None:
    """Add the directories to sys.path that hold a package which was installed with us.

    The shim's Python is often the one behind a virtual environment, and does not see what is
    installed in that.

    Raises:
        RemoteError: it is nowhere.
    """
    for directory in list(_candidates()):
        if _is_there(package):
            return
        import site

        if directory:
            site.addsitedir(directory)
        else:
            site.main()
    if not _is_there(package):
        raise RemoteError(f"{package} is not installed", "reinstall neffcache: it brings it")


def _candidates() -> "Iterator[str]":
    """Where it was when the shim was installed; Python's own site (""); where we are."""
    if _OPTION in sys._xoptions:
        yield str(sys._xoptions[_OPTION])
    if sys.flags.no_site and "site" not in sys.modules:
        yield ""
    yield files.parent(files.parent(files.parent(__file__)))


def _is_there(package: str) -> bool:
    import importlib.util

    importlib.invalidate_caches()
    return package in sys.modules or importlib.util.find_spec(package) is not None
