"""Bench: the floor of an upload: obstore alone, one request for each file, so many at a time."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
from obstore.store import S3Store


def upload(endpoint: str, bucket: str, threads: str, folder: str) -> None:
    """Put every file of a folder into a bucket; keys come from the environment."""
    store = S3Store(
        bucket,
        endpoint=endpoint,
        region="us-east-1",
        client_options={"allow_http": True},
        virtual_hosted_style_request=False,
    )

    def put(path: Path) -> None:
        obstore.put(store, f"plain/{path.name}", path.read_bytes(), use_multipart=False)

    with ThreadPoolExecutor(int(threads)) as pool:
        done = list(pool.map(put, sorted(Path(folder).iterdir())))
    print(len(done))


upload(*sys.argv[1:])
