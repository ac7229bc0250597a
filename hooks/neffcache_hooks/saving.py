"""Door: when the training saves, what was compiled shall leave the host, too: one touched file."""

import functools
import time

from neffcache import watching
from neffcache.errors import SettingError
from neffcache_hooks import guard, world
from neffcache_hooks.patch import Patch, callable_only, signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

LABEL = "save"
# Between two requests of one process: a checkpoint is many files.
_PAUSE = 1.0
_asked: "list[float]" = []
# Module → (function, what it must be). Where arguments are handed on unseen any parameters will do.
_SAVES: "dict[str, tuple[tuple[str, Callable[[Any], str]], ...]]" = {
    "torch": (("save", signature("obj", "f")),),
    "torch.serialization": (("save", signature("obj", "f")),),
    "torch_xla.core.xla_model": (("save", callable_only),),
    "safetensors.torch": (("save_file", callable_only), ("save_model", callable_only)),
    "safetensors.numpy": (("save_file", callable_only),),
    "neuronx_distributed.trainer": (("save_checkpoint", callable_only),),
    "neuronx_distributed.trainer.checkpoint": (("save_checkpoint", callable_only),),
}


def patches(module: "ModuleType") -> "list[Patch]":
    """The Patches for a module that saves."""
    guard.attempt(LABEL, _unless_wrong, _prepare)
    name = module.__name__
    if name == "transformers.trainer":
        return [
            Patch(
                module, "DEFAULT_CALLBACKS", _with_callback, _classes, f"{name}.DEFAULT_CALLBACKS"
            )
        ]
    return [
        Patch(module, function, _then_ask, expect, f"{name}.{function}")
        for function, expect in _SAVES.get(name, ())
    ]


def request(*, final: bool = False) -> None:
    """Ask for a flush, in the process that speaks for its host and once a second; never raises.

    Args:
        final: it is the last one: asked however short ago the one before was.
    """
    guard.protect(LABEL, _unless_wrong, lambda: _ask(final))


def _ask(final: bool) -> None:
    if not guard.is_main():
        return
    now = time.monotonic()
    if _asked and now - _asked[0] < _PAUSE and not final:
        return
    _asked[:] = [now]
    here = world.current()
    if here is not None and here.config.upload == "save":
        watching.ask_save(here.watch())
        here.look()


def _unless_wrong(step: "Callable[[], None]") -> None:
    """What is wrong with a setting or the store is said as such, and is no fault of ours."""
    try:
        step()
    except (SettingError, OSError) as error:
        guard.say(world.LABEL, f"{error}: no flush is asked for")


def _prepare() -> None:
    """Read settings and remotes now, when a library is loaded, and not at the first save."""
    here = world.current()
    if here is not None:
        here.watch()


def _then_ask(original: "Callable[..., Any]") -> "Callable[..., Any]":
    @functools.wraps(original)
    def save(*args: "Any", **words: "Any") -> "Any":
        result = original(*args, **words)
        if guard.attempt(LABEL, _is_in_memory, args, words) is False:
            request()
        return result

    return save


def _is_in_memory(args: "tuple[Any, ...]", words: "dict[str, Any]") -> bool:
    """Whether nothing was saved: serialised into a buffer."""
    target = args[1] if len(args) > 1 else words.get("f")
    return hasattr(target, "getbuffer")


def _with_callback(original: "list[type]") -> "list[type]":
    from neffcache_hooks.trainer import NeffcacheCallback

    return [*original, NeffcacheCallback]


def _classes(found: "Any") -> str:
    """An `expect`: a list of callbacks' classes."""
    if isinstance(found, list) and all(isinstance(one, type) for one in found):
        return ""
    return "it is not a list of classes"
