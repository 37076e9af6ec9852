"""Lesson 09: for each exercise, how to compute what its text says is expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

t = torch.tensor


class OneWeight(nn.Module):
    """One weight, at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(t(0.0))


def averages(train: Any) -> list[Tensor]:
    """The average after one step and after two."""
    found = []
    for steps in (1, 2):
        model = OneWeight()
        sgd = torch.optim.SGD(model.parameters(), 0.5)
        found.append(train(model, sgd, [lambda m: (m.w - 1) ** 2] * steps, 0.5)["w"])
    return found


LOOKS = np.array([[0.2, 0.5, 0.75, 1.0], [0.15, 0.3, 0.45, 0.4], [0.2, 0.35, 0.41, 0.43]])
DEPTHS = {(1, 1): [0.20, 0.26, 0.23], (1, 2): [0.50, 0.66, 0.58], (2, 1): [0.55], (2, 2): [0.63, 0.71, 0.67]}
DEPTHS |= {(1, 4): [0.40, 0.44, 0.42], (2, 4): [0.90, 0.88, 0.89]}
COSTS = {(1, 1): 1, (1, 2): 1.5, (1, 4): 2.5, (2, 1): 2, (2, 2): 3, (2, 4): 5}
TWO_RUNS = [
    {"layers": 2, "steps": 1000, "flops": 2.0e12, "ema": True, "seed": 0, "exact": 0.71},
    {"layers": 4, "steps": 1000, "flops": 4.0e12, "ema": False, "seed": 1, "exact": 0.64},
]


def flaws(find: Any) -> list[list[str]]:
    """Of the four studies that the exercise shows."""
    fair = {"layers": 2, "parameters": 89_474, "flops": 2.0e12, "data": "1,000 puzzles", "ema": True, "rates_tried": 1}
    four, good, poor = {"layers": 4, "parameters": 177_794}, [0.69, 0.71, 0.73], [0.58, 0.60, 0.62]

    def study(ours: list, theirs: list, varied: set, mine: dict, other: dict, **fields: Any) -> dict[str, Any]:
        sides = {
            name: [fair | changed | {"seed": i, "exact": e} for i, e in enumerate(results)]
            for name, results, changed in (("ours", ours, mine), ("theirs", theirs, other))
        }
        reported = {"ours": np.mean(ours), "theirs": np.mean(theirs)}
        rest = {"varied": varied, "reported": reported, "chosen_on": "validation", "claim": "better"}
        return sides | rest | fields

    studies = [
        study(good, poor, {"mixer"}, {}, {}, reported={"ours": 0.73, "theirs": 0.60}),
        study(good, poor, {"layers", "parameters"}, {}, four),
        study(good, poor, {"layers", "parameters"}, {"flops": 4.0e12} | four, {"ema": False}),
        study([0.82], [0.80], {"gradient"}, {}, {}, chosen_on="test"),
    ]
    return [sorted(find(each)) for each in studies]


EXPECTED = {
    ("09", "train_with_average"): [(averages, [0.5, 0.75], "0.5 after one step and 0.75 after two")],
    ("09", "without_the_start"): [
        (lambda f: f(t(5.0), t(10.0), 0.5, 2), (2, 0.25, 3.3333), "horizon 2, share 0.25, and 3.3333")
    ],
    ("09", "variant_cost"): [
        (lambda f: f(36, 64, 96, 176, 2, 2, 2), (88_320, 12, 90_243_072), "88,320 weights, depth 12, 90,243,072"),
        (lambda f: f(36, 64, 96, 176, 2, 2, 5), (88_320, 24, 180_486_144), "depth 24, 180,486,144"),
    ],
    ("09", "stop_training"): [
        (lambda f: f(np.array([100, 200, 300, 400]), *LOOKS), (300, 0.34, 0.41), "(300, 0.34, 0.41)")
    ],
    ("09", "best_cells"): [(lambda f: f(DEPTHS, COSTS, 4), [(1, 2), (2, 1), (2, 2)], "`[(1, 2), (2, 1), (2, 2)]`")],
    ("09", "confounders"): [(lambda f: sorted(f(*TWO_RUNS, {"layers"})), ["ema", "flops"], '`{"ema", "flops"}`')],
    ("09", "find_the_flaws"): [
        (
            flaws,
            [["best of seeds"], [], ["compute", "ema"], ["chosen on test", "not separated", "one seed"]],
            '`{"best of seeds"}`, `set()`, `{"compute", "ema"}`, and `{"chosen on test", "not separated", "one seed"}`',
        )
    ],
}
