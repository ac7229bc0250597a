"""World: one bucket or container through obstore: deadlines, CA, prefix, one way to fail."""

import threading
from contextlib import contextmanager

from neffcache import config
from neffcache.errors import RemoteError
from neffcache.hub import installed
from neffcache.objects import access, addressing, answers, forking
from neffcache.objects.failures import Place

_CONNECT = 3.0
# Of a put so much may be under way at once, and so many bytes a second are the least of a line.
PART = 8 << 20
PARTS_AT_ONCE = 4
SLOWEST = 200_000
_BEAT = 0.1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, TypeVar

    from neffcache.remote import Spec

    Made = TypeVar("Made")


class Client:
    """Requests to one bucket. Methods raise RemoteError, or Absent and Stands of `answers`.

    Attributes:
        place: the bucket, for messages.
        identity: who we are there.
        patience: seconds of silence after which a request is given up.
        proxied: whether a proxy or cache may stand before it: one that keeps objects asks for
            whole ones, whatever part is wanted, and so without a header that was signed.
    """

    def __init__(self, spec: "Spec", environ: "Mapping[bytes, bytes]") -> None:
        """Asks nobody but where credentials come from.

        Raises:
            RemoteError: obstore or credentials are missing; SettingError.
        """
        _make_importable()
        forking.arm()
        self._spec = spec
        self._environ = environ
        self._access = access.find(spec, environ)
        bucket, self._prefix = addressing.bucket_of(spec)
        self.patience = config.load(environ).remote_timeout
        self._endpoint = addressing.endpoint_of(spec, self._access, bucket)
        host = self._endpoint.partition("://")[2].partition("/")[0]
        self.place = Place(spec.scheme, bucket, host, self._access.identity)
        self.identity = self._access.identity
        self.proxied = addressing.is_proxied(self._endpoint, environ) or addressing.is_public(spec)
        self._stores: dict[bool, Any] = {}
        self._opening = threading.Lock()
        self._large = threading.Lock()

    def get(self, name: str, **options: object) -> "Any":
        """A GetResult whose body has not been read.

        Args:
            options: of obstore: range, if_match.
        """
        import obstore

        ask: Any = obstore.get
        store = self._store(writing=False)
        bound = "if_match" in options
        return self.call(lambda: ask(store, self._prefix + name, options=options), bound=bound)

    def stands(self, name: str) -> bool:
        """Whether an object is there.

        By its first byte: of a HEAD's 404 nobody could tell whether the bucket is there.
        """
        try:
            self.get(name, range=(0, 1))
        except answers.Absent:
            return False
        except answers.Changed:  # it has no first byte
            return True
        return True

    def head(self, name: str) -> int:
        """The size of an object."""
        import obstore

        store = self._store(writing=False)
        return int(self.call(lambda: obstore.head(store, self._prefix + name))["size"])

    def put(self, name: str, body: object, **options: object) -> None:
        """Publish an object; called in a thread where it may take long.

        Args:
            body: bytes, or an iterator over pieces.
            options: of obstore: attributes, chunk_size, max_concurrency, mode, use_multipart.
        """
        import obstore

        # Whatever the library's types say: bodies and options are those named above.
        send: Any = obstore.put
        store = self._store(writing=True)
        bound = options.get("mode") == "create"
        self.call(lambda: send(store, self._prefix + name, body, **options), True, bound)

    @contextmanager
    def large(self, tick: "Callable[[], None]") -> "Iterator[None]":
        """While parts are under way: of one object at a time, as they stand in memory.

        Args:
            tick: called again and again while another one is.
        """
        while not self._large.acquire(timeout=_BEAT):
            tick()
        try:
            yield
        finally:
            self._large.release()

    def call(
        self, request: "Callable[[], Made]", writing: bool = False, bound: bool = False
    ) -> "Made":
        """What a call of the library gives; its exceptions become ours, without their texts.

        Args:
            writing, bound: see `answers.raised`.
        """
        forking.check()
        try:
            return request()
        except Exception as error:
            made = answers.raised(self.place, error, writing, bound)
            if made is error:
                raise
            answered = answers.answer(str(error))[0]
        # Outside of the clause: what the library says must not hang on our exception.
        provider = self._access.provider
        if not answered and provider is not None and provider.failure is not None:
            why = provider.failure
            raise RemoteError(why.what, why.remedy, why.pause)
        raise made

    def _store(self, *, writing: bool) -> "Any":
        with self._opening:  # variables are away for a moment: of the whole process
            if writing not in self._stores:
                self._stores[writing] = self.call(lambda: self._open(writing))
            return self._stores[writing]

    def _open(self, writing: bool) -> "Any":
        import obstore.store

        name, bucket = _CLASSES[self._spec.scheme]
        settings = {
            **self._access.settings,
            **addressing.settings(
                self._spec.scheme, self._access, self._endpoint, self.place.bucket
            ),
            "client_options": self._options(writing),
            "retry_config": _retries(self.patience, writing),
        }
        if self._access.provider is not None:
            settings["credential_provider"] = self._access.provider
        elif self._spec.scheme == "gs" and self._access.settings.get("skip_signature"):
            # Or whatever changes something is signed nevertheless, by the machine's own login.
            settings["credential_provider"] = lambda: {"token": "", "expires_at": None}
        settings[bucket] = self.place.bucket
        with access.hidden():
            return getattr(obstore.store, name)(**settings)

    def _options(self, writing: bool) -> "dict[str, object]":
        from datetime import timedelta

        from neffcache.version import __version__

        options: dict[str, object] = {
            "allow_http": self._endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=min(_CONNECT, self.patience)),
            "user_agent": f"neffcache/{__version__}",
        }
        if writing:  # the first byte of an answer comes when the last of the body has gone
            options["timeout"] = timedelta(seconds=self.patience + PARTS_AT_ONCE * PART / SLOWEST)
        else:
            options["timeout"] = "1h"  # a whole object may come slowly, but never with a silence
            options["read_timeout"] = timedelta(seconds=self.patience)
        certificates = addressing.certificates(self._spec, self._environ)
        if certificates:
            options["root_certificate"] = certificates
        return options


_CLASSES = {
    "s3": ("S3Store", "bucket"),
    "az": ("AzureStore", "container_name"),
    "gs": ("GCSStore", "bucket"),
}


def _make_importable() -> None:
    try:
        installed.make_importable("obstore")
    except RemoteError:
        what = "obstore is not installed"
        raise RemoteError(what, "pip install 'neffcache[objects]'") from None


def _retries(patience: float, writing: bool) -> "dict[str, object]":
    """Few and soon: whoever waits for a look-up compiles instead, and a queue tries again."""
    from datetime import timedelta

    within = 30.0 if writing else patience / 2
    pause = {
        "init_backoff": timedelta(seconds=min(0.1, patience / 20)),
        "max_backoff": timedelta(seconds=2.0 if writing else min(0.5, patience / 8)),
        "base": 2,
    }
    return {
        "max_retries": 3 if writing else 2,
        "retry_timeout": timedelta(seconds=within),
        "backoff": pause,
    }
