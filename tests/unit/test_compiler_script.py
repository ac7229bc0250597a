"""Unit: console scripts, as every installer writes them; and what is not one."""

from __future__ import annotations

from pathlib import Path

import pytest

from neffcache.compiler.script import Script
from neffcache.invocation import Bypass

MODULE = "neuronxcc.driver.CommandDriver"
IMPORT = f"from {MODULE} import main\n"
CODING = "# -*- coding: utf-8 -*-\n"
MAIN = "if __name__ == '__main__':\n"
RUN = "    sys.exit(main())\n"

# The body behind the first line, by who writes it.
BODIES = {
    "pip before 25.1, distlib": (
        f"{CODING}import re\nimport sys\n{IMPORT}{MAIN}"
        r"    sys.argv[0] = re.sub(r'(-script\.pyw|\.exe)?$', '', sys.argv[0])"
        f"\n{RUN}"
    ),
    "older pip and distlib, conda noarch": (
        f"{CODING}import re\nimport sys\n\n{IMPORT}\n{MAIN}"
        r"    sys.argv[0] = re.sub(r'(-script\.pyw?|\.exe)?$', '', sys.argv[0])"
        f"\n{RUN}"
    ),
    "pip 25": (
        f"import sys\n{IMPORT}{MAIN}    if sys.argv[0].endswith('.exe'):\n"
        f"        sys.argv[0] = sys.argv[0][:-4]\n{RUN}"
    ),
    "pip 26": (
        f"import sys\n{IMPORT}{MAIN}    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n{RUN}"
    ),
    "uv": (
        f'{CODING}import sys\n{IMPORT}if __name__ == "__main__":\n'
        '    if sys.argv[0].endswith("-script.pyw"):\n        sys.argv[0] = sys.argv[0][:-11]\n'
        '    elif sys.argv[0].endswith(".exe"):\n        sys.argv[0] = sys.argv[0][:-4]\n'
        f"{RUN}"
    ),
    "installer, poetry": (
        f'{CODING}import re\nimport sys\n{IMPORT}if __name__ == "__main__":\n'
        r'    sys.argv[0] = re.sub(r"(-script\.pyw|\.exe)?$", "", sys.argv[0])'
        f"\n{RUN}"
    ),
    "conda-build": f"{MAIN}    import sys\n    {IMPORT}\n{RUN}",
}
# The first lines, and the interpreter that they name.
HEADS = {
    "#!/opt/venv/bin/python\n": "/opt/venv/bin/python",
    "#!/opt/venv/bin/python3.11\n": "/opt/venv/bin/python3.11",
    "#! /opt/venv/bin/python3\n": "/opt/venv/bin/python3",
    "#!/bin/sh\n'''exec' /very/long/bin/python3 \"$0\" \"$@\"\n' '''\n": "/very/long/bin/python3",
    "#!/bin/sh\n'''exec' \"/a b/bin/python\" \"$0\" \"$@\"\n' '''\n": "/a b/bin/python",
    "#!/bin/sh\n'''exec' '/a b/bin/python' \"$0\" \"$@\"\n' '''\n": "/a b/bin/python",
}  # fmt: skip
PYTHON = "#!/opt/venv/bin/python\n"
PIP = BODIES["pip 26"]


def _script(path: Path, text: str | bytes) -> str:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("writer", BODIES)
def test_a_console_script_is_read(tmp_path: Path, head: str, writer: str) -> None:
    found = Script.read(_script(tmp_path / "neuronx-cc", head + BODIES[writer]))
    assert found.interpreter == HEADS[head]
    assert found.entry == f"{MODULE}:main"


@pytest.mark.parametrize("module", ["neuronxcc", "neuronxcc.a_b", "neuronxcc.driver.CommandDriver"])
def test_the_entry_is_the_module_of_the_script(tmp_path: Path, module: str) -> None:
    text = PYTHON + PIP.replace(MODULE, module)
    assert Script.read(_script(tmp_path / "x", text)).entry == f"{module}:main"


# What is not a plain console script, and a word that says why.
ODD: dict[str, tuple[str | bytes, str]] = {
    "env": ("#!/usr/bin/env python3\n" + PIP, "not run by a Python"),
    "interpreter options": ("#!/usr/bin/python3 -E\n" + PIP, "not run by a Python"),
    "relative interpreter": ("#!python3\n" + PIP, "not run by a Python"),
    "no interpreter": ("#!\n" + PIP, "not run by a Python"),
    "another interpreter": ("#!/usr/bin/pypy3\n" + PIP, "not run by a Python"),
    "no first line": (PIP, "not a script"),
    "empty": ("", "not a script"),
    "binary": (b"\x7fELF\x02\x01\x01\0\xff\xfe", "not a script"),
    "text that is no program": ("hello\n", "not a script"),
    "sh wrapper": ('#!/bin/sh\nexec /opt/real/neuronx-cc "$@"\n', "not run by a Python"),
    "bash wrapper": ('#!/bin/bash\nexec /opt/real/neuronx-cc "$@"\n', "not run by a Python"),
    "uv relocatable": (
        '#!/bin/sh\n\'\'\'exec\' "$(dirname -- "$(realpath -- "$0")")"/\'python\' "$0" "$@"\n'
        "' '''\n" + PIP,
        "unknown way",
    ),
    "sh with more options": (
        "#!/bin/sh\n'''exec' /opt/python -E \"$0\" \"$@\"\n' '''\n" + PIP,
        "unknown way",
    ),
    "sh with a relative python": (
        "#!/bin/sh\n'''exec' bin/python \"$0\" \"$@\"\n' '''\n" + PIP,
        "unknown way",
    ),
    "sh that does more": (
        "#!/bin/sh\n'''exec' /opt/python \"$0\" \"$@\"\n' '''; import other\n" + PIP,
        "unknown way",
    ),
    "sh cut off": ("#!/bin/sh\n'''exec' /opt/python \"$0\" \"$@\"", "not run by a Python"),
    "one more line": (PYTHON + PIP.replace(RUN, "    import os\n" + RUN), "import os"),
    "one more statement": (PYTHON + PIP.replace(RUN, "    main(); " + RUN.strip()), "main()"),
    "a changed argument": (
        PYTHON + PIP.replace(RUN, "    sys.argv.append('-O1')\n" + RUN),
        "sys.argv.append",
    ),
    "two imports": (PYTHON + PIP.replace(IMPORT, IMPORT * 2), "not a plain console script"),
    "another package": (PYTHON + PIP.replace(MODULE, "otherpackage.cli"), "otherpackage"),
    "a package with a longer name": (PYTHON + PIP.replace(MODULE, "neuronxccx.cli"), "neuronxccx"),
    "another function": (PYTHON + PIP.replace("main", "run"), "import run"),
    "two names": (PYTHON + PIP.replace("import main", "import x, main"), "import x, main"),
    "an odd module": (PYTHON + PIP.replace(MODULE, "neuronxcc.a;b"), "not a console script"),
    "nothing imported": (PYTHON + PIP.replace(IMPORT, ""), "not a console script of neuronxcc"),
    "setuptools, develop": (
        PYTHON + "# EASY-INSTALL-ENTRY-SCRIPT: 'neuronx-cc','console_scripts','neuronx-cc'\n"
        "__requires__ = 'neuronx-cc'\nimport re\nimport sys\n"
        "from pkg_resources import load_entry_point\n",
        "EASY-INSTALL",
    ),
    "setuptools, importlib": (
        PYTHON + "import re\nimport sys\n\n# for compatibility with easy_install; see #2198\n",
        "for compatibility",
    ),
}


@pytest.mark.parametrize("kind", ODD)
def test_anything_else_is_refused_and_says_why(tmp_path: Path, kind: str) -> None:
    text, why = ODD[kind]
    path = _script(tmp_path / "neuronx-cc", text)
    with pytest.raises(Bypass) as caught:
        Script.read(path)
    assert caught.value.outcome == "compiler_unidentified"
    assert caught.value.detail.startswith(path)
    assert why in caught.value.detail


def test_a_large_program_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="larger than"):
        Script.read(_script(tmp_path / "x", PYTHON + PIP + "\n" * 70_000))


def test_no_line_of_a_console_script_may_be_another(tmp_path: Path) -> None:
    """Each character of the body in turn: refused, or the entry or layout says what changed."""
    body = BODIES["pip before 25.1, distlib"]
    good = Script.read(_script(tmp_path / "x", PYTHON + body)).entry
    for at, char in enumerate(body):
        if char in " \n" or MODULE in body[max(0, at - len(MODULE)) : at + len(MODULE)]:
            continue
        with pytest.raises(Bypass):
            Script.read(_script(tmp_path / "x", f"{PYTHON}{body[:at]}~{body[at + 1 :]}"))
    assert good == f"{MODULE}:main"
