"""Custom calls in MLIR text: files' content in the key, their paths out of it, or no key at all."""

from __future__ import annotations

import pytest

from neffcache.graph import mlir_calls, mlir_text
from neffcache.graph.mlir_text import Digest
from neffcache.graph.source import Source
from neffcache.invocation import Bypass

PRETTY = """module @nki {
  func.func public @main(%arg0: tensor<3xf32>) -> tensor<3xf32> {
    %0 = stablehlo.custom_call @AwsNeuronCustomNativeKernel(%arg0) {api_version = 2 : i32, \
backend_config = "CONFIG", x.y = "}("} : (tensor<3xf32>) -> tensor<3xf32> loc(#loc)
    return %0 : tensor<3xf32> loc("AwsNeuronCustomNativeKernel")
  }
}
#loc = loc("jit(f)/AwsNeuronCustomOp")
"""
GENERIC = """module @nki {
    %0 = "stablehlo.custom_call"(%arg0) <{backend_config = "CONFIG", \
call_target_name = "AwsNeuronCustomNativeKernel"}> {x.y = "}("} : (tensor<3xf32>) -> tensor<3xf32>
}
"""


class Files:
    """Stands for the files that calls name: what they say, by the last part of their path."""

    def __init__(self, **contents: str) -> None:
        self.contents = contents
        self.asked: list[tuple[bytes, bytes]] = []

    def __call__(self, target: bytes, config: bytes) -> bytes | None:
        if target == b"custom_call":  # any other string in a text with calls
            if config.startswith(b"/"):
                raise Bypass("graph_custom_code", "names a file")
            return None
        self.asked.append((target, config))
        name = config.decode().rpartition("/")[2]
        if name == "none":
            return None
        if name not in self.contents:
            raise Bypass("graph_custom_code", f"{name} is not there")
        return self.contents[name].encode()


def digest(text: str, files: Files | None = None, level: str = "strict") -> Digest:
    return mlir_text.digest(Source.of(text.encode()), level, files)


@pytest.mark.parametrize("form", [PRETTY, GENERIC])
def test_the_path_of_a_kernel_does_not_count(form: str) -> None:
    files = Files(k="kernel")
    one, other = (digest(form.replace("CONFIG", path), files) for path in ("/tmp/a/k", "/b/k"))
    assert files.asked[0] == (b"AwsNeuronCustomNativeKernel", b"/tmp/a/k")
    assert (one.level, one.outside, one.reasons) == ("strict", True, ())
    assert one.hexdigest == other.hexdigest


@pytest.mark.parametrize("level", ["strict", "raw"])
@pytest.mark.parametrize("form", [PRETTY, GENERIC])
def test_the_content_of_a_kernel_counts(form: str, level: str) -> None:
    text = form.replace("CONFIG", "/a/k")
    found = {digest(text, Files(k=content), level).hexdigest for content in ("one", "two")}
    assert len(found) == 2


def test_each_call_has_its_own_content() -> None:
    line = PRETTY.splitlines()[2]
    twice = PRETTY.replace(line, f"{line}\n{line}")
    texts = [
        twice.replace("CONFIG", first, 1).replace("CONFIG", second)
        for first, second in (("/a/k", "/a/l"), ("/a/l", "/a/k"))
    ]
    found = {digest(text, Files(k="one", l="two")).hexdigest for text in texts}
    assert len(found) == 2


def test_a_configuration_without_files_stays_as_it_is() -> None:
    text = PRETTY.replace("CONFIG", "none")
    found = digest(text, Files())
    assert (found.level, found.outside) == ("strict", False)
    assert found.hexdigest != digest(text.replace("none", "x/none"), Files()).hexdigest


def test_escapes_in_a_configuration_are_undone() -> None:
    files = Files(k="kernel")
    digest(PRETTY.replace("CONFIG", r"{\22p\22: \\, \"\n\t\0A\C3\A9/k"), files)
    assert files.asked[0][1] == '{"p": \\, "\n\t\né/k'.encode()


def test_the_name_in_a_location_is_nobodys_call() -> None:
    text = PRETTY.replace("@AwsNeuronCustomNativeKernel", "@Sharding")
    assert digest(text).level == "strict"


ODD = {
    "nobody to ask": PRETTY,
    "broken over lines": PRETTY.replace("{api", "{\napi"),
    "no configuration": PRETTY.replace('backend_config = "CONFIG"', "a = 1"),
    "two configurations": PRETTY.replace("x.y =", 'backend_config = "CONFIG", x.y ='),
    "a configuration that is no string": PRETTY.replace('"CONFIG"', '{k = "CONFIG"}'),
    "a configuration within another": PRETTY.replace(
        'backend_config = "CONFIG"', 'x = {backend_config = "CONFIG"}'
    ),
    "another attribute's name": PRETTY.replace("backend_config", "x.backend_config"),
    "a function of that name": PRETTY.replace("stablehlo.custom_call", "call"),
    "two calls on a line": PRETTY.replace(" loc(#loc)\n", " %9 = custom_call @Other()\n"),
    "a longer name": PRETTY.replace("@Aws", "@MyAws"),
    "a name in quotes": PRETTY.replace("@AwsNeuronCustomNativeKernel", '@"AwsNeuronCustomOp"'),
    "in another string": PRETTY.replace('"}("', '"AwsNeuronCustomOp"'),
    "in a comment": PRETTY + "// AwsNeuronCustomOp\n",
    "in a text with a doubt": PRETTY + "x //\n",
    "an escape that is unknown": PRETTY.replace("CONFIG", r"\q"),
    "a hidden letter": PRETTY.replace("@AwsNeuronCustomNativeKernel", r'@"\41wsNeuronCustomOp"'),
    "a missing file": PRETTY.replace("CONFIG", "/a/missing"),
}  # fmt: skip


@pytest.mark.parametrize("level", ["strict", "raw"])
@pytest.mark.parametrize("what", ODD)
def test_a_call_that_is_not_understood_has_no_key(what: str, level: str) -> None:
    files = None if what == "nobody to ask" else Files(k="kernel")
    with pytest.raises(Bypass) as caught:
        digest(ODD[what].replace("CONFIG", "/a/k"), files, level)
    assert caught.value.outcome == "graph_custom_code"


OTHER = PRETTY.replace("AwsNeuronCustomNativeKernel", "Sharding").replace("NeuronCustomOp", "")


@pytest.mark.parametrize("level", ["strict", "raw"])
def test_another_call_that_names_a_file_has_no_key(level: str) -> None:
    for config in ("/a/k", r"\2Fa/k"):
        with pytest.raises(Bypass, match="names a file"):
            digest(OTHER.replace("CONFIG", config), Files(), level)


def test_another_call_without_a_file_is_no_matter() -> None:
    found = digest(OTHER.replace("CONFIG", "{a/b}"), Files())
    assert (found.level, found.reasons) == ("strict", ())


def test_a_configuration_on_another_line_counts_too() -> None:
    with pytest.raises(Bypass, match="names a file"):
        digest(OTHER.replace("{api", "{\napi").replace("CONFIG", "/a/k"), Files())


def test_a_path_without_any_call_is_no_matter() -> None:
    text = OTHER.replace("custom_call", "other").replace("CONFIG", "/a/k")
    assert digest(text, Files()).level == "strict"


def test_a_doubtful_text_with_a_call_has_no_key() -> None:
    assert digest(OTHER.replace("custom_call", "other") + "x //\n", Files()).level == "raw"
    with pytest.raises(Bypass, match="a comment"):
        digest(OTHER + "x //\n", Files())


@pytest.mark.parametrize(("string", "fine"), [("0xAB", True), ("/tmp", False), ("abc", False)])
def test_a_long_string_beside_a_call(
    string: str, fine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlir_text, "_LONG", 1000)
    monkeypatch.setattr("neffcache.files.CHUNK", 500)
    text = OTHER + f'  %c = constant dense<"{string * 1000}"> : tensor<9xf32> loc(#loc)\n'
    assert digest(text.replace("custom_call", "other"), Files()).level == "strict"
    if fine:
        assert digest(text, Files()).level == "strict"
    else:
        with pytest.raises(Bypass, match="too long"):
            digest(text, Files())


def test_the_watch_sees_a_name_in_any_parts() -> None:
    text = b"x" * 20 + b"AwsNeuronCustom" + b"y" * 20 + b"AwsNeuronCustomOp"
    for size in range(1, 40):
        watch = mlir_calls.Watch()
        for at in range(0, len(text), size):
            watch.feed(text[at : at + size])
        assert (watch.count, watch.hiding) == (2, False)


@pytest.mark.parametrize("escape", [b"\\41", b"\\6e", b"\\6E"])
def test_the_watch_sees_a_hidden_letter_in_any_parts(escape: bytes) -> None:
    for size in range(1, 8):
        watch = mlir_calls.Watch()
        text = b"abcde" + escape + b"fg"
        for at in range(0, len(text), size):
            watch.feed(text[at : at + size])
        assert watch.hiding


def test_the_watch_leaves_other_escapes_alone() -> None:
    watch = mlir_calls.Watch()
    watch.feed(b'"\\22x\\22 \\\\ \\0A"')
    assert (watch.count, watch.hiding) == (0, False)
