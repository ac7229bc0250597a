"""House: the bench runs, measures what it promises, and calculates rightly; nothing is timed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from house.tree import ROOT

sys.path.append(str(ROOT / "scripts"))
import _bench_figures as figures

BENCH = ROOT / "scripts" / "_bench.py"


def _bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCH), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_quick_bench_measures_every_figure(tmp_path: Path) -> None:
    result = tmp_path / "figures.json"
    done = _bench("--quick", "--runs", "1", "--json", str(result))
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr == ""
    found = json.loads(result.read_text())
    aims = {(one["name"], one["unit"], one["target"]) for one in found if one["target"] is not None}
    assert aims == {
        ("hit", "x", 2.0),
        ("large", "x", 1.2),
        ("miss", "starts", 5),
        ("callers", "x", 1.3),
        ("callers", "compiles", 1),
        ("memory", "MB", 64),
        *(("graphs", "x", target) for target in (0.55, 1.0, 1.15, 1.3)),
        *(("hub", "requests", target) for target in (0, 1, 2)),
        ("hub", "commits", 1),
        ("hub", "x", 1.5),
        ("hub", "MB", 64),
        ("hub", "s", 5.0),
        ("hub", "s", 0.5),
        ("hub", "starts", 1),
        *(("objects", "x", target) for target in (1 / 3, 1 / 0.7, 1.5)),
        ("objects", "MB", 128),
        ("objects", "requests", 2),
        ("objects", "ms", 40),
        *(("hooks", "ms", target) for target in (0.3, 3.0)),
        *(("hooks", "µs", target) for target in (50, 100)),
        ("hooks", "x", 0.3),
        ("watcher", "%", 0.1),
        ("watcher", "MB", 60),
    }
    counted = {one["unit"]: one["value"] for one in found}
    assert counted["compiles"] == 1
    assert 0 < counted["MB"] <= 64
    # What is counted and not timed holds on every machine.
    asked = [
        one
        for one in found
        if one["name"] in ("hub", "objects") and one["unit"] in ("requests", "commits")
    ]
    assert all(one["met"] for one in asked if one["target"] is not None)
    assert done.returncode == (0 if all(one["met"] in (None, True) for one in found) else 1)


def test_unknown_name_is_refused() -> None:
    done = _bench("nonsense")
    assert done.returncode == 2
    assert "nonsense" in done.stderr


def test_programs_take_turns_and_warm_up_is_left_out() -> None:
    calls: list[str] = []
    numbers: Iterator[float] = iter(range(100))

    def sample(name: str) -> float:
        calls.append(name)
        return next(numbers)

    series = figures.interleave([lambda: sample("a"), lambda: sample("b")], 2, warm_up=1)
    assert calls == ["a", "b"] * 3
    assert series == [[2, 4], [3, 5]]


def test_ratio_is_that_of_the_medians() -> None:
    made = figures.ratio("n", "w", [2, 4, 90], [1, 2, 3], 2)
    assert made.value == 2
    assert made.met is True
    assert figures.ratio("n", "w", [5], [2], 2).met is False
    assert figures.ratio("n", "w", [5], [2]).met is None


def test_spread_is_the_middle_half_of_single_ratios() -> None:
    made = figures.ratio("n", "w", [1, 2, 3, 4, 50], [1, 1, 1, 1, 1])
    assert (made.low, made.high) == (2, 4)
    assert figures.quartiles([7]) == (7, 7)
    assert figures.quartiles([1, 2, 3, 4]) == (1.5, 3.5)


def test_added_counts_in_units_and_share_in_percent() -> None:
    ours, alone, bare = [0.030, 0.032, 0.034], [0.010, 0.012, 0.014], [0.005, 0.005, 0.005]
    made = figures.added("n", ours, alone, bare, 5)
    assert made.value == pytest.approx(4)
    assert made.met is True
    assert figures.share("n", ours, alone, 10).value == pytest.approx(0.2)


def test_counts_show_their_worst() -> None:
    assert figures.exactly("n", "w", [1, 1, 2], "compiles", 1).value == 2
    assert figures.exactly("n", "w", [1, 0, 1], "compiles", 1).met is False
    assert figures.exactly("n", "w", [1, 1], "compiles", 1).met is True
    assert figures.largest("n", "w", [3, 70, 5], "MB", 64).met is False


def test_table_names_what_was_missed() -> None:
    text = figures.table(
        [figures.ratio("n", "slow", [5], [2], 2), figures.ratio("n", "w", [1], [1])]
    )
    missed, free = text.splitlines()[1:]
    assert "2.5 x" in missed
    assert "MISSED" in missed
    assert "met" not in free
