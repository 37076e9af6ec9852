"""Lesson 14: for each exercise, how to compute what its text says is expected."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

t = torch.tensor


def letters(text: str) -> Tensor:
    return t([[ord(c)] for c in text])


def pushed(noisy: Any) -> tuple[bool, bool]:
    """Whether z spreads by 1 after 4 steps of noise 0.5, and whether y stays as it is."""
    start = torch.zeros(1, 100, 100), torch.zeros(1, 100, 100)
    y, z = noisy(lambda y, z: (y, z), *start, 4, 0.5, torch.Generator().manual_seed(0))
    return bool(abs(z.std() - 1) < 0.03), not y.any()


EXPECTED = {
    ("14", "decode_steps"): [
        (
            lambda f: f(
                lambda y, z: (y.roll(1, -1), z), lambda s: s, torch.eye(4)[None, :3], torch.zeros(1, 3, 4), 2, 1
            ),
            t([[[2, 3]], [[3, 0]]]),
            "`[[[2, 3]], [[3, 0]]]`",
        )
    ],
    ("14", "step_sizes"): [
        (lambda f: f(t([[[[3.0, 4]]], [[[6, 8]]], [[[6, 8]]]])), t([[0.5], [0]]), "gives `[[0.5], [0]]`")
    ],
    ("14", "best_of_k"): [
        (
            lambda f: f(t([1, 2]), t([[3, 2], [2, 2]]), t([[3.0, 0], [1, 2]])),
            1,
            "`halt_logit` `[[3, 0], [1, 2]]` (two steps, two starts) it is 1",
        )
    ],
    ("14", "period"): [
        (
            lambda f: [f(letters(r), 3) for r in ("xyaaaaaa", "xyababab", "abcabc", "aabbcc")],
            [1, 2, 3, 0],
            "`xyaaaaaa` has period 1, `xyababab` 2, `abcabc` 3, `aabbcc` 0",
        )
    ],
    ("14", "vote"): [
        (lambda f: f(t([[1, 1, 2], [1, 2, 1], [2, 1, 1], [2, 1, 1]])), t([2, 1, 1]), "112, 121, 211, 211 give 211"),
        (lambda f: f(t([[1, 1, 2], [1, 2, 1], [2, 1, 1]])), t([1, 1, 2]), "112, 121, 211 give 112"),
    ],
    ("14", "noisy_steps"): [
        (pushed, (True, True), "standard deviation of about 1, since variances add up (4 · 0.25), and `y` is")
    ],
    ("14", "occlusion"): [
        (
            lambda f: f(lambda q: q.sum(1)[:, None, None].expand(-1, 3, 1).float(), t([3, 1, 2]), 0, 1),
            t([2, 0, 1]),
            "gives `[2, 0, 1]`",
        )
    ],
}
