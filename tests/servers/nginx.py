"""Servers: nginx, as the README says to put it in front of a store."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers import processes, tools

README = tools.ROOT / "README.md"
_PLACES = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def recipe() -> str:
    """The lines that users copy."""
    (found,) = re.findall(r"```nginx\n(.*?)```", README.read_text(), re.DOTALL)
    return str(found)


@contextmanager
def start(upstream: str) -> Iterator[str]:
    """The recipe in front of a server; gives its URL. Raises tools.MissingError."""
    (program,) = tools.programs("nginx")
    with tempfile.TemporaryDirectory(prefix="nginx-") as made, processes.claimed() as (port,):
        place = Path(made)
        lines = recipe().replace("http://s3.internal:9000", upstream)
        lines = lines.replace("listen 8080", f"listen 127.0.0.1:{port}")
        lines = lines.replace("/var/cache/neff", f"{place}/cache")
        own = "".join(f"{name}_temp_path {place}/{name};\n" for name in _PLACES)
        head = f"daemon off; master_process off; pid {place}/pid; error_log stderr;\n"
        user = "user root;\n" if os.geteuid() == 0 else ""
        text = f"{user}{head}events {{}}\nhttp {{\naccess_log off;\n{own}{lines}}}\n"
        (place / "nginx.conf").write_text(text)
        words = (program, "-c", place / "nginx.conf", "-p", place)
        with processes.running(words, place / "nginx.log", lambda: processes.answers(port)):
            yield f"http://127.0.0.1:{port}"
