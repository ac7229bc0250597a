"""`neffcache config`: every setting with its origin; secrets stay secret."""

from __future__ import annotations

import json
from typing import Any

from hosts import Host
from neffcache.cli.config import settings_table
from neffcache.options import OPTIONS


def options(host: Host, **variables: str) -> dict[str, dict[str, Any]]:
    done = host.neffcache("config", "--json", variables=variables)
    assert (done.status, done.err) == (0, "")
    return {row["name"]: row for row in json.loads(done.out)["options"]}


def test_every_setting_is_listed(host: Host) -> None:
    found = options(host)
    assert list(found) == [row[0] for row in OPTIONS]
    assert found["wait"] == {
        "name": "wait",
        "variable": "NEFFCACHE_WAIT",
        "type": "seconds",
        "value": 7200.0,
        "default": "7200",
        "origin": "default",
        "help": next(row[3] for row in OPTIONS if row[0] == "wait"),
    }


def test_the_origin_of_each_value_is_named(host: Host) -> None:
    path = host.root / "settings"
    path.write_text("# mine\nwait = 60\nmax_size = 1G\n")
    found = options(host, NEFFCACHE_CONFIG=str(path), NEFFCACHE_MAX_SIZE="2G")
    assert (found["wait"]["value"], found["wait"]["origin"]) == (60.0, f"{path}:2")
    assert (found["max_size"]["value"], found["max_size"]["origin"]) == (2 << 30, "environment")


def test_people_see_variable_value_and_origin(host: Host) -> None:
    lines = host.neffcache("config", variables={"NEFFCACHE_READONLY": "yes"}).out.split("\n")
    [line] = [line.split() for line in lines if "NEFFCACHE_READONLY" in line]
    assert line == ["NEFFCACHE_READONLY", "true", "environment"]


def test_people_see_directories_as_they_are_written(host: Host) -> None:
    for text, shown in (("/a:/b", "/a:/b"), ("", "(none)")):
        lines = host.neffcache("config", variables={"NEFFCACHE_WATCH": text}).out.split("\n")
        [line] = [line for line in lines if "NEFFCACHE_WATCH" in line]
        assert line.split()[1] == shown


def test_a_wrong_setting_is_named_and_the_others_are_shown(host: Host) -> None:
    variables = {"NEFFCACHE_WAIT": "soon", "NEFFCACHE_TARGET": "trn2", "NEFFCACHE_FOO": "1"}
    done = host.neffcache("config", "--json", variables=variables)
    found = {row["name"]: row for row in json.loads(done.out)["options"]}
    assert done.status == 2
    assert done.err.count("\n") == 2
    assert "NEFFCACHE_WAIT=soon" in done.err
    assert "NEFFCACHE_FOO" in done.err
    assert (found["target"]["value"], found["wait"]["value"]) == ("trn2", 7200.0)


def test_a_wrong_settings_file_is_named_and_the_variables_are_shown(host: Host) -> None:
    path = host.root / "settings"
    path.write_text("what is this\n")
    variables = {"NEFFCACHE_CONFIG": str(path), "NEFFCACHE_TARGET": "trn2"}
    done = host.neffcache("config", "--json", variables=variables)
    found = {row["name"]: row for row in json.loads(done.out)["options"]}
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert f"{path}:1" in done.err
    assert found["target"]["value"] == "trn2"


def test_secrets_in_urls_are_never_shown(host: Host) -> None:
    urls = [
        "file:///mnt/x?mode=ro",
        "s3://user:hush1@bucket/x?secret=hush2&mode=ro",
        "file:///x?sig=hush3",
    ]
    for url in urls:
        for argv in (["config"], ["config", "--json"], ["doctor"], ["stats"]):
            done = host.neffcache(*argv, variables={"NEFFCACHE_REMOTES": url})
            assert "hush" not in done.out + done.err


def test_the_markdown_is_the_readme_table(host: Host) -> None:
    done = host.neffcache("config", "--markdown")
    assert (done.status, done.out) == (0, settings_table())
    assert done.out.count("\n") == len(OPTIONS) + 2
