"""Offering an entry: only successful ones of our own, and exactly the bytes that were checked."""

from __future__ import annotations

import hashlib
import json
import os
import posix
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import entries
from graphs import zoo
from natives import ENTRY, contents, write
from neffcache.cache import natives
from neffcache.errors import EntryError
from neffcache.native import names
from neffcache.store.local import Store
from unit import makers


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return entries.make_store(tmp_path / "store")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "native cache"


@contextmanager
def offered(root: Path, store: Store, hlo: bool = False) -> Iterator[dict[str, bytes]]:
    """What an offer would push, by name below the entry."""
    made = natives.offer(str(root), ENTRY, store, hlo)
    try:
        yield {
            one.name.removeprefix(f"{ENTRY}/"): Path(one.path).read_bytes() for one in made.objects
        }
    finally:
        made.close()


def stated(root: Path, store: Store, hlo: bool = False) -> dict[str, Any]:
    """The manifest of an offer."""
    with offered(root, store, hlo) as found:
        made: dict[str, Any] = json.loads(found[names.MANIFEST])
        return made


def refusal(root: Path, store: Store) -> str:
    with pytest.raises(EntryError) as caught:
        natives.offer(str(root), ENTRY, store)
    return str(caught.value)


def test_graph_stays_at_home_unless_asked(root: Path, store: Store) -> None:
    write(root)
    plain = {names.FLAGS, names.NEFF, names.DONE, names.MANIFEST}
    with offered(root, store) as found:
        assert found.keys() == plain
    with offered(root, store, hlo=True) as found:
        assert found.keys() == plain | {names.HLO}


@pytest.mark.parametrize("hlo", [False, True])
def test_check_of_the_graph_is_stated_wherever_the_graph_is(
    root: Path, store: Store, hlo: bool
) -> None:
    write(root)
    assert stated(root, store, hlo=hlo)["check"] == "plain"
    write(root, files=contents(model__hlo_module__pb=None))
    (root / ENTRY / names.HLO).write_bytes(zoo.graph("neuron_torch"))
    assert stated(root, store, hlo=hlo)["check"] == "names"


@pytest.mark.parametrize("missing", [names.HLO, names.FLAGS])
def test_entry_without_graph_or_flags_is_stated_as_unchecked(
    root: Path, store: Store, missing: str
) -> None:
    (write(root) / missing).unlink()
    assert stated(root, store)["check"] == "unchecked"


def test_flags_that_tell_of_directories_stay_at_home_unless_asked(root: Path, store: Store) -> None:
    write(root, files=contents(compile_flags__json=b'["--logfile=/home/alice/secret/log"]'))
    made = stated(root, store)
    assert (names.FLAGS in made["files"], made["check"]) == (False, "plain")
    assert "secret" not in json.dumps(made)
    assert names.FLAGS in stated(root, store, hlo=True)["files"]


def test_manifest_holds_size_and_digest_of_every_file(root: Path, store: Store) -> None:
    write(root)
    with offered(root, store, hlo=True) as found:
        made = json.loads(found.pop(names.MANIFEST))
        assert made["entry"] == ENTRY
        assert made["files"] == {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in found.items()
        }


def test_no_object_goes_beside_the_neff_of_another_compile(root: Path, store: Store) -> None:
    write(root)
    made = natives.offer(str(root), ENTRY, store)
    made.close()
    assert {one.unless for one in made.objects} == {f"{ENTRY}/{names.NEFF}"}


def test_lock_and_log_are_never_offered(root: Path, store: Store) -> None:
    write(root, files=contents(model__log=b"an older failure", other__txt=b"whatever"))
    with offered(root, store, hlo=True) as found:
        assert found.keys() == {
            names.HLO, names.FLAGS, names.NEFF, names.DONE, names.MANIFEST,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"model__neff": None, "model__log": b"x"}, "failed"),
        ({"model__hlo_module__pb__lock": b""}, "lock"),
        ({"model__done": None}, "not complete"),
        ({"model__done": None, "model__hlo__pb": b"x"}, "2.12"),
        ({"model__done": b"x"}, "model.done is not empty"),
        ({"model__neff": makers.neff()[:-30]}, "model.neff is not complete"),
        ({"wrapped_neff__hlo": b"wrapper of " + makers.neff(uuid=b"v" * 16)}, "another NEFF"),
    ],
)
def test_entry_that_is_not_a_success_is_refused(
    root: Path, store: Store, change: dict[str, bytes | None], why: str
) -> None:
    write(root, files=contents(**change))
    assert why in refusal(root, store)


def test_wrapper_of_this_neff_is_offered(root: Path, store: Store) -> None:
    write(root, files=contents(wrapped_neff__hlo=b"wrapper of " + makers.neff() + b"!"))
    with offered(root, store) as found:
        assert names.WRAPPED in found


@pytest.mark.parametrize(
    "part", ["", ENTRY.partition("/")[0], ENTRY, f"{ENTRY}/model.neff", f"{ENTRY}/model.done"]
)
def test_what_others_may_write_is_refused(root: Path, store: Store, part: str) -> None:
    write(root)
    path = root / part
    path.chmod(path.stat().st_mode | 0o002)
    assert "may be written by others" in refusal(root, store)


def test_what_a_group_of_others_may_write_is_refused(root: Path, store: Store) -> None:
    path = write(root) / names.NEFF
    path.chmod(0o664)
    if os.geteuid() == 0:
        os.chown(path, -1, 12345)
        assert "may be written by others" in refusal(root, store)
    path.chmod(0o640)
    with offered(root, store) as found:
        assert names.NEFF in found


def test_shared_directory_in_which_nobody_can_touch_others_files_will_do(
    root: Path, store: Store
) -> None:
    write(root)
    root.chmod(0o1777)
    with offered(root, store) as found:
        assert found


def test_entry_of_another_user_is_refused(
    root: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root)
    mine = os.geteuid()
    monkeypatch.setattr(posix, "geteuid", lambda: mine + 1)
    assert f"belongs to uid {mine}" in refusal(root, store)


@pytest.mark.parametrize("name", [names.NEFF, names.HLO, names.DONE])
def test_link_is_refused(root: Path, store: Store, tmp_path: Path, name: str) -> None:
    path = write(root) / name
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert "is a link" in refusal(root, store)


@pytest.mark.parametrize("part", [ENTRY.partition("/")[0], ENTRY])
def test_link_to_a_directory_is_refused(
    root: Path, store: Store, tmp_path: Path, part: str
) -> None:
    write(root)
    (root / part).rename(tmp_path / "elsewhere")
    (root / part).symlink_to(tmp_path / "elsewhere")
    assert "is a link" in refusal(root, store)


def test_root_may_be_a_link(root: Path, store: Store, tmp_path: Path) -> None:
    write(tmp_path / "large disk")
    root.symlink_to(tmp_path / "large disk")
    with offered(root, store) as found:
        assert found


def test_pipe_in_the_place_of_a_file_is_refused(root: Path, store: Store) -> None:
    path = write(root) / names.NEFF
    path.unlink()
    os.mkfifo(path)
    assert "not a regular file" in refusal(root, store)


def test_name_that_leads_elsewhere_is_refused(root: Path, store: Store) -> None:
    with pytest.raises(EntryError, match="not an entry"):
        natives.offer(str(root), "../" + ENTRY, store)


def test_missing_entry_is_not_found(root: Path, store: Store) -> None:
    write(root)
    with pytest.raises(FileNotFoundError):
        natives.offer(str(root), ENTRY + "1", store)


@pytest.mark.parametrize("how", ["renamed", "removed"])
def test_what_comes_in_the_place_of_a_file_is_not_what_is_pushed(
    root: Path, store: Store, how: str
) -> None:
    path = write(root) / names.NEFF
    made = natives.offer(str(root), ENTRY, store)
    (root / "new").write_bytes(makers.neff(uuid=b"n" * 16))
    path.unlink() if how == "removed" else (root / "new").rename(path)
    (neff,) = [one for one in made.objects if one.name.endswith(names.NEFF)]
    assert Path(neff.path).read_bytes() == makers.neff()
    made.close()


def test_file_that_changes_while_it_is_read_is_refused(root: Path, store: Store) -> None:
    path = write(root) / names.NEFF

    def meddle() -> None:
        os.utime(path, (0, 0))

    with pytest.raises(EntryError, match=r"model\.neff changed"):
        natives.offer(str(root), ENTRY, store, tick=meddle)


@pytest.mark.parametrize("change", [{}, {"model__done": b"x"}])
def test_every_descriptor_is_given_back(
    root: Path, store: Store, change: dict[str, bytes | None]
) -> None:
    write(root, files=contents(**change))
    before = makers.open_files()
    try:
        natives.offer(str(root), ENTRY, store).close()
    except EntryError:
        assert change
    assert makers.open_files() == before


def test_graph_tells_whether_the_neff_may_hold_weights(root: Path, store: Store) -> None:
    write(root)
    assert stated(root, store)["may_hold_weights"] is False
    (root / ENTRY / names.HLO).unlink()
    assert stated(root, store)["may_hold_weights"] is True


def test_bundle_tells_whether_its_neff_may_hold_weights(root: Path, store: Store) -> None:
    write(root)
    entries.put(store, entries.key_of("a compile"), makers.neff())
    assert stated(root, store)["may_hold_weights"] is True  # its manifest does not say


def test_every_object_of_an_entry_is_as_secret_as_its_neff(root: Path, store: Store) -> None:
    (write(root) / names.HLO).unlink()
    made = natives.offer(str(root), ENTRY, store)
    made.close()
    assert all(one.weights for one in made.objects)


def test_what_is_said_of_the_check_tells_no_directory_of_this_host(
    root: Path, store: Store
) -> None:
    write(root, files=contents(compile_flags__json=b'["--tfpb=/home/alice/secret-project/g.pb"]'))
    with offered(root, store) as found:
        made = json.loads(found[names.MANIFEST])
        assert (made["check"], made["may_hold_weights"]) == ("names", True)
        assert not [name for name, data in found.items() if b"secret-project" in data]
