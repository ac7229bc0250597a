"""The written list: what a caller and a compiler may notice of the shim between them."""

from __future__ import annotations

from story import seen, tree
from story.rig import Result

# Everything that a compiler behind the shim can see of it. Nothing else, and no file at all.
ACTIVE = "environ NEFFCACHE_ACTIVE"
PARENT = "parent_comm"
BY_SH = {
    *("environ PWD", "environ OLDPWD", "environ SHLVL", "environ _"),
    *("ignored SIGCHLD", "blocked SIGCHLD"),
}
DIFFERENCES = {
    ACTIVE: "the one variable that tells a nested call from a first one",
    PARENT: "a miss has to see the compile's end, so the shim is its parent (a bypass is not)",
    **dict.fromkeys(BY_SH, "sh sets these for itself, each sh some of them"),
    "environ odd.name": "sh drops names that are no names in its language",
    "environ IFS": "sh never takes it from outside",
    "ignored SIGPIPE": "Python ignores it at its start: what the caller did is lost, so default",
    "ignored SIGXFSZ": "the same",
}


def noticed(plain: Result, behind: Result) -> set[str]:
    """What the compiler can tell apart, less what sh does for itself."""
    assert plain.facts
    found = seen.differences(plain.facts, behind.facts)
    assert found <= set(DIFFERENCES)
    return found - BY_SH


def assert_same_to_the_caller(plain: Result, behind: Result, but: str = "") -> None:
    """The caller sees one status, one output and one tree, less what is random in them."""
    assert behind.status == plain.status
    assert tree.plain(behind.out) == tree.plain(plain.out)
    assert but == "err" or tree.plain(behind.err) == tree.plain(plain.err)
    assert tree.differences(plain.left, behind.left) == set()
