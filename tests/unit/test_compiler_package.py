"""Unit: which package a script starts, told from files alone, the same on every host."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from neffcache import files
from neffcache.compiler import package
from neffcache.compiler.identity import Identity
from neffcache.invocation import Bypass
from test_sdk.forms import make_form
from unit.prefixes import DIST, OWN, VERSION, Prefix, make_venv

VENV = Path(sys.executable).parent.parent


def _parts(prefix: Prefix) -> dict[str, str]:
    found = package.examine(str(prefix.script)).parts
    return {label: value.decode() for label, value in found}


def _refusal(prefix: Prefix) -> str:
    with pytest.raises(Bypass) as caught:
        package.examine(str(prefix.script))
    assert caught.value.outcome == "compiler_unidentified"
    return caught.value.detail


@pytest.fixture
def prefix(tmp_path: Path) -> Prefix:
    """An installation beside its own interpreter."""
    return Prefix(tmp_path / "prefix").make()


def test_the_parts_of_a_compiler(prefix: Prefix) -> None:
    assert _parts(prefix) == {
        "compiler": f"neuronx-cc {VERSION}",
        "compiler entry": "neuronxcc.driver.CommandDriver:main",
        "compiler python": "3.11",
        "compiler record": files.digest("\n".join(sorted(OWN)).encode()),
        "compiler requires": (
            f"deeper 7\nislpy-shim 2023.1\nneuronx-cc {VERSION}\nnumpy 1.26.4\nold-thing 0.1"
        ),
    }


def test_what_differs_between_hosts_changes_nothing(prefix: Prefix, tmp_path: Path) -> None:
    differing = (
        "../../../bin/neuronx-cc,sha256=zzz,200",
        "/abs/elsewhere/neuronx-cc,sha256=yyy,1",
        "bin/neuronx-cc,sha256=xxx,1",
        "neuronxcc/__pycache__/__init__.cpython-311.pyc,,",
        f"{DIST}/INSTALLER,sha256=www,4",
        f"{DIST}/direct_url.json,sha256=vvv,99",
    )
    other = Prefix(tmp_path / "other" / "place", more_record=differing).make()
    (other.dist / "direct_url.json").write_text('{"url": "file:///wheel.whl", "archive_info": {}}')
    record = other.dist / "RECORD"
    record.write_bytes(record.read_bytes().replace(b"\n", b"\r\n"))
    assert _parts(other) == _parts(prefix)


@pytest.mark.parametrize("line", OWN)
def test_every_file_of_the_package_counts(prefix: Prefix, line: str) -> None:
    before = _parts(prefix)["compiler record"]
    record = prefix.dist / "RECORD"
    record.write_text(record.read_text().replace(line, line.replace("sha256=", "sha256=x")))
    assert _parts(prefix)["compiler record"] != before


def test_a_further_file_of_the_package_counts(prefix: Prefix, tmp_path: Path) -> None:
    other = Prefix(tmp_path / "other", more_record=("neuronxcc/new.py,sha256=n,1",)).make()
    assert _parts(other)["compiler record"] != _parts(prefix)["compiler record"]


def test_the_version_of_the_interpreter_counts(tmp_path: Path) -> None:
    found = [_parts(Prefix(tmp_path / v, version=v).make()) for v in ("3.10", "3.13")]
    assert [parts["compiler python"] for parts in found] == ["3.10", "3.13"]


def test_the_version_of_a_required_package_counts(prefix: Prefix) -> None:
    os.rename(prefix.site / "numpy-1.26.4.dist-info", prefix.site / "numpy-1.26.5.dist-info")
    assert "numpy 1.26.5" in _parts(prefix)["compiler requires"]


def test_packages_it_does_not_need_change_nothing(prefix: Prefix) -> None:
    before = _parts(prefix)
    shutil.rmtree(prefix.site / "unrelated-1.0.dist-info")
    prefix.add("another-1.0")
    assert _parts(prefix) == before


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("Requires-Dist: numpy", ["numpy"]),
        ("Requires-Dist: numpy<2,>=1.22", ["numpy"]),
        ("Requires-Dist: Some_Thing.More (>=1)", ["some-thing-more"]),
        ("Requires-Dist: a--b__c", ["a-b-c"]),
        ("Requires-Dist: name[one,two]>=1", ["name"]),
        ("Requires-Dist: name@ https://host/name.whl", ["name"]),
        ("Requires-Dist: name ; extra == 'x'", []),
        ("Requires-Dist: name>1; python_version<'3' and extra=='x'", []),
        ("Requires-Dist: name; sys_platform == 'linux'", ["name"]),
        ("Requires: name", []),
        ("Name: x\n\nRequires-Dist: name", []),
    ],
)
def test_required_names(line: str, names: list[str]) -> None:
    assert package.required_names(line.encode()) == names


@pytest.mark.parametrize("site", ["lib/python{version}/dist-packages", "lib/python3/dist-packages"])
def test_the_package_may_lie_where_debian_puts_it(tmp_path: Path, site: str) -> None:
    assert _parts(Prefix(tmp_path / "usr", site_name=site).make())["compiler python"] == "3.11"


def test_the_systems_python_also_looks_below_usr_local() -> None:
    watch = package._Watch()
    package._Prefix("/usr/bin/python3.11", watch)
    looked = {path for path, _state in watch.seen}
    assert "/usr/local/lib/python3.11/dist-packages" in looked
    assert "/usr/lib/python3/dist-packages" in looked


def test_lib64_that_is_a_link_is_no_second_place(prefix: Prefix) -> None:
    before = _parts(prefix)
    (prefix.root / "lib64").symlink_to("lib")
    assert _parts(prefix) == before


def test_a_package_in_lib64_alone_is_found(tmp_path: Path) -> None:
    site = "lib64/python{version}/site-packages"
    assert _parts(Prefix(tmp_path / "p", site_name=site).make())["compiler python"] == "3.11"


def test_a_venv_does_not_look_in_its_base(prefix: Prefix, tmp_path: Path) -> None:
    base = Prefix(tmp_path / "base").make()
    make_venv(prefix, base.root)
    before = _parts(prefix)
    shutil.rmtree(prefix.site / "neuronxcc")
    assert "no neuronxcc in" in _refusal(prefix)
    assert before["compiler"] == f"neuronx-cc {VERSION}"


def test_a_venv_with_system_packages_looks_in_its_base(tmp_path: Path) -> None:
    base = Prefix(tmp_path / "base").make()
    venv = Prefix(tmp_path / "venv").make()
    shutil.rmtree(venv.site)
    venv.site.mkdir()
    make_venv(venv, base.root, "include-system-site-packages = true\n")
    assert _parts(venv) == _parts(base)
    assert package.examine(str(venv.script)).user_site == "3.11"


def test_a_package_in_venv_and_base_is_not_certain(prefix: Prefix, tmp_path: Path) -> None:
    base = Prefix(tmp_path / "base").make()
    make_venv(prefix, base.root, "include-system-site-packages = true\n")
    assert "several neuronxcc" in _refusal(prefix)


@pytest.mark.parametrize("line", ["version = 3.12.4", "version_info = 3.12.4.final.0"])
def test_a_venv_says_its_own_version(tmp_path: Path, line: str) -> None:
    venv = Prefix(tmp_path / "venv", version="3.12").make()
    make_venv(venv, tmp_path / "base", line + "\n")
    (venv.root / "bin" / "python").unlink()
    (venv.root / "bin" / "python").symlink_to(tmp_path / "base" / "bin" / "python3")
    assert _parts(venv)["compiler python"] == "3.12"


def test_an_interpreter_without_a_version_is_not_certain(prefix: Prefix) -> None:
    plain = prefix.root / "bin" / "python"
    plain.touch()
    prefix.write_script(str(plain))
    assert "version cannot be told" in _refusal(prefix)


@pytest.mark.parametrize(
    "text", ['{"dir_info": {"editable": true}}', '{"dir_info":{"editable":1}}']
)
def test_an_editable_install_is_not_certain(prefix: Prefix, text: str) -> None:
    (prefix.dist / "direct_url.json").write_text(text)
    assert "editable" in _refusal(prefix)


def test_a_package_that_is_elsewhere_is_not_certain(prefix: Prefix) -> None:
    shutil.rmtree(prefix.site / "neuronxcc")
    assert "no neuronxcc in" in _refusal(prefix)


def test_a_record_without_the_package_is_not_certain(prefix: Prefix) -> None:
    (prefix.dist / "RECORD").write_text(f"__editable__.pth,sha256=x,1\n{DIST}/RECORD,,\n")
    assert "lists no file" in _refusal(prefix)


def test_two_records_are_not_certain(prefix: Prefix) -> None:
    shutil.copytree(prefix.dist, prefix.site / "neuronx_cc-2.20.0.dist-info")
    assert "2 neuronx_cc-" in _refusal(prefix)


@pytest.mark.parametrize("name", [DIST, f"{DIST}/RECORD", f"{DIST}/METADATA"])
def test_missing_metadata_is_not_certain(prefix: Prefix, name: str) -> None:
    path = prefix.site / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert _refusal(prefix)


@pytest.mark.parametrize("linked", [False, True])
def test_a_package_beside_the_script_would_come_first(
    prefix: Prefix, tmp_path: Path, linked: bool
) -> None:
    """A script's own directory, that of a link to it included, leads its module path."""
    (prefix.root / "bin" / "neuronxcc").mkdir()
    if linked:
        (tmp_path / "link").symlink_to(prefix.script)
    path = tmp_path / "link" if linked else prefix.script
    with pytest.raises(Bypass, match="stands before the installed"):
        package.examine(str(path))


def test_a_link_to_the_script_is_the_same_compiler(prefix: Prefix, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(prefix.script)
    assert (
        package.examine(str(tmp_path / "link")).parts == package.examine(str(prefix.script)).parts
    )


@pytest.mark.parametrize(
    "change",
    [
        "bin/neuronx-cc",
        "bin/python3.11",
        "pyvenv.cfg",
        f"{DIST}/RECORD",
        f"{DIST}/METADATA",
        "site",
    ],
)
def test_everything_that_was_looked_at_is_watched(prefix: Prefix, change: str) -> None:
    identity = package.examine(str(prefix.script))
    assert identity.holds()
    base = prefix.site if change.startswith(DIST) else prefix.root
    if change == "site":
        prefix.add("new-1.0")
    else:
        files.publish(str(base / change), b"changed")
    assert not identity.holds()


@pytest.mark.parametrize("line", ["{d}", "../../../../away", "{d}  "])
def test_a_package_that_a_pth_file_adds_is_found(prefix: Prefix, tmp_path: Path, line: str) -> None:
    before = _parts(prefix)["compiler record"]
    shutil.move(prefix.site / "neuronxcc", tmp_path / "away" / "neuronxcc")
    shutil.move(prefix.dist, tmp_path / "away" / DIST)
    text = "# comment\nimport nothing\n\n" + line.format(d=tmp_path / "away") + "\n/nonexistent\n"
    (prefix.site / "x.pth").write_text(text)
    assert _parts(prefix)["compiler record"] == before
    (prefix.site / "x.pth").write_text(f"# {tmp_path / 'away'}\n")
    assert "no neuronxcc in" in _refusal(prefix)


def test_a_second_package_that_a_pth_file_adds_is_not_certain(
    prefix: Prefix, tmp_path: Path
) -> None:
    prefix.package(tmp_path / "away")
    (prefix.site / "x.pth").write_text(f"{tmp_path / 'away'}\n")
    assert "several neuronxcc" in _refusal(prefix)


def _form(kind: str, where: Path) -> Identity:
    return package.examine(str(make_form(kind, where, VENV)))


@pytest.mark.parametrize("kind", ["conda", "polyglot", "prefix"])
def test_every_form_of_one_package_is_the_same_compiler(tmp_path: Path, kind: str) -> None:
    assert _form(kind, tmp_path / "one").parts == _form("other-venv", tmp_path / "two").parts


@pytest.mark.parametrize("kind", ["editable", "probe"])
def test_a_form_that_hides_its_package_is_not_certain(tmp_path: Path, kind: str) -> None:
    with pytest.raises(Bypass):
        _form(kind, tmp_path / "one")
