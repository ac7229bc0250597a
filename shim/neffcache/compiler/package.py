"""World: examine a neuronx-cc script: its interpreter, its site-packages, its package's record."""

import posix

from neffcache import files
from neffcache.compiler.identity import PACKAGE, RECORD, UNIDENTIFIED, Identity, pth_lines, stamp
from neffcache.compiler.script import Script
from neffcache.invocation import Bypass

_DIST = "neuronx_cc-"
_MOST_RECORD = 64 << 20
_MOST_TEXT = 4 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neffcache.compiler.identity import Stamp


class _Watch:
    """Collects what was looked at, as it was just before."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Stamp | None]] = []

    def __call__(self, path: str) -> str:
        self.seen.append((path, stamp(path)))
        return path


def examine(path: str) -> Identity:
    """The identity of the compiler behind a script. Raises Bypass when it cannot be told."""
    watch = _Watch()
    watch(path)
    try:
        script = Script.read(path)
        prefix = _Prefix(script.interpreter, watch)
        _refuse_beside(path, watch)
        site = _one_site(prefix)
        return _identity(path, script, prefix, site, watch)
    except OSError as error:
        raise _odd(f"{error.filename or path}: {error.strerror}") from error


def _odd(detail: str) -> Bypass:
    return Bypass(UNIDENTIFIED, detail)


def _refuse_beside(path: str, watch: _Watch) -> None:
    """A script's own directory comes first on its module path, of the link and of its target."""
    for directory in {files.parent(path), files.parent(resolve(path))}:
        beside = watch(f"{directory}/{PACKAGE}")
        if files.state(beside) is not None:
            raise _odd(f"{beside} stands before the installed package")


class _Prefix:
    """Where an interpreter looks for packages.

    Attributes:
        version: "X.Y".
        sites: its site-packages directories, first one first.
        user_site: whether the user's own one is looked at, too.
    """

    def __init__(self, interpreter: str, watch: _Watch) -> None:
        self._watch = watch
        watch(interpreter)
        self.version = _version_in(files.basename(resolve(interpreter)))
        self.user_site = True
        prefix = files.parent(files.parent(interpreter))
        config = f"{prefix}/pyvenv.cfg"
        if files.state(watch(config)) is None:
            real = files.parent(files.parent(resolve(interpreter)))
            self.sites = self._sites([prefix, real])
            return
        settings = _settings(config)
        self.version = _version_in("python" + settings.get("version", "")) or self.version
        self.version = _version_in("python" + settings.get("version_info", "")) or self.version
        prefixes = [prefix]
        self.user_site = settings.get("include-system-site-packages", "").lower() == "true"
        if self.user_site:
            home = settings.get("home", "")
            prefixes += [files.parent(home), files.parent(files.parent(resolve(interpreter)))]
        self.sites = self._sites(prefixes)

    def _sites(self, prefixes: "list[str]") -> "list[str]":
        if not self.version:
            raise _odd("the interpreter's version cannot be told from its name")
        found: list[str] = []
        for prefix in [*prefixes, *(["/usr/local"] if "/usr" in prefixes else [])]:
            for library in ("lib", "lib64"):
                base = f"{prefix}/{library}"
                names = (f"python{self.version}", "python3")
                for site in (f"{base}/{n}/{s}-packages" for n in names for s in ("site", "dist")):
                    if site not in found and files.state(self._watch(site)) is not None:
                        found.append(site)
        return [*found, *(path for site in found for path in self._added(site))]

    def _added(self, site: str) -> "list[str]":
        """The directories that the .pth files of a site-packages directory add behind it."""
        added = []
        for name in sorted(posix.listdir(site)):
            if not name.endswith(".pth"):
                continue
            for line in pth_lines(files.read(self._watch(f"{site}/{name}"), _MOST_TEXT)):
                path = self._watch(files.join(site, line))
                if _is_directory(path):
                    added.append(path)
        return added


def _one_site(prefix: _Prefix) -> str:
    """The site-packages directory that holds the package; by identity, as lib64 is often a link."""
    found: dict[object, str] = {}
    for site in prefix.sites:
        state = files.state(f"{site}/{PACKAGE}")
        if state is not None:
            found.setdefault(state[:2], site)
    if not found:
        raise _odd(f"no {PACKAGE} in {' '.join(prefix.sites) or 'any site-packages'} (editable?)")
    if len(found) > 1:
        raise _odd(f"several {PACKAGE}: {' '.join(found.values())}")
    return next(iter(found.values()))


def _identity(path: str, script: Script, prefix: _Prefix, site: str, watch: _Watch) -> Identity:
    dists = [name for name in posix.listdir(site) if _is_dist(name)]
    if len(dists) != 1:
        raise _odd(f"{len(dists)} {_DIST}*.dist-info in {site} (editable?)")
    dist = f"{site}/{dists[0]}"
    _refuse_editable(watch(f"{dist}/direct_url.json"))
    version = dists[0][len(_DIST) : -len(".dist-info")]
    lines = own_lines(files.read(watch(f"{dist}/RECORD"), _MOST_RECORD))
    if not any(line.startswith(PACKAGE.encode() + b"/") for line in lines):
        raise _odd(f"{dist}/RECORD lists no file of {PACKAGE} (editable?)")
    record = files.digest(b"\n".join(lines))
    requires = _requires(prefix.sites, watch(f"{dist}/METADATA"))
    parts = [
        ("compiler", f"neuronx-cc {version}".encode()),
        ("compiler entry", files.encode(script.entry)),
        ("compiler python", prefix.version.encode()),
        (RECORD, record.encode()),
        ("compiler requires", files.encode("\n".join(requires))),
    ]
    made = Identity(path, parts, watch.seen, prefix.version if prefix.user_site else "")
    made.record = f"{dist}/RECORD"
    return made


def _is_directory(path: str) -> bool:
    try:
        return files.is_directory(posix.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _is_dist(name: str) -> bool:
    return name.startswith(_DIST) and name.endswith(".dist-info")


def _refuse_editable(path: str) -> None:
    try:
        text = files.read(path, _MOST_TEXT)
    except FileNotFoundError:
        return
    if b'"editable"' in text:
        raise _odd("an editable install: its files can change without a trace")


def own_lines(record: bytes) -> "list[bytes]":
    """The RECORD lines that are the same on every host: the package's own files, sorted.

    Scripts (shebangs), metadata (direct_url, INSTALLER) and byte code differ between hosts.
    """
    kept = []
    for line in record.replace(b"\r", b"").split(b"\n"):
        name = line.partition(b",")[0].strip(b'"')
        outside = name.startswith((b"../", b"/", b"bin/"))  # the package's own bin is inside
        if line and not outside and b".dist-info/" not in name and b"__pycache__/" not in name:
            kept.append(line)
    return sorted(kept)


def _requires(sites: "list[str]", metadata: str) -> "list[str]":
    """ "name version" of every installed package that it needs, directly or through others."""
    installed = _installed(sites)
    found: dict[str, str] = {}
    waiting = [metadata]
    while waiting:
        for name in required_names(files.read(waiting.pop(), _MOST_TEXT)):
            if name in installed and name not in found:
                found[name], path = installed[name]
                waiting.append(path)
    return sorted(f"{name} {version}" for name, version in found.items())


def _installed(sites: "list[str]") -> "dict[str, tuple[str, str]]":
    """name -> (version, path of METADATA) of every package in the directories."""
    found: dict[str, tuple[str, str]] = {}
    for site in sites:
        for entry in posix.listdir(site):
            if not entry.endswith(".dist-info"):
                continue
            name, _, version = entry[: -len(".dist-info")].partition("-")
            path = f"{site}/{entry}/METADATA"
            if files.state(path) is not None:
                found.setdefault(normal(name), (version, path))
    return found


def required_names(metadata: bytes) -> "list[str]":
    """The names that a METADATA text requires, without those of extras."""
    names = []
    for line in metadata.partition(b"\n\n")[0].split(b"\n"):
        if line.startswith(b"Requires-Dist:"):
            need, _, marker = (
                line[len(b"Requires-Dist:") :].decode("utf-8", "replace").partition(";")
            )
            if "extra" not in marker:
                names.append(normal(_leading_name(need.strip())))
    return names


def _leading_name(text: str) -> str:
    end = 0
    while end < len(text) and (text[end].isalnum() or text[end] in "-_."):
        end += 1
    return text[:end]


def normal(name: str) -> str:
    """A distribution's name in its normal form: low letters, runs of -_. as one dash."""
    for mark in "_.":
        name = name.replace(mark, "-")
    while "--" in name:
        name = name.replace("--", "-")
    return name.lower()


def resolve(path: str) -> str:
    """The path with the links of its last part followed (of the file, not of its directories)."""
    for _ in range(40):
        try:
            target = posix.readlink(path)
        except OSError:
            return path
        path = files.join(files.parent(path), target)
    return path


def _version_in(name: str) -> str:
    """ "3.10" of "python3.10" or "python3.10.4"; "" when the name does not say."""
    digits = name.removeprefix("python").split(".")
    if len(digits) >= 2 and digits[0] == "3" and digits[1].isdigit():
        return f"3.{digits[1]}"
    return ""


def _settings(path: str) -> "dict[str, str]":
    found = {}
    for line in files.decode(files.read(path, _MOST_TEXT)).split("\n"):
        name, equals, value = line.partition("=")
        if equals:
            found[name.strip().lower()] = value.strip()
    return found
