"""Door: one attribute of an object, replaced reversibly."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_DEEPEST = 20  # wrappers around one another that are looked through
# Every replacement that we made: its id → (the replacement, what it stands for). Kept for ever: an
# id must not come back as somebody else's.
_made: "dict[int, tuple[object, object]]" = {}
# A function that stands under two names gets one replacement, as pickle wants it: it looks by name.
_shared: "dict[tuple[int, object], object]" = {}


class Patch:
    """One attribute of an object, replaced reversibly.

    Attributes:
        label: what is patched, for people: "torch.save".
        original: what stood there before us; None until applied.
    """

    __slots__ = ("_expect", "_make", "_ours", "attribute", "label", "original", "owner")

    def __init__(
        self,
        owner: "Any",
        attribute: str,
        make: "Callable[[Any], Any]",
        expect: "Callable[[Any], str]",
        label: str,
    ) -> None:
        """Only notes what is to be done.

        Args:
            owner: a module or class; the attribute must be its own, not inherited.
            make: gives the replacement of an original.
            expect: "" or why this original is not what we know. Both get what stands in the
                owner's `__dict__`: a staticmethod as such.
        """
        self.owner, self.attribute, self.label = owner, attribute, label
        self._make, self._expect = make, expect
        self._ours: object = None
        self.original: object = None

    def apply(self) -> str:
        """Replace it; "" or the reason why it stands aside. A replacement stays as it is."""
        own = vars(self.owner)
        if self.attribute not in own:
            return "it is not there"
        current = own[self.attribute]
        if id(current) in _made:  # by an earlier Patch, or imported from where it was patched
            self._ours, self.original = _made[id(current)]
            return ""
        if is_ours(current):
            return ""  # somebody put his own around ours
        reason = self._expect(current)
        if reason:
            return reason
        return self._replace(current)

    def revert(self) -> bool:
        """Put the original back; only while the attribute is still ours."""
        ours = self._ours
        if ours is None or vars(self.owner).get(self.attribute) is not ours:
            return False
        setattr(self.owner, self.attribute, self.original)
        self._ours = None
        return True

    def _replace(self, current: object) -> str:
        shared = (id(current), self._make)
        made = _shared[shared] if shared in _shared else self._make(current)
        try:
            setattr(self.owner, self.attribute, made)
        except (AttributeError, TypeError) as error:
            return f"it cannot be replaced ({error})"
        _made[id(made)] = (made, current)
        if callable(current):
            _shared[shared] = made
        self._ours, self.original = made, current
        return ""


def is_ours(found: object) -> bool:
    """Whether this is a replacement of ours, or something that wraps one."""
    for _ in range(_DEEPEST):
        if id(found) in _made:
            return True
        found = _inner(found)
        if found is None:
            break
    return False


def callable_only(found: object) -> str:
    """An `expect`: anything that can be called."""
    return "" if callable(found) else f"it is a {type(found).__name__}, not a function"


def signature(*names: str) -> "Callable[[Any], str]":
    """An `expect`: a Python function whose first parameters are called so."""

    def expect(found: "Any") -> str:
        function = _innermost(found)
        code = getattr(function, "__code__", None)
        if code is None:
            return f"it is a {type(function).__name__}, not a Python function"
        given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if given[: len(names)] == names:
            return ""
        return f"its parameters are ({', '.join(given)}), not ({', '.join(names)}, ...)"

    return expect


def _innermost(found: "Any") -> "Any":
    for _ in range(_DEEPEST):
        inner = _inner(found)
        if inner is None:
            break
        found = inner
    return found


def _inner(found: "Any") -> "Any":
    """What a decorated function, a method or a static one goes by; None: it is the innermost."""
    inner = getattr(found, "__wrapped__", None)
    return getattr(found, "__func__", None) if inner is None else inner
