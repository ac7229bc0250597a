"""`neffcache doctor` about buckets and registries: who we are, what we may, how long it takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faults import far as places
from faults.far import Far
from hosts import Host
from servers.azurite import Azurite
from servers.faulty import Faulty
from servers.registry import Registry

# What a server says to who may not.
DENIED = {
    "s3": b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>",
    "az": b"<Error><Code>AuthorizationPermissionMismatch</Code><Message>no</Message></Error>",
    "gs": b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>",
    "oci": b'{"errors":[{"code":"DENIED","message":"no"}]}',
}
WHO = {"s3": "as key test", "az": "as account key", "gs": "as service account tester@"}


@pytest.fixture(params=places.KINDS)
def far(request: pytest.FixtureRequest) -> Iterator[Far]:
    """A new bucket or repository of each kind, behind a proxy."""
    with places.behind(request.param) as found:
        yield found


def look(host: Host, url: str, **variables: str) -> dict[str, Any]:
    """The finding about the one remote."""
    named = {"NEFFCACHE_REMOTES": url, "NEFFCACHE_STRICT": "\0unset", **variables}
    done = host.neffcache("doctor", "--json", variables=named)
    assert (done.status, done.err) == (0, "")
    rows = [row for row in json.loads(done.out)["findings"] if row["topic"] == "remotes"]
    [row] = rows
    found: dict[str, Any] = row
    assert found["remedy"] or found["level"] == "ok"
    return found


def told(host: Host, far: Far, url: str = "", **variables: str) -> str:
    """Level, line and remedy, with no secret in it."""
    row = look(host, url or far.url, **{**far.environ, **variables})
    text = f"{row['level']} {row['line']} -> {row['remedy']}"
    assert [secret for secret in far.secrets if secret in text] == []
    return text


def test_one_that_is_read_and_written(host: Host, far: Far) -> None:
    said = told(host, far)
    assert said.startswith(f"ok {far.shown} answers (rw), named by NEFFCACHE_REMOTES: as ")
    assert WHO.get(far.kind, "as ") in said
    assert "takes writes" in said
    latency = re.search(r"a look-up takes ([0-9.]+) ms", said)
    assert latency is not None
    assert 0 < float(latency[1]) < 30_000


def test_nothing_that_is_read_is_left_there(host: Host, far: Far) -> None:
    told(host, far)
    left = far.server.names(far.bucket)
    assert len(left) <= 1
    assert not any(name.endswith(("/entry", ".tar")) for name in left)


def test_it_may_be_tried_again_and_again(host: Host, far: Far) -> None:
    """The second one finds what the first one left."""
    assert ["takes writes" in told(host, far) for _ in range(2)] == [True, True]


def test_one_that_is_only_read_is_not_written_to(host: Host, far: Far) -> None:
    said = told(host, far, far.mode("ro"))
    assert said.startswith(f"ok {far.shown} answers (ro)")
    assert "takes writes" not in said
    assert far.proxy.requests(method="PUT|PATCH|POST") == []


def test_one_that_is_only_written_to_is_not_looked_up_in(host: Host, far: Far) -> None:
    said = told(host, far, far.mode("wo"))
    assert said.startswith(f"ok {far.shown} answers (wo)")
    assert "takes writes" in said
    assert "look-up" not in said


def test_one_that_may_be_read_and_not_written(host: Host, far: Far) -> None:
    far.proxy.fault(method="PUT|PATCH|POST", times=None, status=403, body=DENIED[far.kind])
    said = told(host, far)
    assert said.startswith(f"warn {far.shown} answers (as ")
    assert "but not to writes: " in said


def test_one_that_may_not_be_read(host: Host, far: Far) -> None:
    far.proxy.fault(times=None, status=403, body=DENIED[far.kind])
    said = told(host, far, far.mode("ro"))
    assert said.startswith(f"warn {far.shown} does not answer (as ")
    assert "not permitted (403" in said


def test_one_that_is_silent(host: Host, far: Far) -> None:
    far.proxy.fault(times=None, silence=True)
    said = told(host, far, NEFFCACHE_REMOTE_TIMEOUT="1")
    assert said.startswith("warn ")
    assert "does not answer" in said


def test_one_that_is_not_there(host: Host, far: Far) -> None:
    far.proxy.close()
    assert "does not answer" in told(host, far)


def test_a_signature_that_only_lets_read(host: Host, azurite: Azurite) -> None:
    """No proxy: Azure's own answer."""
    variables = {"SIGNATURE": azurite.sas("r")}
    row = look(host, f"{azurite.remote()}&credential=env:SIGNATURE", **variables)
    assert (row["level"], "but not to writes" in row["line"]) == ("warn", True)
    assert "SAS token" in row["line"]
    assert "sig=" not in json.dumps(row)
    row = look(host, f"{azurite.remote()}&credential=env:SIGNATURE&mode=ro", **variables)
    assert row["level"] == "ok"


def test_without_credentials_it_is_said_what_to_set(host: Host) -> None:
    silent = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nowhere"}
    row = look(host, "s3://bucket-of-acme/x?region=us-east-1", **silent)
    assert row["level"] == "warn"
    assert "no AWS credentials" in row["line"]
    assert "AWS_ACCESS_KEY_ID" in row["remedy"]
    assert "compiles go on without it" in row["remedy"]


def test_olives_remote_is_tried_too(host: Host, azurite: Azurite) -> None:
    file = Path(host.root, "olive.json")
    block = {"account_url": azurite.url, "container_name": azurite.bucket()}
    file.write_text(json.dumps({"cloud_cache_config": {**block, "upload_to_cloud": True}}))
    row = look(host, "", NEFFCACHE_CONFIG_JSON=str(file), **azurite.environ)
    assert (row["level"], "takes writes" in row["line"]) == ("ok", True)
    assert f"named by {file} (cloud_cache_config)" in row["line"]


@pytest.mark.parametrize("up", [True, False])
def test_a_mirror_that_does_not_answer_is_told(host: Host, registry: Registry, up: bool) -> None:
    with Faulty(registry.url) as mirror:
        if not up:
            mirror.fault(times=None, status=500)
        row = look(host, f"{registry.remote()}?mirror={mirror.url}")
    assert row["level"] == ("ok" if up else "warn")
    assert ("answers, but not its mirror: " in row["line"]) is not up
    assert ("takes writes" in row["line"]) is up
