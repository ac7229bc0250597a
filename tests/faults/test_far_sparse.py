"""Faults: what is larger than one request may be: 5 GB go up in parts, and in little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from faults import sink

SIZE = (5 << 30) + 7  # more than S3 takes in one request
# What S3 takes at most as parts of one object, and for how many bytes of an upload memory is used.
MOST_PARTS, MOST_MEMORY = 10_000, 128 << 20
NAME = f"neffcache/v1/ab/abc/{'a' * 64}.tar"
SEND = """
import os, sys
from neffcache import remote
told = [0]
opened = remote.open_remote(remote.parse(sys.argv[1]), dict(os.environb))
made = opened.store(sys.argv[2], sys.argv[3], told.append)
assert made and told == sorted(told), "progress goes back"
# Not getrusage's: that begins with what the parent had.
(most,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(told[-1], len(told), int(most) << 10)
"""
PLACES = {
    "s3": "s3://bucket/cache?endpoint={url}&region=us-east-1",
    "az": "az://account/container?endpoint={url}",
    "gs": "gs://bucket/cache?endpoint={url}&anonymous=1",
    "oci": "oci://{host}/team/cache",
}
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AZURE_STORAGE_KEY": "c2VjcmV0",
    "AWS_EC2_METADATA_DISABLED": "true",
}
LARGE_IN_CI = pytest.mark.skipif(
    "CI" not in os.environ, reason="5 GB each takes too long here: CI=true scripts/test"
)


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        *((kind, 300 << 20) for kind in PLACES),
        *(pytest.param(kind, SIZE, marks=LARGE_IN_CI) for kind in ("s3", "oci")),
    ],
)
def test_a_sparse_file_goes_up_in_parts(kind: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(size)
    with sink.start() as store:
        url = PLACES[kind].format(url=store.url, host=store.url.partition("://")[2])
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **KEYS}
        done = subprocess.run(
            [sys.executable, "-c", SEND, url, NAME, str(path)],
            env=environ,
            check=False,
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert done.returncode == 0, done.stderr
        last, told, memory = map(int, done.stdout.split())
        assert sum(store.parts) == last == size
        assert store.completed == 1
        assert max(store.parts) < 1 << 30
        assert len(store.parts) <= MOST_PARTS
        assert told > 3
        assert memory <= MOST_MEMORY
