"""Door: the text of the `neuronx-cc` that stands first on PATH: a few lines of sh around Python."""

from neffcache.compiler import find
from neffcache.version import __version__

# Only builtins, and on the way to Python no variable at all: sh's start counts on every hit. Names
# are ours alone, because assigning one that the caller has exported would change it for the
# compiler. PATH is taken apart by hand: an IFS walk drops a last empty element, and needs set -f.
_TEXT = """\
#!/bin/sh
{marker}1
# Written by `neffcache install` ({version}); do not edit. The real compiler lies behind it on PATH.
if [ -x {python} ] && [ -r {landmark} ] && [ -r {start} ]; then
    exec {python} -I -S{option} {start} "${{LC_CTYPE+=$LC_CTYPE}}" "$0" "$@"
fi
# The cache or its Python is damaged: become the next neuronx-cc on PATH that is not one of these.
_neffcache_usable() {{
    [ -f "$1" ] && [ -x "$1" ] || return 1
    _neffcache_one= _neffcache_two=
    {{
        IFS= read -r _neffcache_one
        case $_neffcache_one in '#!'*) IFS= read -r _neffcache_two ;; esac
    }} 2>/dev/null <"$1"
    case $_neffcache_two in '{marker}'*) return 1 ;; esac
    case ":${{{active}-}}:" in *":$1:"*) return 1 ;; esac
}}
_neffcache_search() {{
    _neffcache_found=${{NEFFCACHE_COMPILER-}}
    _neffcache_usable "$_neffcache_found" && return
    _neffcache_rest=$PATH:
    while [ "$_neffcache_rest" ]; do
        _neffcache_found=${{_neffcache_rest%%:*}}
        _neffcache_found=${{_neffcache_found:-.}}/{program}
        _neffcache_rest=${{_neffcache_rest#*:}}
        _neffcache_usable "$_neffcache_found" && return
    done
    return 1
}}
if ! _neffcache_search; then
    printf '%s\\n' 'neffcache: no real {program} on PATH, and the cache itself is damaged; '\\
'activate the Neuron environment and run `neffcache install` again' >&2
    exit 127
fi
printf '%s\\n' 'neffcache: the cache or its Python is damaged, compiling without it; '\\
'run `neffcache install` again' >&2
{active}=${{{active}:+${active}:}}$_neffcache_found
export {active}
set -- "$_neffcache_found" "$@"
unset _neffcache_found _neffcache_rest _neffcache_one _neffcache_two
exec "$@"
"""
# Told to Python itself, so that our own processes can hand it on and no variable is needed.
_OPTION = "neffcache="
_BETWEEN = ("\n    exec ", ' "${LC_CTYPE+=$LC_CTYPE}"')


def render(python: str, landmark: str, start: str, packages: str = "") -> str:
    """The shim's text.

    Args:
        python: the interpreter, absolute.
        landmark: a file of its standard library, to see that it is whole.
        start: what it runs, with: "=" and LC_CTYPE's value ("" when unset), $0, the arguments.
        packages: the directory of what we need besides the standard library; "" leaves it out.
    """
    return _TEXT.format(
        marker=find.MARKER.decode(),
        version=__version__,
        python=quote(python),
        landmark=quote(landmark),
        start=quote(start),
        option=f" -X {quote(_OPTION + packages)}" if packages else "",
        active=find.ACTIVE.decode(),
        program=find.PROGRAM,
    )


def quote(text: str) -> str:
    """One word for sh, whatever is in it."""
    return "'" + text.replace("'", "'\\''") + "'"


def recorded(text: str) -> tuple[str, str]:
    """(interpreter, start file) of a shim's text; ("", "") when it holds none."""
    words = _command(text)
    return (words[0], words[-1]) if words else ("", "")


def packages(text: str) -> str:
    """The directory of packages that a shim's text names; "" when it names none."""
    words = _command(text)
    return words[4].removeprefix(_OPTION) if len(words) == 6 else ""


def _command(text: str) -> list[str]:
    """How a shim's text starts Python, as words; [] when it does not."""
    words = _words(text, "\n    exec ", ' "${LC_CTYPE')
    return words if len(words) in (4, 6) and words[1:3] == ["-I", "-S"] else []


def landmark(text: str) -> str:
    """The file that a shim's text looks for besides; "" when it names none."""
    words = _words(text, "\nif [ -x ", " ]; then\n")
    return words[5] if len(words) == 11 else ""


def _words(text: str, before: str, after: str) -> list[str]:
    import shlex

    _, found, rest = text.partition(before)
    command, ended, _ = rest.partition(after)
    try:
        return shlex.split(command) if found and ended else []
    except ValueError:
        return []
