"""Bench: the arithmetic: medians, their ratios, how far single samples stray, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

Sample = Callable[[], float]
_HEAD = ("what", "measured", "middle half", "target", "", "medians here")


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        name: which group of measurements it belongs to.
        what: the two things compared, in words.
        value: the number; low, high: the quartiles of the same number taken sample by sample.
        unit: what it counts, as it is written behind it.
        target: the largest value that is good; None: for information.
        exact: whether the target is the only good value.
        medians: milliseconds of each series, for information: they say nothing elsewhere.
    """

    name: str
    what: str
    value: float
    low: float
    high: float
    unit: str = "x"
    target: float | None = None
    exact: bool = False
    medians: dict[str, float] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        return self.value == self.target if self.exact else self.value <= self.target


def interleave(programs: Sequence[Sample], runs: int, warm_up: int = 3) -> list[list[float]]:
    """Run programs in turns (A B C, A B C, …), so that a slow moment of the machine hits all.

    Returns:
        The samples of each program, without those of the warm-up.
    """
    series: list[list[float]] = [[] for _ in programs]
    for turn in range(warm_up + runs):
        for program, samples in zip(programs, series, strict=True):
            taken = program()
            if turn >= warm_up:
                samples.append(taken)
    return series


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The values between which the middle half lies (medians of the lower and the upper half)."""
    ordered = sorted(values)
    half = (len(ordered) + 1) // 2
    return median(ordered[:half]), median(ordered[len(ordered) - half :])


def ratio(
    name: str, what: str, ours: Sequence[float], other: Sequence[float], target: float | None = None
) -> Figure:
    """The ratio of two medians."""
    low, high = quartiles([mine / theirs for mine, theirs in zip(ours, other, strict=True)])
    value = median(ours) / median(other)
    shown = {"ours": milliseconds(ours), "other": milliseconds(other)}
    return Figure(name, what, value, low, high, "x", target, medians=shown)


def added(
    name: str,
    ours: Sequence[float],
    alone: Sequence[float],
    unit: Sequence[float],
    target: float,
) -> Figure:
    """What we add to something, counted in units that were measured in the same turns."""
    singles = [(a - b) / c for a, b, c in zip(ours, alone, unit, strict=True)]
    low, high = quartiles(singles)
    value = (median(ours) - median(alone)) / median(unit)
    shown = {"ours": milliseconds(ours), "alone": milliseconds(alone), "bare": milliseconds(unit)}
    what = "added to a miss, 300 KB NEFF, in bare starts"
    return Figure(name, what, value, low, high, "starts", target, medians=shown)


def share(name: str, ours: Sequence[float], alone: Sequence[float], whole: float) -> Figure:
    """What we add, as a part of a whole of so many seconds."""
    low, high = quartiles([100 * (a - b) / whole for a, b in zip(ours, alone, strict=True)])
    value = 100 * (median(ours) - median(alone)) / whole
    return Figure(name, f"the same, of a compile of {whole:g} s", value, low, high, "%")


def largest(name: str, what: str, values: Sequence[float], unit: str, target: float) -> Figure:
    """The largest of some values."""
    return Figure(name, what, max(values), min(values), max(values), unit, target)


def exactly(name: str, what: str, values: Sequence[float], unit: str, target: float) -> Figure:
    """The one of some counted values that is farthest from the only good one."""
    worst = max(values, key=lambda value: abs(value - target))
    return Figure(name, what, worst, min(values), max(values), unit, target, exact=True)


def counted(name: str, what: str, value: float, unit: str) -> Figure:
    """Something counted once, for information."""
    return Figure(name, what, value, value, value, unit)


def milliseconds(samples: Sequence[float]) -> float:
    """A median in ms."""
    return round(median(samples) * 1000, 2)


def table(figures: Sequence[Figure]) -> str:
    """The figures for people."""
    rows = [_HEAD, *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"


def _row(figure: Figure) -> tuple[str, ...]:
    sign = "=" if figure.exact else "<="
    verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
    shown = ", ".join(
        f"{name} {value:.{1 if value >= 1 else 3}f} ms" for name, value in figure.medians.items()
    )
    return (
        f"{figure.name}: {figure.what}",
        f"{figure.value:.3g} {figure.unit}",
        f"{figure.low:.3g} to {figure.high:.3g}",
        "" if figure.target is None else f"{sign} {figure.target:g}",
        verdict,
        shown,
    )


def as_json(figures: Sequence[Figure]) -> list[dict[str, object]]:
    """The figures for programs."""
    return [{**asdict(figure), "met": figure.met} for figure in figures]
