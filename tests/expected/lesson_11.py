"""Lesson 11: for each exercise, how to compute what its text says is expected."""

from __future__ import annotations

from typing import Any

import torch

t = torch.tensor


def handed_over(hand_over: Any) -> list[float]:
    """The next three losses of a loop that took over from one that had made ten steps."""
    from trm_edu.checks.train_for_real import Loop

    old, new = Loop(0), Loop(1)
    for _ in range(10):
        old.step()
    hand_over(old, new)
    return [new.step() for _ in range(3)]


EXPECTED = {
    ("11", "learning_rate"): [
        (
            lambda f: [f(step, 1.0, 10, 50, 0.2) for step in (5, 30, 50)],
            [0.5, 0.6, 0.2],
            "0.5 at step 5, 0.6 at step 30, 0.2 at step 50",
        )
    ],
    ("11", "training_step_flops"): [
        (lambda f: f(1, 2, 3, 4, 5, 1, 1, 1), 1944, "it is 1,944"),
        (lambda f: f(768, 97, 512, 512, 1536, 2, 3, 6), 32_808_181_432_320, "it is 32,808,181,432,320"),
    ],
    ("11", "optimizer_steps"): [
        (lambda f: [f(50_000, 1000, 768), f(100, 1000, 768)], [65_104, 130], "are 65,104 steps; 100 epochs are 130")
    ],
    ("11", "share_of_peak"): [(lambda f: f(2e12, [60.0, 0.01, 0.02, 0.04], 1e15), 0.1, "give 0.1")],
    ("11", "hours_to_train"): [(lambda f: f(36e12, 50_000, 1e15, 0.5), 1, "take 1 hour")],
    ("11", "hand_over"): [(handed_over, [1.8753, 1.2025, 2.1364], "are 1.8753, 1.2025 and 2.1364")],
    ("11", "average_gradient"): [(lambda f: f([t([1.0, 2.0]), t([5.0, 4.0])], [3, 1]), t([2, 2.5]), "give `[2, 2.5]`")],
}
