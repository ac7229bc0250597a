"""The Azure server is what the tests of a remote take it for: logins and create-only writes."""

from __future__ import annotations

import pytest

from servers.asking import ask
from servers.azurite import Azurite

ONCE = {"if-none-match": "*", "x-ms-blob-type": "BlockBlob"}


def test_what_was_written_is_listed_and_read(azurite: Azurite) -> None:
    bucket = azurite.bucket()
    azurite.write(bucket, "a/b & c", b"data")
    assert azurite.names(bucket) == ["a/b & c"]
    assert azurite.read(bucket, "a/b & c") == b"data"
    azurite.delete(bucket, "a/b & c")
    assert azurite.names(bucket) == []


def test_second_creator_loses(azurite: Azurite) -> None:
    path = f"/{azurite.bucket()}/x"
    assert azurite.call("PUT", path, body=b"1", headers=ONCE).status == 201
    again = azurite.call("PUT", path, body=b"2", headers=ONCE)
    assert again.status == 409
    assert b"BlobAlreadyExists" in again.body


@pytest.mark.parametrize(
    ("permissions", "seconds", "status"), [("rwlc", 60, 200), ("w", 60, 403), ("rwlc", -60, 403)]
)
def test_signature_gives_what_it_names(
    azurite: Azurite, permissions: str, seconds: float, status: int
) -> None:
    bucket = azurite.bucket()
    azurite.write(bucket, "x", b"data")
    url = f"{azurite.url}/{bucket}/x?{azurite.sas(permissions, seconds)}"
    assert ask("GET", url).status == status


@pytest.mark.parametrize(("seconds", "status"), [(60.0, 200), (-60.0, 403)])
def test_token_is_taken_over_tls_until_it_ends(
    secure_azurite: Azurite, seconds: float, status: int
) -> None:
    bucket = secure_azurite.bucket()
    secure_azurite.write(bucket, "x", b"data")
    login = {"authorization": f"Bearer {secure_azurite.token(seconds)}"}
    assert secure_azurite.call("GET", f"/{bucket}/x", headers=login).status == status


def test_another_key_is_refused(azurite: Azurite) -> None:
    login = {"authorization": f"SharedKey devstoreaccount1:{'A' * 43}="}
    assert azurite.call("GET", f"/{azurite.bucket()}/x", headers=login).status == 403


def test_container_goes_with_all_that_is_in_it(azurite: Azurite) -> None:
    bucket = azurite.bucket()
    azurite.write(bucket, "x", b"data")
    azurite.remove(bucket)
    gone = azurite.call("GET", f"/{bucket}/x")
    assert (gone.status, b"ContainerNotFound" in gone.body) == (404, True)
