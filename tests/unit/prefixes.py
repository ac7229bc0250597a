"""Installations of a compiler as its files lie on disk, small, with nothing in them that runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

VERSION = "2.21.33363.0+82129205"
DIST = f"neuronx_cc-{VERSION}.dist-info"
OWN = (
    "neuronxcc/__init__.py,sha256=aaa,10",
    "neuronxcc/driver/CommandDriver.py,sha256=bbb,20",
    'neuronxcc/"odd, name".py,sha256=ccc,30',
    "neuronxcc/starfish/bin/walrus_driver,sha256=ddd,40",
    "neuronxcc/libwalrus.so,sha256=eee,50",
)
METADATA = (
    "Metadata-Version: 2.1\nName: neuronx-cc\nRequires-Dist: numpy<2,>=1.22\n"
    "Requires-Dist: Islpy_Shim[fast] (==2023.1)\nRequires-Dist: missing\n"
    'Requires-Dist: pytest; extra == "dev"\n'
    'Requires-Dist: old-thing ; python_version < "3.12"\n\nRequires-Dist: text-only\n'
)
SCRIPT = (
    "#!{python}\nimport sys\nfrom neuronxcc.driver.CommandDriver import main\n"
    "if __name__ == '__main__':\n    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n"
    "    sys.exit(main())\n"
)


@dataclass
class Prefix:
    """An installation below `root`; the base interpreter is a file beside it."""

    root: Path
    version: str = "3.11"
    site_name: str = "lib/python{version}/site-packages"
    more_record: tuple[str, ...] = ()

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return self.root / self.site_name.format(version=self.version)

    @property
    def dist(self) -> Path:
        """The compiler's metadata."""
        return self.site / DIST

    @property
    def python(self) -> Path:
        """The interpreter that its script names."""
        return self.root / "bin" / f"python{self.version}"

    @property
    def script(self) -> Path:
        """Its neuronx-cc."""
        return self.root / "bin" / "neuronx-cc"

    def make(self) -> Prefix:
        """Write it all."""
        self.python.parent.mkdir(parents=True, exist_ok=True)
        self.python.touch()
        self.write_script(str(self.python))
        self.package(self.site)
        (self.dist / "METADATA").write_text(METADATA)
        for name in ("numpy-1.26.4", "islpy_shim-2023.1", "unrelated-1.0", "pytest-9.0"):
            self.add(name)
        self.add("old_thing-0.1", "Requires-Dist: numpy\nRequires-Dist: deeper\n")
        self.add("Deeper-7", "Requires-Dist: neuronx-cc\n")
        self.add("text_only-3")
        return self

    def package(self, site: Path) -> None:
        """The compiler's package in a site-packages directory."""
        (site / "neuronxcc").mkdir(parents=True, exist_ok=True)
        (site / DIST).mkdir(exist_ok=True)
        lines = sorted((*OWN, *self.more_record, f"{DIST}/RECORD,,"))
        (site / DIST / "RECORD").write_text("\n".join(lines) + "\n")
        (site / DIST / "METADATA").write_text("Name: neuronx-cc\n")

    def add(self, name: str, requires: str = "") -> None:
        """The metadata of a further package, "name-version"."""
        folder = self.site / f"{name}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Name: {name.partition('-')[0]}\n{requires}\n")

    def write_script(self, python: str) -> None:
        """The console script, for an interpreter."""
        self.script.write_text(SCRIPT.format(python=python))
        self.script.chmod(0o755)


def make_venv(prefix: Prefix, base: Path, settings: str = "") -> None:
    """Turn a prefix into a venv of the interpreter in base/bin."""
    (base / "bin").mkdir(parents=True, exist_ok=True)
    interpreter = base / "bin" / f"python{prefix.version}"
    interpreter.touch()
    prefix.python.unlink()
    (prefix.root / "bin" / "python").symlink_to(interpreter)
    prefix.python.symlink_to("python")
    text = f"home = {base / 'bin'}\ninclude-system-site-packages = false\n{settings}"
    (prefix.root / "pyvenv.cfg").write_text(text)
    prefix.write_script(str(prefix.root / "bin" / "python"))
