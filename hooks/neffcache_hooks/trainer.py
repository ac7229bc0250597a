"""Door: the callback for transformers' Trainer; imported only where transformers is."""

from transformers.trainer_callback import (  # type: ignore[import-not-found]  # not in every venv
    TrainerCallback,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class NeffcacheCallback(TrainerCallback):  # type: ignore[misc]  # without transformers it is Any
    """Asks for a flush when the Trainer has saved, and when it has ended.

    With the hooks on every Trainer has one; else: `Trainer(..., callbacks=[NeffcacheCallback])`.
    """

    def on_save(self, args: "Any", state: "Any", control: "Any", **others: "Any") -> None:
        """A checkpoint has been written."""
        del args, state, control, others
        _request(final=False)

    def on_train_end(self, args: "Any", state: "Any", control: "Any", **others: "Any") -> None:
        """The training has ended."""
        del args, state, control, others
        _request(final=True)


def _request(*, final: bool) -> None:
    from neffcache_hooks import saving

    saving.request(final=final)
