"""Bench: the floor of a download: http.client, one redirect followed, SHA-256, into a file."""

import hashlib
import http.client
import sys
from urllib.parse import urlsplit

CHUNK = 1 << 20


def stream(url: str, token: str, target: str) -> None:
    """Fetch a file as the Hub serves one: where it lies from itself, the bytes from its CDN."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    connection.request("GET", urlsplit(url).path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    place = answer.getheader("Location")
    if place:
        answer.read()
        parts = urlsplit(place)
        connection = http.client.HTTPConnection(parts.netloc)
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
    made, buffer = hashlib.sha256(), bytearray(CHUNK)
    view = memoryview(buffer)
    with open(target, "wb", buffering=0) as file:
        while count := answer.readinto(buffer):
            made.update(view[:count])
            file.write(view[:count])
    print(answer.status, made.hexdigest())


stream(*sys.argv[1:])
