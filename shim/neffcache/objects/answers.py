"""World: what obstore's exceptions say, of which nothing but a number and a word is taken."""

from neffcache.errors import RemoteError
from neffcache.objects import failures

# How the library begins what a server answered.
_STATUS = "returned non-2xx status code: "
_CODE = ("<Code>", "</Code>")
_LONGEST_CODE = 64
# What it says below that line repeats headers and whole bodies.
_DEBUG = "\n\nDebug source:"
_RANGE = 416
# What it raises for 409 and 412, whatever was asked; who says so of more than the object.
_UNMET = ("AlreadyExistsError", "PreconditionError")
_OF_MORE = ("Account", "Bucket", "Container")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.objects.failures import Place


class Absent(Exception):
    """The object is not there; the bucket is. Caught by whoever asked."""


class Stands(Exception):
    """The name is taken. Caught by whoever wanted to create it."""


class Changed(RemoteError):
    """The object is not the one any more whose first part was read. Caught in the reading."""


def raised(
    place: "Place", error: BaseException, writing: bool = False, bound: bool = False
) -> BaseException:
    """What to raise for an exception of the library; what is none of its own is given back.

    Args:
        writing: whether something was to be changed there.
        bound: whether the request had a condition: to create, or of one version of the object.
    """
    if not is_of_library(error):
        return error
    text = str(error)
    status, code = answer(text)
    unmet = type(error).__name__ in _UNMET and not code.startswith(_OF_MORE)
    if unmet and bound:  # without a condition it is an answer like any other
        return Stands() if writing else Changed("it has become another object while it was read")
    if not status:
        return failures.broken(place, text)
    if status == 404 and _is_absence(text, code) and not writing:
        return Absent()
    if status == _RANGE:
        return Changed("it is shorter than it was")
    return failures.failure(place, status, code, writing)


def is_of_library(error: BaseException) -> bool:
    """Whether obstore made it: for 404 it takes an exception of Python's, without an errno."""
    if isinstance(error, FileNotFoundError):
        return error.errno is None
    return type(error).__module__.partition(".")[0] == "obstore"


def answer(text: str) -> "tuple[int, str]":
    """(status, the store's own word) of a server's answer in an exception's text; (0, ""): none."""
    said = text.partition(_DEBUG)[0]
    _, mark, rest = said.partition(_STATUS)
    number = rest[:3]
    if not mark or not (number.isascii() and number.isdigit()):
        return 0, ""
    code = rest.partition(_CODE[0])[2].partition(_CODE[1])[0]
    known = code.isascii() and code.isalpha() and len(code) <= _LONGEST_CODE
    return int(number), code if known else ""


def _is_absence(text: str, code: str) -> bool:
    """Whether a 404 is the store's own, and about the object: or it has no body at all (HEAD)."""
    if code:
        return code in failures.ABSENT
    said = text.partition(_DEBUG)[0].partition(_STATUS)[2]
    return not said.partition(":")[2].strip()
