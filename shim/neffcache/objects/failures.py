"""World: what an object store's refusal means to people: one line with the remedy, no secret."""

from neffcache.errors import RefusedError, RemoteError

# How long to leave a store alone that says it is asked too often: obstore keeps back for how long.
PAUSE = 30.0
ABSENT = ("NoSuchKey", "BlobNotFound", "ResourceNotFound")
NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted")
TOO_MANY = 429
_SLOWER = (
    "SlowDown", "ServerBusy", "RequestLimitExceeded", "TooManyRequests", "Throttling",
    "ThrottlingException", "RateLimitExceeded", "OperationTimedOut",
)  # fmt: skip
_SKEWED = ("RequestTimeTooSkewed",)
_EXPIRED = (
    "ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired",
    "AuthenticationTokenExpired",
)  # fmt: skip
_NOT_KNOWN = (
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AuthenticationFailed",
    "InvalidAuthenticationInfo", "NoAuthenticationInformation", "UnrecognizedClientException",
    "InvalidSecurity", "AuthenticationRequired", "InvalidClientTokenId",
)  # fmt: skip
_ELSEWHERE = (
    "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
)  # fmt: skip
_FORBIDDEN = (
    "AccessDenied", "AllAccessDisabled", "AccountProblem", "AuthorizationFailure",
    "AuthorizationPermissionMismatch", "AuthorizationProtocolMismatch", "AccountIsDisabled",
    "AuthorizationServiceMismatch", "AuthorizationResourceTypeMismatch", "Forbidden",
    "AuthorizationSourceIPMismatch", "InsufficientAccountPermissions", "PublicAccessNotPermitted",
    "KeyBasedAuthenticationNotPermitted", "UserProjectAccountProblem", "InvalidObjectState",
)  # fmt: skip
_TOO_LARGE = ("EntityTooLarge", "RequestBodyTooLarge")
_UNWRITABLE = ("MethodNotAllowed", "NotImplemented", "BlobImmutableDueToPolicy")
_NAMES = {"s3": "S3", "az": "Azure", "gs": "GCS"}
# What each kind calls the right to read, to list, and to write.
_RIGHTS = {
    "s3": ("s3:GetObject and s3:ListBucket (without it S3 says 403 of what is absent)",
           "s3:PutObject"),
    "az": ("the role Storage Blob Data Reader", "the role Storage Blob Data Contributor"),
    "gs": ("storage.objects.get and storage.objects.list", "storage.objects.create"),
}  # fmt: skip

# How an identity begins that no role can be given to.
_SAS, _ACCOUNT_KEY = "SAS token", "account key"


class Unreadable(RemoteError):
    """We may not look there. Caught where somebody only writes."""


class Place:
    """A bucket or container, as messages name it.

    Attributes:
        scheme: s3, az or gs; bucket: its name; host: that answers for it.
        identity: who we are there, as `Access` names it.
    """

    __slots__ = ("bucket", "host", "identity", "scheme")

    def __init__(self, scheme: str, bucket: str, host: str, identity: str = "") -> None:
        self.scheme = scheme
        self.bucket = bucket
        self.host = host
        self.identity = identity


def failure(place: Place, status: int, code: str, writing: bool) -> RemoteError:
    """What an answer means that was not the wanted one.

    Args:
        status: of HTTP; code: the store's own word for it, "" when it said none.
        writing: whether it was to change something there: then some answers are for good.
    """
    told = f"{status} {code}" if code else f"{status}"
    for codes, made in (
        (_SKEWED, _skewed),
        (_EXPIRED, _expired),
        (_NOT_KNOWN, _not_known),
        (_ELSEWHERE, _elsewhere),
    ):
        if code in codes:
            return made(place, told)
    if code in NO_BUCKET:
        return _no_bucket(place, writing)
    if status == TOO_MANY or code in _SLOWER:
        return RemoteError(f"{place.host} asks for fewer requests ({told})", "", PAUSE)
    if code in _FORBIDDEN:
        return _forbidden(place, told, writing)
    return _by_status(place, status, told, writing)


def broken(place: Place, text: str) -> RemoteError:
    """What the library's words for a connection that did not work mean; they are not repeated."""
    low = text.lower()
    for words, what, remedy in _BROKEN:
        if any(word in low for word in words):
            return RemoteError(f"{place.host}: {what}", remedy)
    return RemoteError(f"{place.host}: no usable answer")


_BROKEN = (
    (("dns error", "failed to lookup"), "its name does not resolve",
     "look at the region, endpoint= and the name server"),
    (("certificate", "unknownissuer", "invalid peer"), "no trusted TLS connection",
     "name its CA: ca= in the URL or SSL_CERT_FILE"),
    (("corrupt message", "invalidcontenttype"), "it does not speak TLS", "correct endpoint="),
    (("proxy", "tunnel"), "not reached through the proxy", "look at HTTPS_PROXY and NO_PROXY"),
    (("connection refused", "connectionrefused"), "connection refused",
     "look at endpoint= and the proxy"),
    (("unreachable",), "it cannot be reached", "look at the network and the proxy"),
    (("kind: connect", "kind: timeout", "timed out", "timedout"), "no answer in time", ""),
    (("without location",), "the bucket lies in another region", "name it: region= in the URL"),
    (("incompletemessage", "connectionreset", "connection reset", "connectionaborted",
      "brokenpipe", "broken pipe", "unexpectedeof", "unexpected eof", "kind: body",
      "kind: decode", "interrupted", "sendrequest"), "its answer broke off", ""),
)  # fmt: skip


def _skewed(place: Place, told: str) -> RemoteError:
    return RemoteError(f"{place.host}: our clock and its own differ ({told})", "set the clock")


def _expired(place: Place, told: str) -> RemoteError:
    return RemoteError(f"{place.host}: the credentials have expired ({told})", "renew them")


def _not_known(place: Place, told: str) -> RemoteError:
    what = f"{place.host}: the credentials are not accepted ({told})"
    return RemoteError(what, "correct them; `neffcache doctor` says which are used")


def _elsewhere(place: Place, told: str) -> RemoteError:
    what = f"{place.bucket} lies in another region ({told})"
    return RemoteError(what, "name it: region= in the URL, or AWS_REGION")


def _no_bucket(place: Place, writing: bool) -> RemoteError:
    noun = "container" if place.scheme == "az" else "bucket"
    kind = RefusedError if writing else RemoteError
    return kind(f"there is no {noun} {place.bucket}", "make it, or correct the URL")


def _forbidden(place: Place, told: str, writing: bool) -> RemoteError:
    kind = RefusedError if writing else Unreadable
    return kind(f"{place.bucket}: not permitted ({told})", _permission(place, writing))


def _permission(place: Place, writing: bool) -> str:
    """The remedy where somebody lacks a right: by what stands for them there."""
    if place.identity == "anonymous":
        return "only a public one answers that: take anonymous=1 out, or open it"
    if place.identity.startswith(_SAS):
        letters = "create and write (cw)" if writing else "read (r)"
        return f"the SAS token has to hold still, for this container, with the right to {letters}"
    right = _RIGHTS[place.scheme][1 if writing else 0]
    if place.identity.startswith(_ACCOUNT_KEY):
        return f"copy its key anew and look at the account's firewall, or log in with {right}"
    return f"we need {right}"


def _by_status(place: Place, status: int, told: str, writing: bool) -> RemoteError:
    known = told.partition(" ")[2]
    if writing and (status in (405, 413, 501) or known in _TOO_LARGE + _UNWRITABLE):
        return RefusedError(f"{place.host} does not take uploads of this kind ({told})")
    if status == 401:
        return _not_known(place, told)
    if status == 403 and writing:  # it does not say why: that may pass
        return RemoteError(f"{place.bucket}: not permitted ({told})", "look at its policies")
    if status == 403:
        return _forbidden(place, told, writing=False)
    if status < 500 and not known:
        what = f"{told} from something that does not answer like {_NAMES[place.scheme]}"
        return RemoteError(what, "look at endpoint= and the proxy")
    return RemoteError(f"{place.host} answered {told}")
