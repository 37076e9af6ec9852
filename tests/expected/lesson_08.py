"""Lesson 08: for each exercise, how to compute what its text says is expected."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

t = torch.tensor


def mean(a: Any, b: Any) -> Any:
    return (a + b) / 2


def last_recursion(full: Any) -> tuple[Any, int]:
    """The result of the toy in `full_gradient`, and how many evaluations had a gradient."""
    modes = []

    def net(a: Tensor, b: Tensor) -> Tensor:
        modes.append(torch.is_grad_enabled())
        return mean(a, b)

    return full(net, net, t(8.0, requires_grad=True), t(0.0), t(0.0), 2, 2), sum(modes)


def sure_of_nothing(_: Any, state: Any) -> Any:
    """A model whose answer is token 3, with halt logit -5."""
    return state, SimpleNamespace(logits=torch.nn.functional.one_hot(t([[3]]), 12).double(), halt_logit=t([-5.0]))


LADDER = [
    ("a", [0.40, 0.44, 0.42, 0.46]),
    ("b", [0.60, 0.66, 0.63, 0.61]),
    ("c", [0.64, 0.70, 0.58, 0.66]),
    ("d", [0.50, 0.47, 0.52, 0.49]),
    ("e", [0.72]),
]

EXPECTED: dict[tuple[str, str], list[tuple[Any, Any, str]]] = {
    ("08", "seed_summary"): [
        (lambda f: f([0.7, 0.8, 0.84]), (0.78, 0.0721, 0.6009, 0.9591), "0.0721, interval 0.6009 to 0.9591")
    ],
    ("08", "rung_difference"): [
        (
            lambda f: f([0.6, 0.62, 0.66], [0.7, 0.72, 0.76]),
            (0.1, 0.0307, 0.1693, True),
            "middle 0.1, interval 0.0307 to 0.1693, separated",
        )
    ],
    ("08", "steps_in_budget"): [
        (
            lambda f: [f(2_887_778_304_000, 15_777_792, 32, 2, 2, 2, q) for q in (True, False)],
            [357, 571],
            "357 steps with Q-learning, 571 without",
        )
    ],
    ("08", "full_gradient"): [
        (last_recursion, ((6.375, 9.75), 3), "(6.375, 9.75). Three of the six evaluations run with gradient")
    ],
    ("08", "OneNetwork"): [
        (lambda f: f(nn.ParameterList([torch.zeros(3, 4), torch.zeros(4)]), 1).size(), 16, "`size()` is 16"),
        (lambda f: f(mean, 2)(8, 0, 0), (3, 6), "y = 3, z = 6"),
    ],
    ("08", "plain_halting"): [
        (
            lambda f: f(sure_of_nothing, None, t([[3]]), 0, t([1]), 16),
            (2.5034, 0, t([False])),
            "the loss is 2.5034, and the slot goes on",
        )
    ],
    ("08", "read_ladder"): [(lambda f: f(LADDER), {"b": "up", "d": "down"}, '`{"b": "up", "d": "down"}`')],
}
