"""The forms a Neuron SDK is installed in, built in milliseconds from the sources in tests/sdk."""

# `make_form(kind, where, python_venv)` returns the `neuronx-cc` script of the new form. All forms
# but `same-venv` are self-contained below `where`: a test may edit or delete what it likes there.
# No .pyc is shipped, as with `pip install --no-compile`; the first start writes them.

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "sdk"
PACKAGE = "neuronxcc"
DIST_INFO = "neuronx_cc-2.21.33363.0+82129205.dist-info"
SCRIPTS = {"neuronx-cc": "neuronxcc.driver.CommandDriver", "neff-run": "neuronxcc.run"}
# What the stand-in needs at run time; seen through links, so nothing is copied or downloaded.
_NEEDED = ("jaxlib", "numpy", "ml_dtypes", "scipy")
_SHEBANG_LIMIT = 127


@dataclass(frozen=True)
class Tree:
    """One installation: its root, and the interpreter its scripts name."""

    root: Path
    python: Path
    version: str  # "python3.11"

    @property
    def site(self) -> Path:
        return self.root / "lib" / self.version / "site-packages"

    @property
    def script(self) -> Path:
        return self.root / "bin" / "neuronx-cc"


def make_form(kind: str, where: Path, python_venv: Path) -> Path:
    """Build one form (see FORMS) below `where`, with the interpreter and jaxlib of a venv."""
    return _MAKERS[kind](where, python_venv)


def record_lines(script: Path) -> list[str]:
    """The RECORD lines of the package's own sources, for the form that a script belongs to."""
    (record,) = script.parent.parent.glob(f"lib/python*/site-packages/{DIST_INFO}/RECORD")
    lines = record.read_text(encoding="utf-8").splitlines()
    return sorted(line for line in lines if line.startswith(f"{PACKAGE}/") and ".py," in line)


def _same_venv(where: Path, python_venv: Path) -> Path:  # noqa: ARG001
    script = python_venv / "bin" / "neuronx-cc"
    if not script.exists():
        raise FileNotFoundError(f"{script}: install tests/sdk into that venv first")
    return script


def _other_venv(where: Path, python_venv: Path) -> Path:
    tree = _venv(where, python_venv)
    _install(tree, python_venv)
    return tree.script


def _polyglot(where: Path, python_venv: Path) -> Path:
    """A venv whose scripts start with sh, as pip writes them where the path is too long."""
    tree = _venv(where, python_venv)
    _install(tree, python_venv, polyglot=True)
    return tree.script


def _prefix(where: Path, python_venv: Path) -> Path:
    """`pip install --prefix`: an interpreter that stands elsewhere sees it by a .pth file."""
    helper = _venv(where.with_name(where.name + "-python"), python_venv)
    tree = Tree(where, helper.python, helper.version)
    _install(tree, python_venv)
    (helper.site / "prefix.pth").write_text(f"{tree.site}\n", encoding="utf-8")
    return tree.script


def _conda(where: Path, python_venv: Path) -> Path:
    """An environment with an interpreter and a standard library of its own, and conda-meta."""
    base = (python_venv / "bin" / "python").resolve()
    version = _version(python_venv)
    tree = Tree(where, where / "bin" / version, version)
    (where / "bin").mkdir(parents=True)
    shutil.copy2(base, tree.python)
    (where / "bin" / "python").symlink_to(version)
    tree.site.mkdir(parents=True)
    library = base.parent.parent / "lib"
    for entry in (library / version).iterdir():
        if entry.name not in ("site-packages", "__pycache__"):
            (tree.site.parent / entry.name).symlink_to(entry)
    for shared in library.glob("libpython*.so*"):
        (where / "lib" / shared.name).symlink_to(shared)
    _install(tree, python_venv, installer="conda")
    meta = where / "conda-meta"
    meta.mkdir()
    (meta / "history").write_text("==> install <==\n", encoding="utf-8")
    stated = {"name": "neuronx-cc", "version": "2.21.33363.0+82129205", "build": "py_0"}
    (meta / "neuronx-cc-2.21.33363.0-py_0.json").write_text(json.dumps(stated), encoding="utf-8")
    return tree.script


def _editable(where: Path, python_venv: Path) -> Path:
    """`pip install -e` of a copy of the sources in `where`/src."""
    tree = _venv(where, python_venv)
    sources = where / "src"
    _copy_package(sources)
    _link_needed(tree, python_venv)
    pth = tree.site / "_neuronx_cc.pth"
    pth.write_text(f"{sources}\n", encoding="utf-8")
    url = {"dir_info": {"editable": True}, "url": sources.as_uri()}
    _write_dist_info(tree, "pip", {"direct_url.json": json.dumps(url)})
    _write_scripts(tree, polyglot=False)
    _write_record(tree, [pth])
    return tree.script


def _probe(where: Path, python_venv: Path) -> Path:
    """A venv whose script is plain sh, which notes what Python would change before it starts.

    With SDKSTANDIN_DUMP=FILE it leaves /proc/PID/status and /proc/PID/environ as the process
    was started (signals ignored before Python ignores its own) in FILE.status and FILE.environ.
    """
    script = _other_venv(where, python_venv)
    real = script.with_name("neuronx-cc.python")
    script.rename(real)
    _write_script(
        script,
        '#!/bin/sh\nif [ -n "${SDKSTANDIN_DUMP:-}" ]; then\n'
        '    cat "/proc/$$/status" >"$SDKSTANDIN_DUMP.status"\n'
        '    cat "/proc/$$/environ" >"$SDKSTANDIN_DUMP.environ"\n'
        f'fi\nexec "{real}" "$@"\n',
    )
    return script


_MAKERS: dict[str, Callable[[Path, Path], Path]] = {
    "same-venv": _same_venv,
    "other-venv": _other_venv,
    "prefix": _prefix,
    "conda": _conda,
    "polyglot": _polyglot,
    "editable": _editable,
    "probe": _probe,
}
FORMS = tuple(_MAKERS)


def _version(python_venv: Path) -> str:
    (library,) = (python_venv / "lib").glob("python3.*")
    return library.name


def _venv(where: Path, python_venv: Path) -> Tree:
    version = _version(python_venv)
    base = (python_venv / "bin" / "python").resolve()
    tree = Tree(where, where / "bin" / "python", version)
    tree.site.mkdir(parents=True)
    (where / "bin").mkdir()
    tree.python.symlink_to(base)
    (where / "bin" / version).symlink_to("python")
    (where / "pyvenv.cfg").write_text(
        f"home = {base.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
    return tree


def _install(tree: Tree, python_venv: Path, installer: str = "pip", polyglot: bool = False) -> None:
    tree.site.mkdir(parents=True, exist_ok=True)
    (tree.root / "bin").mkdir(exist_ok=True)
    _copy_package(tree.site)
    _link_needed(tree, python_venv)
    _write_dist_info(tree, installer, {})
    _write_scripts(tree, polyglot)
    _write_record(tree, sorted((tree.site / PACKAGE).rglob("*.py")))


def _copy_package(into: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SOURCE / PACKAGE, into / PACKAGE, ignore=ignore)


def _link_needed(tree: Tree, python_venv: Path) -> None:
    site = python_venv / "lib" / _version(python_venv) / "site-packages"
    for entry in site.iterdir():
        if entry.name.split(".")[0].split("-")[0] in _NEEDED:
            (tree.site / entry.name).symlink_to(entry)


def _write_dist_info(tree: Tree, installer: str, more: dict[str, str]) -> None:
    folder = tree.site / DIST_INFO
    folder.mkdir()
    version = DIST_INFO.removeprefix("neuronx_cc-").removesuffix(".dist-info")
    scripts = "".join(f"{name} = {module}:main\n" for name, module in SCRIPTS.items())
    files = {
        "METADATA": f"Metadata-Version: 2.4\nName: neuronx-cc\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": f"[console_scripts]\n{scripts}",
        "INSTALLER": f"{installer}\n",
        **more,
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _write_scripts(tree: Tree, polyglot: bool) -> None:
    python = str(tree.python)
    if polyglot or len(python) + 3 > _SHEBANG_LIMIT or " " in python:
        head = f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n"
    else:
        head = f"#!{python}\n"
    for name, module in SCRIPTS.items():
        body = (
            f"import sys\nfrom {module} import main\nif __name__ == '__main__':\n"
            "    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n    sys.exit(main())\n"
        )
        _write_script(tree.root / "bin" / name, head + body)


def _write_script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _write_record(tree: Tree, files: list[Path]) -> None:
    scripts = [tree.root / "bin" / name for name in SCRIPTS]
    record = tree.site / DIST_INFO / "RECORD"
    every = [*scripts, *files, *sorted((tree.site / DIST_INFO).iterdir())]
    lines = [*_record_lines(tree, every), f"{DIST_INFO}/RECORD,,"]
    record.write_text("\n".join(sorted(lines)) + "\n", encoding="utf-8")


def _record_lines(tree: Tree, files: list[Path]) -> Iterator[str]:
    for path in files:
        content = path.read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        yield f"{os.path.relpath(path, tree.site)},sha256={digest},{len(content)}"
