"""The line in site-packages: nothing when off, hooks when on, and never a broken interpreter."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from hooks import libraries
from house import tree

LINE = "neffcache-hooks.pth"
SOURCE = tree.ROOT / "hooks" / LINE
_LOADED = "import sys; print(sorted(n for n in sys.modules if n.startswith('neff')))"
_ON = "import sys; print(any(hasattr(one, 'neffcache_finder') for one in sys.meta_path))"


class Site:
    """A virtual environment of the test's own, with our line in its site-packages."""

    def __init__(self, root: Path) -> None:
        venv.EnvBuilder(symlinks=True, with_pip=False).create(root)
        self.root = root
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.packages = root / "lib" / version / "site-packages"
        shutil.copy(SOURCE, self.packages / LINE)
        (self.packages / "_paths.pth").write_text(f"{tree.ROOT / 'shim'}\n{tree.ROOT / 'hooks'}\n")

    def own_package(self, **texts: str) -> None:
        """A hooks package of the test's own in place of the real one."""
        (self.packages / "_paths.pth").write_text("")
        folder = self.packages / "neffcache_hooks"
        folder.mkdir()
        for name, text in {"__init__": "", "start": "", **texts}.items():
            (folder / f"{name}.py").write_bytes(text.encode("latin-1"))

    def run(self, code: str, *flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run some code; its errors are part of what is judged."""
        given = {"PATH": os.environ["PATH"], "NEFFCACHE_DIR": str(self.root / "cache")}
        return subprocess.run(
            [str(self.root / "bin" / "python"), *flags, "-c", code],
            env={**given, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def says(self, code: str, *flags: str, **variables: str) -> str:
        """What some code prints, in an interpreter that complains about nothing."""
        done = self.run(code, *flags, **variables)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "venv")


def test_the_line_is_one_that_site_runs() -> None:
    text = SOURCE.read_bytes()
    assert text.isascii()
    assert text.startswith(b"import ")
    assert text.count(b"\n") == 1
    assert text.endswith(b"\n")


def test_the_installed_line_is_the_one_of_this_checkout() -> None:
    (installed,) = Path(sys.prefix).glob(f"lib/python*/site-packages/{LINE}")
    assert installed.read_text() == SOURCE.read_text()


@pytest.mark.parametrize("word", [None, "", "0", "false", "No", " off ", "OFF", "False"])
def test_off_nothing_of_ours_is_loaded(site: Site, word: str | None) -> None:
    given = {} if word is None else {"NEFFCACHE_HOOKS": word}
    assert site.says(_LOADED, **given) == "[]"


@pytest.mark.parametrize("word", ["1", "true", " On", "yes", "anything"])
def test_on_the_hooks_wait_for_their_targets(site: Site, word: str) -> None:
    assert site.says(_ON, NEFFCACHE_HOOKS=word) == "True"


def test_inside_a_compile_they_stay_away(site: Site) -> None:
    assert site.says(_ON, NEFFCACHE_HOOKS="1", NEFFCACHE_ACTIVE="1:2") == "False"


@pytest.mark.parametrize(
    ("flags", "on"),
    [(("-I",), True), (("-E",), True), (("-s",), True), (("-OO",), True), (("-B",), True),
     (("-W", "error"), True), (("-X", "utf8"), True), (("-S",), False), (("-I", "-S"), False)],
)  # fmt: skip
def test_an_interpreter_starts_with_every_option(
    site: Site, flags: tuple[str, ...], on: bool
) -> None:
    assert site.says(_ON, *flags, NEFFCACHE_HOOKS="1") == str(on)


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"LANG": "xx_YY.nonsense"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONUTF8": "1"},
        {"PYTHONDONTWRITEBYTECODE": "1"},
        {"PYTHONWARNINGS": "error"},
        {"PYTHONHASHSEED": "0", "PYTHONOPTIMIZE": "2"},
    ],
)
def test_an_interpreter_starts_in_every_locale(site: Site, variables: dict[str, str]) -> None:
    assert site.says(_ON, NEFFCACHE_HOOKS="1", **variables) == "True"


def test_a_line_that_was_left_behind_does_no_harm(site: Site) -> None:
    (site.packages / "_paths.pth").write_text("")
    assert site.says(_LOADED, NEFFCACHE_HOOKS="1") == "[]"


@pytest.mark.parametrize(
    "text",
    [
        "x = (",
        "\0",
        "# \xff\n",
        "import sys; sys.exit(3)",
        "raise BaseException('no')",
        "raise Warning",
        "import nothing_of_the_kind",
        "from neffcache_hooks import nothing",
        "def f(): f()\nf()",
        "raise MemoryError",
    ],
)
@pytest.mark.parametrize("name", ["__init__", "start"])
def test_a_broken_package_does_no_harm(site: Site, name: str, text: str) -> None:
    site.own_package(**{name: text})
    assert site.says("print('here')", NEFFCACHE_HOOKS="1") == "here"
    assert site.says("print('here')") == "here"


def test_a_directory_in_place_of_a_module_does_no_harm(site: Site) -> None:
    site.own_package()
    (site.packages / "neffcache_hooks" / "start.py").unlink()
    (site.packages / "neffcache_hooks" / "start.py").mkdir()
    assert site.says("print('here')", NEFFCACHE_HOOKS="1") == "here"


def test_an_interrupt_at_the_start_is_not_swallowed(site: Site) -> None:
    site.own_package(start="raise KeyboardInterrupt")
    assert site.run("print('here')", NEFFCACHE_HOOKS="1").returncode != 0


def test_a_later_line_is_still_read(site: Site) -> None:
    site.own_package(start="x = (")
    (site.packages / "zzz.pth").write_text("import sys; sys.zzz = 1\n")
    assert site.says("import sys; print(sys.zzz)", NEFFCACHE_HOOKS="1") == "1"


def test_wrong_settings_are_told_when_a_target_is_imported(site: Site) -> None:
    libraries.write(site.packages)
    given = {"NEFFCACHE_HOOKS": "1", "NEFFCACHE_WAIT": "long"}
    assert site.says("print('here')", **given) == "here"
    done = site.run("import torch; torch.save([1], '/dev/null'); print('here')", **given)
    assert (done.returncode, done.stdout) == (0, "here\n")
    assert done.stderr.count("\n") == 1
    assert "neffcache hooks: settings: NEFFCACHE_WAIT=long: " in done.stderr


def test_a_process_without_targets_touches_no_store(site: Site) -> None:
    site.says("import json, subprocess", NEFFCACHE_HOOKS="1")
    assert not (site.root / "cache").exists()


_WORKER = """\
import sys

def patched(_number=0):
    import torch
    return hasattr(torch.save, "__wrapped__")

if __name__ == "__main__":
    import multiprocessing
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(pool.map(patched, range(2)), patched())
"""


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_workers_are_patched(site: Site, way: str) -> None:
    libraries.write(site.packages)
    script = site.root / "script.py"
    script.write_text(_WORKER)
    done = subprocess.run(
        [str(site.root / "bin" / "python"), str(script), way],
        env={"PATH": os.environ["PATH"], "NEFFCACHE_HOOKS": "1"}
        | {"NEFFCACHE_DIR": str(site.root / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[True, True] True\n", "")


def test_a_forked_child_keeps_what_its_parent_enabled(site: Site) -> None:
    libraries.write(site.packages)
    code = (
        "import neffcache_hooks, os, sys, torch; neffcache_hooks.enable(); before = torch.save\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    neffcache_hooks.enable(); torch.save([1], '/dev/null')\n"
        "    finders = [f for f in sys.meta_path if hasattr(f, 'neffcache_finder')]\n"
        "    os._exit(not (torch.save is before and len(finders) == 1))\n"
        "print(os.waitpid(pid, 0)[1])\n"
    )
    assert site.says(code) == "0"


def test_a_notebook_that_enables_in_each_cell_is_patched_once(site: Site) -> None:
    libraries.write(site.packages)
    cells = ["import torch", *["import neffcache_hooks; neffcache_hooks.enable()"] * 3]
    code = (
        f"import code, json\nshell = code.InteractiveInterpreter()\nfor cell in {cells!r}:\n"
        "    shell.runsource(cell)\n"
        "import torch\nprint(json.dumps([hasattr(torch.save, '__wrapped__'),"
        " hasattr(torch.save.__wrapped__, '__wrapped__')]))"
    )
    assert json.loads(site.says(code)) == [True, False]


def test_importing_the_package_changes_nothing(site: Site) -> None:
    assert site.says(f"import neffcache_hooks; {_ON}") == "False"
    assert site.says(f"import neffcache_hooks; {_LOADED}") == "['neffcache_hooks']"


def test_the_status_says_what_waits_and_what_is_applied(site: Site) -> None:
    libraries.write(site.packages)
    code = (
        "import json, neffcache_hooks, torch\n"
        "rows = [r for r in neffcache_hooks.status() if r[0].startswith(('torch.', 'safet'))]\n"
        "print(json.dumps(rows))"
    )
    rows = {
        label: [state, why]
        for label, state, why in json.loads(site.says(code, NEFFCACHE_HOOKS="1"))
    }
    assert rows["torch.save"] == ["applied", ""]
    assert rows["torch.serialization.save"] == ["applied", ""]
    assert rows["safetensors.torch"] == ["waiting", "not imported yet"]
