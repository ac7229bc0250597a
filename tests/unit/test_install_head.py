"""The sh head of the shim, run by every sh of this host."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from neffcache.cli import head
from neffcache.compiler import find

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]
ODD = ["plain", "a b", "a'b", 'a"b', "a$HOME`id`b", "a\\b", "é*?[x]", "-n"]
STEP = """#!/bin/sh
for word; do printf '<%s>' "$word"; done
"""


@dataclass
class Place:
    """A directory with a shim in `first`, other PATH directories beside it."""

    root: Path
    shell: str
    nobody: bool = False  # run as a user without rights

    def directory(self, name: str) -> Path:
        path = self.root / name
        path.mkdir(exist_ok=True)
        return path

    def program(self, path: Path, text: str = STEP) -> Path:
        path.write_text(text)
        path.chmod(0o755)
        return path

    def shim(self, name: str = "first", python: str = "/gone/python") -> Path:
        """A shim whose interpreter is there or not."""
        landmark = self.root / "os.py"
        landmark.touch()
        text = head.render(python, str(landmark), str(landmark))
        return self.program(self.directory(name) / "neuronx-cc", text)

    def run(self, *argv: str, path: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The shim through this shell; only the variables given are in its environment."""
        shell = [self.shell] + (["sh"] if self.shell.endswith("busybox") else [])
        if self.nobody and os.geteuid() == 0:
            setpriv = str(shutil.which("setpriv"))
            shell = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", *shell]
        return subprocess.run(
            [*shell, str(self.root / "first" / "neuronx-cc"), *argv],
            env={"PATH": path, **variables},
            cwd=self.directory("cwd"),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def path(self, *names: str) -> str:
        return ":".join(str(self.root / name) if name else "" for name in names)


@pytest.fixture(params=SHELLS)
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    return Place(tmp_path, str(shutil.which(request.param)))


def test_marker_stands_in_the_first_256_bytes() -> None:
    text = head.render("/" + "x" * 4000, "/y", "/z")
    assert "\n# neffcache-shim 1\n" in text[:256]


def test_marker_is_the_one_that_shims_look_for(place: Place) -> None:
    assert find.is_shim(str(place.shim()))


@pytest.mark.parametrize("name", ODD)
def test_interpreter_is_started_whatever_its_path(place: Place, name: str) -> None:
    python = place.program(place.directory(f"in {name}") / name)
    landmark = str(place.root / "os.py")
    place.shim(python=str(python))
    done = place.run("a b", "", "c'd", path="/nowhere")
    shim = place.root / "first" / "neuronx-cc"
    assert done.stdout == f"<-I><-S><{landmark}><><{shim}><a b><><c'd>"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("variables", "word"), [({}, ""), ({"LC_CTYPE": ""}, "="), ({"LC_CTYPE": "C"}, "=C")]
)
def test_start_is_told_whether_lc_ctype_was_set(
    place: Place, variables: dict[str, str], word: str
) -> None:
    place.shim(python=str(place.program(place.root / "python")))
    done = place.run(path="/nowhere", **variables)
    assert done.stdout.split("><")[3] == word


def _environment(text: str) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in text.split("\0") if entry)
    # What sh itself sets or drops.
    return {n: v for n, _, v in pairs if n not in ("PWD", "OLDPWD", "SHLVL", "_")}


def test_interpreter_sees_the_callers_environment(place: Place) -> None:
    place.shim(python=str(place.program(place.root / "python", "#!/bin/sh\nexec env -0\n")))
    path = f"{place.root}:/usr/bin:/bin"
    done = place.run(path=path, python="mine", start="mine", IFS="x", ODD="a\nb")
    found = _environment(done.stdout)
    found.pop("IFS", None)  # sh never takes it from outside
    assert found == {"PATH": path, "python": "mine", "start": "mine", "ODD": "a\nb"}


def test_compiler_sees_one_more_variable_when_python_is_gone(place: Place) -> None:
    place.shim()
    real = place.program(place.directory("real") / "neuronx-cc", "#!/bin/sh\nexec env -0\n")
    path = place.path("first", "real") + ":/usr/bin:/bin"
    done = place.run(path=path, ODD="x")
    assert _environment(done.stdout) == {
        "PATH": path,
        "ODD": "x",
        "NEFFCACHE_ACTIVE": str(real),
    }


@pytest.mark.parametrize("missing", ["python", "landmark", "start", "mode"])
def test_real_compiler_runs_when_something_is_gone(place: Place, missing: str) -> None:
    names = {name: place.program(place.root / name) for name in ("python", "landmark", "start")}
    if missing == "mode":
        names["python"].chmod(0o644)
    else:
        names[missing].unlink()
    text = head.render(*(str(names[name]) for name in ("python", "landmark", "start")))
    place.program(place.directory("first") / "neuronx-cc", text)
    place.program(place.directory("real") / "neuronx-cc")
    done = place.run("compile", "x y", path=place.path("first", "real"))
    assert done.stdout == "<compile><x y>"
    assert done.stderr.count("\n") == 1
    assert "`neffcache install`" in done.stderr


def test_status_of_the_real_compiler_comes_back(place: Place) -> None:
    place.shim()
    place.program(place.directory("real") / "neuronx-cc", "#!/bin/sh\nexit 70\n")
    assert place.run(path=place.path("first", "real")).returncode == 70


def test_copies_links_and_odd_files_on_path_are_passed_over(place: Place) -> None:
    shim = place.shim()
    shutil.copy(shim, place.directory("copy") / "neuronx-cc")
    (place.directory("link") / "neuronx-cc").symlink_to(shim)
    (place.directory("folder") / "neuronx-cc").mkdir()
    (place.directory("plain") / "neuronx-cc").write_text(STEP)
    os.mkfifo(place.directory("pipe") / "neuronx-cc", 0o755)
    (place.directory("dangling") / "neuronx-cc").symlink_to("/gone")
    place.program(place.directory("the real one") / "neuronx-cc")
    names = ("first", "absent", "copy", "link", "folder", "plain", "pipe", "dangling")
    done = place.run("x", path=place.path(*names, "the real one"))
    assert done.stdout == "<x>"


def test_binary_compilers_are_taken(place: Place) -> None:
    place.shim()
    shutil.copy("/bin/echo", place.directory("real") / "neuronx-cc")
    done = place.run("hello", path=place.path("first", "real"))
    assert (done.stdout, done.stderr.count("\n")) == ("hello\n", 1)


def test_unreadable_compilers_are_taken(place: Place) -> None:
    """The marker cannot be looked for; a shim of ours is always readable."""
    with tempfile.TemporaryDirectory() as folder:  # tmp_path is closed to others
        open_place = Place(Path(folder), place.shell, nobody=True)
        open_place.root.chmod(0o755)
        open_place.shim()
        shutil.copy("/bin/echo", open_place.directory("real") / "neuronx-cc")
        (open_place.root / "real" / "neuronx-cc").chmod(0o111)
        done = open_place.run("hello", path=open_place.path("first", "real"))
    assert (done.stdout, done.stderr.count("\n")) == ("hello\n", 1)


@pytest.mark.parametrize("names", [("first", ""), ("", "first"), ("first", "", "other")])
def test_an_empty_element_of_path_is_the_working_directory(
    place: Place, names: tuple[str, ...]
) -> None:
    place.shim()
    place.program(place.directory("cwd") / "neuronx-cc")
    assert place.run("x", path=place.path(*names)).stdout == "<x>"


@pytest.mark.parametrize("name", ODD)
def test_odd_directories_on_path_are_searched(place: Place, name: str) -> None:
    place.shim()
    place.program(place.directory(name) / "neuronx-cc")
    assert place.run("x", path=place.path("first", name)).stdout == "<x>"


def test_only_shims_on_path_is_a_clear_error(place: Place) -> None:
    shutil.copy(place.shim(), place.directory("copy") / "neuronx-cc")
    done = place.run(path=place.path("first", "copy"))
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr.count("\n") == 1
    assert "no real neuronx-cc" in done.stderr


def test_a_wrapper_that_calls_us_again_is_entered_once(place: Place) -> None:
    place.shim()
    place.program(place.directory("wrapper") / "neuronx-cc", '#!/bin/sh\nexec neuronx-cc w "$@"\n')
    place.program(place.directory("real") / "neuronx-cc")
    done = place.run("x", path=place.path("first", "wrapper", "real") + ":/usr/bin:/bin")
    assert done.stdout == "<w><x>"


def test_a_circle_without_a_compiler_ends(place: Place) -> None:
    place.shim()
    place.program(place.directory("wrapper") / "neuronx-cc", '#!/bin/sh\nexec neuronx-cc "$@"\n')
    done = place.run("x", path=place.path("first", "wrapper") + ":/usr/bin:/bin")
    assert done.returncode == 127


def test_the_named_compiler_comes_first(place: Place) -> None:
    place.shim()
    named = place.program(place.directory("named") / "neuronx-cc")
    place.program(place.directory("real") / "neuronx-cc", "#!/bin/sh\nexit 9\n")
    done = place.run("x", path=place.path("first", "real"), NEFFCACHE_COMPILER=str(named))
    assert done.stdout == "<x>"


@pytest.mark.parametrize("name", [*ODD, "a\nb"])
def test_recorded_gives_back_what_was_rendered(name: str) -> None:
    python, start = f"/p/{name}", f"/s/{name}/start.py"
    text = head.render(python, f"/l/{name}", start)
    assert (head.recorded(text), head.landmark(text)) == ((python, start), f"/l/{name}")


@pytest.mark.parametrize("name", [*ODD, "a\nb", "a=b"])
def test_packages_gives_back_what_was_rendered(name: str) -> None:
    text = head.render("/p/python", "/l/os.py", "/s/start.py", f"/v/{name}")
    assert head.packages(text) == f"/v/{name}"
    assert (head.recorded(text), head.landmark(text)) == (("/p/python", "/s/start.py"), "/l/os.py")


def test_packages_of_a_shim_without_them_is_nothing() -> None:
    assert head.packages(head.render("/p/python", "/l/os.py", "/s/start.py")) == ""


def test_recorded_of_another_file_is_nothing() -> None:
    assert head.recorded("#!/bin/sh\nexec 'unclosed\n") == ("", "")


@pytest.mark.parametrize("name", [*ODD, "a\nb"])
def test_quote_is_one_word(name: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f"printf %s {head.quote(name)}"], capture_output=True, text=True, check=True
    )
    assert done.stdout == name
