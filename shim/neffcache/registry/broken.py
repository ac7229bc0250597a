"""World: what it means to people that no answer came from a server, or not all of it."""

from neffcache.errors import RemoteError

_MOST = 120
_ADDRESS = "look at the name, the port and the proxy"


class Broken(RemoteError):
    """No answer, or not all of it: to ask again may help."""


class Silent(Broken):
    """Nothing was heard for as long as anybody waits."""


def faults() -> "tuple[type[Exception], ...]":
    """What the standard library's HTTP raises when there is no usable answer."""
    import http.client as clients

    return OSError, EOFError, ValueError, clients.HTTPException


def meaning(error: BaseException, host: str) -> RemoteError:
    """What an exception of the standard library's HTTP means: one line, never its text."""
    import http.client as clients
    import socket
    import ssl

    if isinstance(error, RemoteError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        what = f"{host}: no trusted TLS connection ({error.verify_message})"
        return RemoteError(what, "name its CA: ?ca=FILE or SSL_CERT_FILE")
    for kind, what, remedy in (
        (ssl.SSLError, "no TLS connection", "if it is asked without TLS: plain=1"),
        (socket.gaierror, "its name does not resolve", _ADDRESS),
        (ConnectionRefusedError, "connection refused", _ADDRESS),
        (TimeoutError, "no answer in time", ""),
        ((clients.HTTPException, ConnectionError, EOFError), "its answer broke off", ""),
    ):
        if isinstance(error, kind):
            made = Silent if kind is TimeoutError else Broken
            return made(f"{host}: {what}", remedy)
    if isinstance(error, OSError) and error.strerror:
        return Broken(f"{host}: {error.strerror}"[:_MOST])
    return Broken(f"{host}: no usable answer ({type(error).__name__})")
