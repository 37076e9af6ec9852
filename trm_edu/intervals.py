"""Intervals of 95%, of two kinds.

Wilson's says what other puzzles could have changed; it belongs to a share of puzzles. Student's says what other seeds
could have changed; it belongs to a mean over seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

Values = Sequence[float] | np.ndarray
Interval = tuple[float, float]


def wilson_interval(hits: float, total: int, z: float = 1.96) -> tuple[float, float]:
    """95% interval of a proportion (Wilson 1927). Unlike hits +- z * error it stays inside 0..1 near the ends."""
    if total < 1:
        raise ValueError(f"an interval needs at least one trial, got {total}")
    share, shrink = hits / total, 1 + z * z / total
    middle = (share + z * z / (2 * total)) / shrink
    half = z / shrink * (share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5
    # At the very ends the formula gives exactly 0 and 1; rounding would miss them by a hair.
    return 0.0 if hits == 0 else max(0.0, middle - half), 1.0 if hits == total else min(1.0, middle + half)


@lru_cache
def t_quantile(freedom: float) -> float:
    """How many standard errors a two-sided 95% interval reaches, with `freedom` >= 1 degrees of freedom (Student 1908).

    With t = sqrt(freedom) * tan(angle) the density becomes cos(angle) ** (freedom - 1), on a finite range: a sum over a
    fine grid is right to five digits.
    """
    angle = np.linspace(0, np.pi / 2, 100_001)
    density = np.clip(np.cos(angle), 0, 1) ** (freedom - 1)
    mass = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return float(np.sqrt(freedom) * np.tan(np.interp(0.95 * mass[-1], mass, angle)))


def mean_interval(values: Values) -> Interval | None:
    """95% interval of a mean over seeds (Student's t), cut at 0 and 1; None where the seeds tell no spread.

    That is with one seed, and with seeds that are all alike: the formula would call them certain.
    """
    found = np.asarray(values, np.float64)
    if len(found) < 2 or np.ptp(found) == 0:
        return None
    half = t_quantile(len(found) - 1.0) * float(found.std(ddof=1)) / len(found) ** 0.5
    return max(0.0, float(found.mean()) - half), min(1.0, float(found.mean()) + half)


def difference_interval(before: Values, after: Values) -> Interval | None:
    """95% interval of mean(after) - mean(before), of unequal spread (Welch 1947); None as `mean_interval`."""
    groups = [np.asarray(values, np.float64) for values in (before, after)]
    if min(map(len, groups)) < 2 or all(np.ptp(group) == 0 for group in groups):
        return None
    parts = [float(group.var(ddof=1)) / len(group) for group in groups]
    freedom = sum(parts) ** 2 / sum(part**2 / (len(group) - 1) for part, group in zip(parts, groups, strict=True))
    middle, half = float(groups[1].mean() - groups[0].mean()), t_quantile(freedom) * sum(parts) ** 0.5
    return middle - half, middle + half
