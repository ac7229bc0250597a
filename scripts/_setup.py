"""Set-up: makes .venv in the checkout; quick, and free of network, when nothing has changed."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PROGRAMS = ("neffcache", "neuronx-cc")
SDK = ROOT / "tests" / "sdk"
# The interpreter behind any virtual environment, asked for while its link in .venv still stands.
INTERPRETER = os.path.realpath(sys.executable)
# Written last, so that it vouches for everything before it.
STAMP = VENV / "setup.json"
# There while .venv is being changed: who finds it unlocked knows that somebody was killed.
UNDERWAY = VENV / "setup.underway"
LOG = VENV / "setup.log"
FLAVOURS = {"demo": "product and stand-in SDK", "full": "product, stand-in SDK and all extras"}
# What an unreachable registry leaves in pip's output.
UNREACHABLE = re.compile(
    r"Max retries exceeded|Retrying \(Retry|NewConnectionError|NameResolutionError"
    r"|ConnectTimeout|ReadTimeout|ProxyError|Network is unreachable"
)
# The last line of a traceback, from a build that pip started.
RAISED = re.compile(r"[\w.]*(Error|Exception): ")


class SetupError(Exception):
    """One line: what is wrong and what to do about it."""


def main(arguments: list[str]) -> int:
    """Bring .venv to the wanted flavour; with --check only say whether it is there already."""
    flavour = arguments[0]
    if "--check" in arguments:
        return 0 if report_fresh(flavour) else 1
    try:
        with locked():
            if not report_fresh(flavour):
                bring_up(flavour)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"setup: {error}; put that right and run it again", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: interrupted; the next run starts afresh", file=sys.stderr)
        return 130
    return 0


def report_fresh(flavour: str) -> bool:
    """Whether there is nothing to do; says so."""
    stamp = usable_stamp()
    wanted = stamp.get("flavour") in (flavour, "full")
    fresh = wanted and stamp.get("inputs") == digest_inputs() and has_programs()
    if fresh:
        print("setup: .venv is up to date")
    return fresh


def has_programs() -> bool:
    """Whether the installed programs are (still) there."""
    return all(os.access(VENV / "bin" / name, os.X_OK) for name in PROGRAMS)


def usable_stamp() -> dict[str, str]:
    """The stamp of a whole .venv made here by an interpreter that still is the same, or nothing."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(stamp, dict) or UNDERWAY.exists() or stamp.get("root") != str(ROOT):
        return {}
    return stamp if stamp.get("python") == python_id() and os.access(PYTHON, os.X_OK) else {}


def python_id() -> str:
    """Version and place of the running interpreter; the same inside .venv as outside of it."""
    return f"{sys.version.split()[0]} {INTERPRETER}"


def digest_inputs() -> str:
    """One digest of everything that decides what is installed."""
    total = hashlib.sha256()
    line = ROOT / "hooks" / "neffcache-hooks.pth"
    for path in [ROOT / "pyproject.toml", line, Path(__file__).resolve(), *sdk_files()]:
        data = path.read_bytes()
        total.update(f"{path.relative_to(ROOT)}\0{len(data)}\0".encode() + data)
    return total.hexdigest()


def sdk_files() -> Iterator[Path]:
    """The stand-in SDK's sources, without what building and running leave there."""
    for folder, folders, names in os.walk(SDK):
        folders[:] = sorted(
            name
            for name in folders
            if name not in ("__pycache__", "build", "dist")
            and not name.startswith(".")
            and not name.endswith(".egg-info")
        )
        yield from (Path(folder, name) for name in sorted(names) if not name.endswith(".pyc"))


@contextmanager
def locked() -> Iterator[None]:
    """Hold the checkout's set-up lock; children inherit it, so an orphaned pip is waited for."""
    with open(ROOT / ".setup.lock", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("setup: waiting for another set-up of this checkout", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        os.set_inheritable(file.fileno(), True)
        yield


def bring_up(flavour: str) -> None:
    """Make .venv, or bring it up to date where it is whole."""
    began = time.monotonic()
    version = sys.version.split()[0]
    print(f"setup: .venv on Python {version}: {FLAVOURS[flavour]}; takes a minute", flush=True)
    whole = bool(usable_stamp())
    if not whole:
        clear()
    UNDERWAY.touch()
    inputs = digest_inputs()
    if not whole:
        run([INTERPRETER, "-I", "-m", "venv", str(VENV)], "making .venv")
    try:
        install(flavour)
    except SetupError:
        # pip refused before changing anything: what was whole still is.
        if whole:
            UNDERWAY.unlink()
        raise
    stamp = {"root": str(ROOT), "python": python_id(), "flavour": flavour, "inputs": inputs}
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(json.dumps(stamp, indent=1) + "\n")
    fresh.replace(STAMP)
    UNDERWAY.unlink()
    print(f"setup: done in {time.monotonic() - began:.0f} s")


def clear() -> None:
    """Remove the old .venv, provided that it is one, and leave an empty folder in its place."""
    if VENV.is_symlink():
        VENV.unlink()
    if VENV.exists():
        signs = (STAMP, UNDERWAY, VENV / "pyvenv.cfg")
        if not any(sign.exists() for sign in signs) and any(VENV.iterdir()):
            raise SetupError(f"{VENV} is not a virtual environment; move it out of the way")
        shutil.rmtree(VENV)
    VENV.mkdir()


def install(flavour: str) -> None:
    """Install product and SDK with their dependencies, then byte-compile the product."""
    extras = f"[{','.join(all_extras())}]" if flavour == "full" else ""
    # The SDK is not editable: the product must meet it as a real package, RECORD and all.
    pip = [str(PYTHON), "-I", "-m", "pip", "install", "--no-input", "--retries", "2"]
    run([*pip, "--editable", f"{ROOT}{extras}", f"{SDK}[graphs]"], "installing")
    run([str(PYTHON), "-I", "-m", "compileall", "-q", str(ROOT / "shim")], "byte-compiling")
    if not has_programs():
        raise SetupError(f"{' or '.join(PROGRAMS)} was not installed; see {LOG}")


def all_extras() -> list[str]:
    """The names of pyproject.toml's extras (Python 3.10 has no reader for TOML)."""
    text = (ROOT / "pyproject.toml").read_text()
    table = text.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    return re.findall(r"^([a-z0-9-]+) *= *\[", table, re.MULTILINE)


def run(command: list[str], doing: str) -> None:
    """Run one step with its output in the log."""
    with open(LOG, "w+") as log:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=clean_environment(),
            close_fds=False,
            check=False,
        )
        if done.returncode:
            log.seek(0)
            raise SetupError(explain(doing, log.read()))


def clean_environment() -> dict[str, str]:
    """The environment without what would lead Python or pip elsewhere; indexes and proxies stay."""
    elsewhere = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PIP_PYTHON")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") and name not in elsewhere
    }
    return {**kept, "PIP_USER": "0"}


def explain(doing: str, output: str) -> str:
    """One line for a failed step: the cause if it is a usual one, else the step's own last word."""
    if UNREACHABLE.search(output):
        return (
            "the package registry cannot be reached, and a first set-up needs it; "
            f"check network, proxy or PIP_INDEX_URL (log: {LOG})"
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    raised = [line for line in lines if RAISED.match(line)]
    errors = [line for line in lines if line.lower().startswith("error")]
    return f"{doing} failed: {(raised or errors or lines or ['no output'])[-1]} (log: {LOG})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
