"""Where the persistent compile cache lies: NEURON_CC_FLAGS, then a variable, then the default."""

from __future__ import annotations

import os

from libneuronxla import words

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
        url = cache_dir or words.of_environment()[1].get("--cache_dir")
        url = url or os.environ.get("NEURON_COMPILE_CACHE_URL") or DEFAULT
        if url.startswith("s3://"):
            return CacheUrl(url, "s3")
        return CacheUrl(os.path.abspath(url.removeprefix("file://")))
