"""A broken client of the Hub, or one that says what it should not: nothing is lost."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from entries import key_of, settings
from hub.peer import Peer
from neffcache import processes, remote
from neffcache.cli import hub_call
from story.hub_uploads import REPO, HubUploads

SECRET = "hf_aSecretThatNobodyIsToSee"
PACKAGES = sysconfig.get_path("purelib")
# The real one, where it is not as it should be.
REAL = f"""
import sys
sys.path.append({PACKAGES!r})
__path__ = [{PACKAGES + "/huggingface_hub"!r}]
"""
REST = (
    f"exec(compile(open({PACKAGES + '/huggingface_hub/__init__.py'!r}).read(), __file__, 'exec'))"
)
# What importing it does.
BROKEN = {
    "raises": f"raise RuntimeError('no {SECRET} here')",
    "ends": "raise SystemExit(0)",
    "dies": "os._exit(0)",
    "says that all is sent": "os.write(1, b'sent %s\\n' % KEY); os._exit(0)",
    "says that all is refused": "os.write(1, b'refused %s why\\n' % KEY); os._exit(0)",
    "says something": "os.write(1, b'Warning: something ../../x\\n'); os._exit(0)",
    "says that it is there": "os.write(1, b'done\\ngood\\n'); os._exit(0)",
    "is empty": "",
    "cannot import": f"raise ImportError('{SECRET}')",
    "lacks what it needs": f"{REAL}sys.modules['httpx2'] = None\n{REST}",
    "is ancient": "import types; sys.modules[__name__ + '.utils'] = types.ModuleType('utils')",
    "was patched": f"""{REAL}
{REST}
from huggingface_hub import utils
def fail(*args, **more):
    raise ValueError('{SECRET}')
utils.get_session = fail
""",
}
WORDS = {
    "is empty": "huggingface_hub cannot be loaded",
    "lacks what it needs": "huggingface_hub cannot be loaded (no httpx2); install it anew",
    "is ancient": "huggingface_hub is not of a version that is known",
    "cannot import": "huggingface_hub cannot be loaded (ImportError)",
}
Break = Callable[..., None]


@pytest.fixture
def host(tmp_path: Path, hub: Peer) -> Iterator[HubUploads]:
    hub.create(REPO)
    made = HubUploads(tmp_path, hub)
    yield made
    made.end()


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Break:
    """Have our processes find this code as a package of this name."""

    def made(code: str, name: str = "huggingface_hub") -> None:
        package = tmp_path / "packages" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(
            f"import os, sys\nKEY = {key_of('a').encode()!r}\n{code}\n"
        )
        monkeypatch.setitem(sys._xoptions, "neffcache", str(package.parent))

    return made


@pytest.mark.parametrize("how", sorted(BROKEN))
def test_what_waits_for_it_waits_on(host: HubUploads, install: Break, how: str) -> None:
    install(BROKEN[how])
    host.queue("a")
    done = host.flush(None)
    assert (done.sent, done.dead, [one.keys for one in done.left]) == (0, [], [[key_of("a")]])
    assert done.left[0].failing
    assert SECRET not in done.left[0].reason
    assert WORDS.get(how, "") in done.left[0].reason


@pytest.mark.parametrize("how", sorted(BROKEN))
def test_a_compile_that_asks_is_told_and_goes_on(
    host: HubUploads, install: Break, tmp_path: Path, how: str
) -> None:
    install(BROKEN[how])
    (tmp_path / "into").touch()
    url = f"hf://{REPO}?endpoint={host.hub.url}"
    argv = processes.python("neffcache.cache.helper", key_of("a"), url, str(tmp_path / "into"))
    helper = processes.Helper(argv, host.environ)
    lines: list[str] = []
    while (line := helper.line(60)) is not None:
        lines.append(line)
    helper.stop()
    assert [line.partition(" ")[0] for line in lines] in ([], ["failed"])
    assert SECRET not in "".join(lines)
    assert WORDS.get(how, "") in "".join(lines)


@pytest.mark.parametrize("how", sorted(BROKEN))
def test_a_command_that_asks_says_so_in_one_line(
    host: HubUploads, install: Break, how: str
) -> None:
    install(BROKEN[how])
    spec = remote.parse(f"hf://{REPO}?endpoint={host.hub.url}")
    facts: dict[str, str] = {}
    word, why = hub_call.answer("look", spec, "write", (settings(), host.environ, facts))
    assert (word, facts.keys() <= {"endpoint"}) == ("failed", True)
    assert why
    assert SECRET not in why
    assert WORDS.get(how, "") in why


@pytest.mark.parametrize(
    "code", ["raise RuntimeError('no')", "raise ImportError('no')", "", "raise OSError(5, 'no')"]
)
def test_without_a_working_xet_it_goes_by_lfs(host: HubUploads, install: Break, code: str) -> None:
    install(code, "hf_xet")
    install(REAL + REST)
    host.set(hub_no_xet="")
    host.queue("a")
    assert host.flush().left == []
    assert host.arrived(["a"])
    assert host.asked("/info/lfs/objects/batch")
