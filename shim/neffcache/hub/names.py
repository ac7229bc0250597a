"""World: names on the Hub: `org/repository[@revision]`, checked as the Hub does, without it."""

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
_LONGEST = 96
_COMMIT, _HEX = 40, frozenset("0123456789abcdef")
MAIN = "main"
_ENDPOINT = _LETTERS | frozenset(":/[]~%")


def problem(location: str) -> str:
    """What is wrong with the location of a hf:// URL, or ""."""
    repo, mark, revision = location.partition("@")
    if mark and not is_revision(revision):
        return "its revision is not one"
    return repo_problem(repo)


def repo_problem(repo: str) -> str:
    """What is wrong with a repository's id, or ""."""
    org, slash, name = repo.partition("/")
    if not slash or "/" in name:
        return "its repository is not of the form org/name"
    for part in (org, name):
        if not _is_part(part):
            return f"{_shown(part)} cannot be part of a repository's name"
    if len(name) > _LONGEST or repo.endswith(".git"):
        return "its repository's name is too long or ends in .git"
    return ""


def split(location: str) -> "tuple[str, str]":
    """(repository, revision) of a checked location."""
    repo, _, revision = location.partition("@")
    return repo, revision or MAIN


def is_revision(text: str) -> bool:
    """Whether a text may name a branch, a tag or a commit."""
    fit = _LETTERS | {"/"}
    return bool(text) and fit.issuperset(text) and ".." not in text and text[0] not in "-./"


def write_problem(revision: str) -> str:
    """Why nothing can be added to a revision, with the remedy; "" when its name does not tell."""
    if len(revision) == _COMMIT and _HEX.issuperset(revision):
        return f"{revision[:8]}... is a commit, not a branch; name a branch, or use mode=ro"
    return ""


def endpoint_problem(url: str) -> str:
    """What is wrong with the address of a Hub, or ""; one with a password in it is wrong."""
    scheme, mark, rest = url.partition("://")
    if scheme not in ("http", "https") or not mark or not rest.strip("/"):
        return "its endpoint is not an http:// or https:// address"
    if not _ENDPOINT.issuperset(rest):
        return "its endpoint holds more than a host, a port and a path"
    return ""


def _shown(text: str) -> str:
    """A part for a message, if no password can be in it."""
    return repr(text) if ":" not in text and "@" not in text else "what stands there"


def _is_part(text: str) -> bool:
    return (
        _LETTERS.issuperset(text)
        and bool(text)
        and text[0] not in "-."
        and text[-1] not in "-."
        and "--" not in text
        and ".." not in text
    )
