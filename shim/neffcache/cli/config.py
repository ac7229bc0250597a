"""Door: `neffcache config`: every setting, its value, where it comes from, what it means."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from neffcache import config as settings
from neffcache.cli import text
from neffcache.cli.answer import Answer, json_answer
from neffcache.cli.world import tolerant
from neffcache.options import OPTIONS

if TYPE_CHECKING:
    import argparse

    from neffcache.options import Config

EXAMPLE = "NEFFCACHE_MAX_SIZE=200G neffcache config"
# Between these lines of README.md stands what `settings_table` returns.
BEGIN, END = "<!-- settings: neffcache config --markdown -->", "<!-- end of settings -->"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the command's name."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--markdown", action="store_true", help="the table of the README")
    form.add_argument(
        "--import",
        metavar="FILE",
        dest="olive",
        help="add the remote of Olive's cloud_cache_config in a JSON file to your settings file",
    )


def run(args: argparse.Namespace) -> Answer:
    """Show all settings, also when one is wrong: then with status 2 and a line for each.

    Or take one in.
    """
    if args.markdown:
        return Answer(settings_table())
    if args.olive is not None:
        from neffcache.cli import importing

        return importing.take(args.olive, dict(os.environb))
    made, errors = tolerant(dict(os.environb))
    options = [_option(made, row) for row in OPTIONS]
    if args.json:
        answer = json_answer({"options": options, "files": _files()})
    else:
        answer = Answer("\n".join(_lines(options)) + "\n")
    notices = tuple(dict.fromkeys(str(error) for error in errors))
    return Answer(answer.text, 2 if notices else 0, notices)


def settings_table() -> str:
    """The table of settings for the README, in Markdown; generated from options.OPTIONS."""
    rows = ["| Variable | Default | Meaning |", "| --- | --- | --- |"]
    for name, _kind, default, meaning in OPTIONS:
        shown = f"`{default}`" if default else ""
        meaning = meaning.replace("|", "\\|")
        rows.append(f"| `{settings.variable(name)}` | {shown} | {meaning} |")
    return "\n".join(rows) + "\n"


def _option(made: Config, row: tuple[str, str, str, str]) -> dict[str, Any]:
    name, kind, default, meaning = row
    value = getattr(made, name)
    if kind in ("list", "names"):
        value = [_without_secrets(item) for item in value]
    elif kind == "size" and value < 0:
        value = None
    return {
        "name": name,
        "variable": settings.variable(name),
        "type": kind,
        "value": value,
        "default": default,
        "origin": made.origins.get(name, "default"),
        "help": meaning,
    }


def _without_secrets(url: str) -> str:
    from neffcache import remote

    return remote.shown(url)


def _files() -> list[dict[str, Any]]:
    environ = dict(os.environb)
    named = os.fsdecode(environ.get(b"NEFFCACHE_CONFIG", b""))
    paths = [named] if named else [settings.SYSTEM_FILE, settings.user_file(environ)]
    return [{"path": path, "exists": os.path.exists(path)} for path in paths if path]


def _lines(options: list[dict[str, Any]]) -> list[str]:
    rows = [
        (option["variable"], text.short(_shown(option)), text.short(option["origin"]))
        for option in options
    ]
    lines = ["setting, value, origin", *text.table(rows), "", "meaning"]
    lines += text.table([(option["name"], option["help"]) for option in options])
    found = [f"{item['path']}{'' if item['exists'] else ' (not there)'}" for item in _files()]
    return [*lines, "", f"settings files, `name = value` a line: {text.short(', '.join(found))}"]


def _shown(option: dict[str, Any]) -> str:
    value = option["value"]
    if option["type"] in ("list", "names", "paths"):
        return (":" if option["type"] == "paths" else " ").join(value) or "(none)"
    if option["type"] == "bool":
        return "true" if value else "false"
    if value is None or value == "":
        return "(not set)"
    if option["type"] == "size":
        return f"{value} ({text.size(value)})"
    return f"{value:g}" if isinstance(value, float) else str(value)
