"""World: roles of AWS: of a pod (web identity, Pod Identity), a container, the instance itself."""

from neffcache.errors import RemoteError
from neffcache.objects import access, metadata
from neffcache.objects.access import value

_CONTAINER_HOST = "http://169.254.170.2"
_CONTAINERS = ("169.254.170.2", "169.254.170.23", "[fd00:ec2::23]")
_INSTANCE = "http://169.254.169.254"
_INSTANCE_6 = "http://[fd00:ec2::254]"
_TOKEN_SECONDS = "21600"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from neffcache.objects.access import Credential
    from neffcache.objects.metadata import Answer


class WebIdentity:
    """A role for a token in a file (IRSA), which is changed under us; asked of STS each time."""

    __slots__ = ("_ca", "_file", "_role", "_seconds", "_session", "_url")

    def __init__(
        self, environ: "Mapping[bytes, bytes]", region: str, seconds: float, ca: str
    ) -> None:
        """Nothing is asked yet; good only where `is_set`."""
        self._role = value(environ, "AWS_ROLE_ARN")
        self._session = value(environ, "AWS_ROLE_SESSION_NAME") or "neffcache"
        self._file = access.path(environ, "AWS_WEB_IDENTITY_TOKEN_FILE")
        named = value(environ, "AWS_ENDPOINT_URL_STS", "AWS_STS_ENDPOINT")
        self._url = named or f"https://sts.{region}.{_domain(region)}"
        self._seconds = seconds
        self._ca = ca

    @property
    def identity(self) -> str:
        """For people."""
        return f"role {self._role.rpartition(':')[2]} by web identity"

    def __call__(self) -> "Credential":
        """A session of the role. Raises RemoteError."""
        host = metadata.host_of(self._url)
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": self._role,
            "RoleSessionName": self._session,
            "WebIdentityToken": access.read(self._file, "the file of AWS_WEB_IDENTITY_TOKEN_FILE"),
        }
        try:
            answer = metadata.post(f"{self._url.rstrip('/')}/", form, self._seconds, self._ca)
        except OSError as error:
            raise RemoteError(
                f"no keys for {self._role}: {host} {metadata.why(error)}",
                "look at the network, the proxy and AWS_ENDPOINT_URL_STS",
            ) from None
        text = answer.text
        if answer.status != 200 or not _between(text, "SecretAccessKey"):
            code = _between(text, "Code")
            raise RemoteError(
                f"no keys for {self._role}: STS answered {answer.status} {_word(code)}".rstrip(),
                "look at the role's trust policy and AWS_WEB_IDENTITY_TOKEN_FILE",
            )
        name, secret = _between(text, "AccessKeyId"), _between(text, "SecretAccessKey")
        return session(name, secret, _between(text, "SessionToken"), _between(text, "Expiration"))


def has_web_identity(environ: "Mapping[bytes, bytes]") -> bool:
    """Whether the variables of IRSA are set."""
    return bool(value(environ, "AWS_ROLE_ARN") and value(environ, "AWS_WEB_IDENTITY_TOKEN_FILE"))


class Container:
    """The role of a container or pod: EKS Pod Identity, ECS and what speaks like them."""

    __slots__ = ("_environ", "_seconds", "_url")

    def __init__(self, environ: "Mapping[bytes, bytes]", seconds: float) -> None:
        """Nothing is asked yet. Raises RemoteError: the address is nobody's who may be trusted."""
        relative = value(environ, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        self._url = value(environ, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if relative:
            self._url = f"{_CONTAINER_HOST}/{relative.lstrip('/')}"
        elif not _is_trusted(self._url):
            raise RemoteError(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI names a host that no container agent has",
                "use https://, or correct it",
            )
        self._environ = environ
        self._seconds = seconds

    @property
    def identity(self) -> str:
        """For people."""
        return f"container role via {metadata.host_of(self._url)}"

    def __call__(self) -> "Credential":
        """A session of the role. Raises RemoteError."""
        headers = {"accept": "application/json"}
        token = value(self._environ, "AWS_CONTAINER_AUTHORIZATION_TOKEN")
        name = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
        if path := access.path(self._environ, name):
            token = access.read(path, f"the file of {name}")
        if token:
            headers["authorization"] = token
        try:
            answer = metadata.ask(self._url, self._seconds, headers)
        except OSError as error:
            raise RemoteError(
                f"no keys from the container's agent: {metadata.host_of(self._url)} "
                f"{metadata.why(error)}",
                "look at the agent, or unset AWS_CONTAINER_CREDENTIALS_FULL_URI",
            ) from None
        return _of_answer(answer, f"the container's agent {metadata.host_of(self._url)}")


def has_container(environ: "Mapping[bytes, bytes]") -> bool:
    """Whether a variable names an agent."""
    names = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    return bool(value(environ, *names))


class Instance:
    """The role of an EC2 instance, by the second version of its metadata.

    Attributes:
        region: where the instance is, once it has answered; "".
    """

    __slots__ = ("_base", "_role", "_seconds", "region")

    def __init__(self, environ: "Mapping[bytes, bytes]", seconds: float = metadata.PROBE) -> None:
        """Nothing is asked yet.

        Args:
            seconds: for all requests of one time together.
        """
        named = value(environ, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_METADATA_ENDPOINT")
        mode = value(environ, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").lower()
        self._base = (named or (_INSTANCE_6 if mode == "ipv6" else _INSTANCE)).rstrip("/")
        self._seconds = seconds
        self._role = ""
        self.region = ""

    @property
    def host(self) -> str:
        """Whom it asks."""
        return metadata.host_of(self._base)

    @property
    def identity(self) -> str:
        """For people; complete once it has answered."""
        return f"instance role {self._role} via {self.host}"

    def __call__(self) -> "Credential":
        """A session of the role. Raises RemoteError."""
        until = metadata.Deadline(self._seconds)
        latest = f"{self._base}/latest"
        try:
            ttl = {"x-aws-ec2-metadata-token-ttl-seconds": _TOKEN_SECONDS}
            answer = metadata.ask(f"{latest}/api/token", until.left, ttl, "PUT")
            if answer.status != 200:
                raise RemoteError(f"{self.host} gives no token ({answer.status})")
            token = {"x-aws-ec2-metadata-token": answer.text}
            roles = f"{latest}/meta-data/iam/security-credentials/"
            answer = metadata.ask(roles, until.left, token)
            if answer.status != 200 or not answer.text:
                raise RemoteError(
                    "the instance has no role", "attach an instance profile that may use the bucket"
                )
            self._role = answer.text.split()[0]
            made = _of_answer(metadata.ask(roles + self._role, until.left, token), self.host)
            self._learn_region(f"{latest}/meta-data/placement/region", until.left, token)
        except OSError as error:
            raise RemoteError(
                f"the instance's metadata at {self.host} {metadata.why(error)}",
                "in a container on EC2 the instance's hop limit has to be 2",
            ) from None
        return made

    def _learn_region(self, url: str, seconds: float, token: "dict[str, str]") -> None:
        if self.region:
            return
        try:
            answer = metadata.ask(url, seconds, token)
        except OSError:
            return
        if answer.status == 200 and answer.text.replace("-", "").isalnum():
            self.region = answer.text


def is_disabled(environ: "Mapping[bytes, bytes]") -> bool:
    """Whether the user says that the instance is not to be asked."""
    return value(environ, "AWS_EC2_METADATA_DISABLED").lower() == "true"


def session(name: str, secret: str, token: str, until: object) -> "Credential":
    """Keys of a session, as obstore takes them."""
    return {
        "access_key_id": name,
        "secret_access_key": secret,
        "token": token or None,
        "expires_at": metadata.moment(until),
    }


def _of_answer(answer: "Answer", who: str) -> "Credential":
    told = answer.json()
    name, secret = told.get("AccessKeyId"), told.get("SecretAccessKey")
    if answer.status != 200 or not isinstance(name, str) or not isinstance(secret, str):
        code = _word(str(told.get("code") or told.get("Code") or ""))
        raise RemoteError(
            f"{who} gave no keys: {answer.status} {code}".rstrip(),
            "look at the role that is attached here",
        )
    return session(name, secret, str(told.get("Token") or ""), told.get("Expiration"))


def _is_trusted(url: str) -> bool:
    """By the rules of the AWS tools: who reads the token of a pod is its own host, or has TLS."""
    host = metadata.host_of(url)
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if url.startswith("https://"):
        return True
    parts = name.split(".")  # not those of a name that begins like a number
    number = len(parts) == 4 and parts[0] == "127" and all(part.isdigit() for part in parts)
    local = name in ("localhost", "[::1]") or number
    return url.startswith("http://") and (local or name in _CONTAINERS)


def _domain(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def _between(text: str, name: str) -> str:
    """What stands in an element of XML that holds nothing but text."""
    return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0].strip()


def _word(text: str) -> str:
    """A code of an answer, if it looks like one."""
    return text[:60] if text.isalnum() else ""
