"""Where the persistent compile cache lies: NEURON_CC_FLAGS, then a variable, then the default."""

from __future__ import annotations

import os
import shlex

DEFAULT = "/var/tmp/neuron-compile-cache"


class CacheUrl:
    """A place: `url`, and `url_type`, which is "fs" or "s3"."""

    def __init__(self, url: str, url_type: str = "fs") -> None:
        self.url = url
        self.url_type = url_type

    def is_s3(self) -> bool:
        return self.url_type == "s3"

    @staticmethod
    def get_cache_url(cache_dir: str | None = None) -> CacheUrl:
        """The place given, else what the environment names."""
        url = cache_dir or _from_flags() or os.environ.get("NEURON_COMPILE_CACHE_URL") or DEFAULT
        if url.startswith("s3://"):
            return CacheUrl(url, "s3")
        return CacheUrl(os.path.abspath(url.removeprefix("file://")))


def _from_flags() -> str:
    """`--cache_dir=X` or `--cache_dir X`; of several the last."""
    found = ""
    words = shlex.split(os.environ.get("NEURON_CC_FLAGS", ""))
    for place, word in enumerate(words):
        if word.startswith("--cache_dir="):
            found = word.partition("=")[2]
        elif word == "--cache_dir":
            found = "".join(words[place + 1 : place + 2])
    return found
