"""Lesson 10: for each exercise, how to compute what its text says is expected."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from expected.lessons_01_to_07 import mean, tokens_to_logits

t = torch.tensor


class Affine(nn.Module):
    """y <- w * y + b * inputs, never sure that it is done."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(t(0.5)), nn.Parameter(t(0.5))

    def forward(self, inputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return self.w * y + self.b * inputs, t([-9.0])


class Late(nn.Module):
    """Two puzzles of one cell: the first is right (token 1) from step 1 on, the second from step 3 on."""

    def initial_state(self, batch_size: int) -> int:
        return 0

    def forward(self, inputs: Tensor, state: int) -> tuple[int, Any]:
        return state + 1, SimpleNamespace(logits=tokens_to_logits([[1], [int(state >= 2)]]))


def recursions(deep: Any) -> Any:
    """The toy of `deep_recursion`: states, evaluations, and which of them had a gradient."""
    modes: list[bool] = []

    def net(a: Any, b: Any) -> Any:
        modes.append(torch.is_grad_enabled())
        return mean(a, b)

    return deep(net, 8, 0, 0, 2, 2), modes


def loss_of_nothing(step: Any) -> Tensor:
    """The loss of `supervision_step` where all logits are 0."""
    said = SimpleNamespace(logits=torch.zeros(1, 1, 2), halt_logit=torch.zeros(1))
    model = SimpleNamespace(embed=lambda i: i, deep_recursion=lambda x, y, z: (y, z), heads=lambda y: said)
    return step(model, t([[0]]), t([[0]]), (torch.zeros(1), torch.zeros(1)))[1]


def one_call(step: Any) -> list[float]:
    """New y, b of the network, b of the average after one call of `training_step`."""
    network, average = Affine(), Affine()
    sgd = torch.optim.SGD(network.parameters(), lr=0.1)
    old = {"inputs": t([5.0]), "labels": t([5.0]), "y": t([5.0]), "age": t([4]), "halted": t([True])}
    new = {"inputs": t([1.0]), "labels": t([1.0]), "y": t([0.0]), "age": t([0])}
    slots = step(network, average, sgd, old, new, 16, 0.9)
    return [slots["y"].item(), network.b.item(), average.b.item()]


def weights_of_the_paper(model: Any) -> int:
    from trm_edu.interface import ModelConfig

    c = ModelConfig(vocab_size=11, seq_len=81, prefix_len=16, puzzle_ids=1, puzzle_dim=512)
    return sum(weight.numel() for weight in model(c).parameters())


HEADS = (t([[[1.0, 0], [0, 2]]]), torch.zeros(1, 2, 2), t([[1.0, 1], [3, 0]]), t([[2.0, 0], [0, 0]]), t([-5.0, 0]), 1)


EXPECTED = {
    ("10", "latent_recursion"): [
        (lambda f: f(mean, 8, 0, 0, 2), (3, 6), "`(3, 6)`"),
        (lambda f: f(mean, 8, 3, 6, 2), (6.375, 9.75), "`(6.375, 9.75)`"),
    ],
    ("10", "deep_recursion"): [
        (
            recursions,
            ((6.375, 9.75), [False] * 3 + [True] * 3),
            "`(6.375, 9.75)`. The network is evaluated 6 times, the last 3 times with gradient",
        )
    ],
    ("10", "output_heads"): [
        (lambda f: f(*HEADS), (t([[[2.0, 0]]]), t([-3.0])), "logits are `[[[2, 0]]]` and the halt logit is `[-3]`")
    ],
    ("10", "supervision_step"): [(loss_of_nothing, 1.0397, "= 1.0397")],
    ("10", "MyTRM"): [(weights_of_the_paper, 5_028_866, "5,028,866 weights")],
    ("10", "exact_by_step"): [
        (lambda f: f(Late(), t([[0], [0]]), t([[1], [1]]), 4), t([0.5, 0.5, 1, 1]), "`[0.5, 0.5, 1, 1]`")
    ],
    ("10", "training_step"): [
        (one_call, [0.5, 0.6, 0.51], "new y is 0.5, b becomes 0.6, and the average's b goes from 0.5 to 0.51")
    ],
    ("10", "trm_parameters"): [
        (lambda f: f("mlp", 512, 11, 81, 16, 2, 4.0, 256), 5_028_866, "5,028,866"),
        (lambda f: f("attention", 512, 11, 81, 16, 2, 4.0, 256), 6_828_034, "6,828,034"),
        (lambda f: f("mlp", 512, 11, 81, 0, 2, 4.0, 256), 4_855_298, "4,855,298"),
    ],
}
