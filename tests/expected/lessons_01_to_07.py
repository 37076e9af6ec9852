"""Lessons 01 to 07: for each exercise, how to compute what its text says is expected."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

t = torch.tensor


class Scaled(nn.Module):
    """w * state + x, as both state and answer."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(t(0.5))

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = self.w * state + x
        return state, state


def mean(a: Any, b: Any) -> Any:
    return (a + b) / 2


def twice(a: Any, b: Any) -> Any:
    return 2 * a + b


def sums_to_the_steps(recursion: Any) -> Any:
    """The lesson's toy recursion for `deep_recursion`."""
    return recursion(lambda x, y, z: (y + x, z + 1), t(2.0), t(0.0), t(0.0), 3)


def tokens_to_logits(tokens: Any) -> Tensor:
    return torch.nn.functional.one_hot(t(tokens), 12).double()


def ahead(*_: Any) -> Any:
    return None, SimpleNamespace(halt_logit=t([-1.0, -1.0]), continue_logit=t([2.0, 2.0]))


def trained_table(step: Any) -> list[float]:
    table = nn.Embedding(3, 2)
    nn.init.zeros_(table.weight)
    sgd = torch.optim.SGD(table.parameters(), lr=0.1)
    return [step(table, sgd, t([[0, 1, 2], [2, 1, 0]]), t([[1, 1, -100], [-100, 1, 1]])) for _ in range(2)]


def slots(step: Any) -> tuple[Tensor, Tensor]:
    def network(inputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return y, t([-9.0, -9.0])

    old = {"inputs": t([1, 2]), "y": torch.zeros(2, 1), "age": t([2, 1]), "halted": t([False, True])}
    new = {"inputs": t([3, 4]), "y": torch.ones(2, 1), "age": t([0, 0])}
    after = step(network, old, new, 3)
    return after["age"], after["halted"]


def refilled(refill: Any) -> Tensor:
    def tensors(age: list[int]) -> dict[str, Tensor]:
        rows = {"inputs": torch.zeros(2, 3), "labels": torch.zeros(2, 3)}
        return rows | {"y": torch.zeros(2, 3, 4), "z": torch.zeros(2, 3, 4), "age": t(age)}

    return refill(t([True, False]), tensors([0, 0]), tensors([4, 2]))["age"]


def with_gradient(one_step: Any) -> tuple[Any, int]:
    """The result of the toy in `one_step_gradient`, and how many evaluations had a gradient."""
    modes = []

    def net(a: Tensor, b: Tensor) -> Tensor:
        modes.append(torch.is_grad_enabled())
        return mean(a, b)

    return one_step(net, t(8.0, requires_grad=True), t(0.0), t(0.0), 2), sum(modes)


def random_state(answer: Any) -> bool:
    """Whether three supervision steps give three different tensors."""
    from trm_edu.hrm import HRM, HRMConfig

    model = HRM(HRMConfig(6, 16, hidden=8, heads=2, n_layers=1, T=1, n=1, swiglu_multiple=8))
    _, logits = answer(model, torch.ones(2, 16).long(), 3)
    return len(logits) == 3 and not any(torch.equal(logits[i], logits[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def rotated(rotate: Any) -> Tensor:
    return rotate(t([[[[1.0, 0.0]] * 3]]), 10000.0)[0, 0]


def mean_of_values(attention: Any) -> bool:
    v = torch.randn(1, 1, 3, 2)
    mask = t([[True, False, True]] * 3)
    result = attention(torch.zeros(1, 1, 3, 2), torch.randn(1, 1, 3, 2), v, mask, lambda x: x)
    return torch.allclose(result[0, 0, 0], v[0, 0, [0, 2]].mean(0))


def unit_size(block: Any) -> bool:
    def norm(x: Tensor) -> Tensor:
        return torch.nn.functional.rms_norm(x, x.shape[-1:])

    sizes = block(torch.randn(2, 3, 4), torch.sin, torch.cos, norm).square().mean(-1).sqrt()
    return torch.allclose(sizes, torch.ones(2, 3), atol=1e-4)


def spread(start: Any) -> bool:
    weight = start(400, 500, torch.Generator().manual_seed(0))
    return abs(weight.std() - 0.05) < 0.001 and 0.113 < weight.abs().max() < 0.1137


QUESTION, ANSWER = np.array([2, 1, 4, 1]), np.array([2, 3, 4, 3])
ROWS_OF = np.arange(9)[:, None] * np.ones(9, int)
LOGITS = t([[[2.0, 0.0], [0.0, 0.0], [9.0, 9.0]], [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]])
HALT = t([[-3.0, -3.0], [1.0, -2.0], [2.0, -1.0]])
RIGHT = t([[False, False], [False, False], [True, False]])
RULE = (t([2.0, 2.0, -2.0, -2.0]), t([3, 3, 9, 16]), t([0.5, 0.05, 0.05, 0.5]), t([9, 9, 9, 2]), 16)
BAND = ((1, 0, 2), ((0, 1, 2), (2, 1, 0), (0, 1, 2)))

# lesson, exercise -> what is computed with the solution f, what it should be, and how the text says it
EXPECTED: dict[tuple[str, str], list[tuple[Any, Any, str]]] = {
    ("01", "encode_sudoku"): [(lambda f: f("5.01").tolist(), [6, 1, 1, 2], "`[6, 1, 1, 2]`")],
    ("01", "decode_sudoku"): [(lambda f: f(np.array([6, 1, 10])), "5.9", '`"5.9"`')],
    ("01", "shuffle_bands"): [
        (lambda f: f(ROWS_OF, *BAND)[:, 0].tolist(), [3, 4, 5, 2, 1, 0, 6, 7, 8], "3, 4, 5, 2, 1, 0, 6, 7, 8")
    ],
    ("01", "is_symmetry"): [
        (lambda f: f((2, 3, 0, 1, 5, 4), tuple(range(6)), False), True, "`True` for `rows = (2, 3, 0, 1, 5, 4)`"),
        (lambda f: f((0, 2, 1, 3, 4, 5), tuple(range(6)), False), False, "`False` for `rows = (0, 2, 1, 3, 4, 5)`"),
    ],
    ("01", "transform_pair"): [
        (
            lambda f: [a.tolist() for a in f(QUESTION, ANSWER, np.array([3, 2, 1, 0]), np.array([2, 3, 1]))],
            [[1, 2, 1, 3], [4, 2, 4, 3]],
            "`[1, 2, 1, 3]` and `[4, 2, 4, 3]`",
        )
    ],
    ("01", "exact_accuracy"): [(lambda f: f(t([[2, 5], [4, 9]]), t([[2, 3], [4, -100]])), 0.5, "give 0.5")],
    ("01", "encode_arc"): [
        (lambda f: f(np.array([[0, 3]]), side=3).tolist(), [2, 5, 1, 1, 1, 0, 0, 0, 0], "`[2, 5, 1, 1, 1, 0, 0, 0, 0]`")
    ],
    ("02", "cell_loss"): [(lambda f: f(LOGITS, t([[1, -100, -100], [0, 0, 1]])), 1.4501, "1.4501")],
    ("02", "training_step"): [(trained_table, [0.6931, 0.6685], "0.6931, then 0.6685")],
    ("02", "cell_and_exact"): [
        (
            lambda f: f(tokens_to_logits([[1, 2, 0], [1, 1, 1]]), t([[1, 2, -100], [1, 0, 1]])),
            (0.8, 0.5),
            "`(0.8, 0.5)`",
        )
    ],
    ("02", "effective_depth"): [(lambda f: f(3, 6, 2, 1), (42, 14), "`(42, 14)`")],
    ("02", "count_parameters"): [
        (lambda f: f("mlp", 512, 1536, 81, 256, 2, 3, 6), 4_843_008, "4,843,008"),
        (lambda f: f("attention", 512, 1536, 81, 256, 2, 3, 6), 6_815_744, "6,815,744"),
    ],
    ("02", "training_flops"): [(lambda f: f(1000, 3, 6), 70_000, "is 70,000")],
    ("03", "rms_norm"): [
        (lambda f: f(t([1.0, -7.0]), 0.0), t([0.2, -1.4]), "`[0.2, -1.4]`"),
        (lambda f: f(t([1.0, -7.0]), 11), t([0.1667, -1.1667]), "`[0.1667, -1.1667]`"),
    ],
    ("03", "swiglu"): [
        (
            lambda f: f(t([1.0, 2.0]), t([[1.0, 0.5], [3.0, -1.0]]), t([[1.0], [2.0]])),
            t([1.7616, 3.5232]),
            "(1.7616, 3.5232)",
        )
    ],
    ("03", "rotate"): [
        (rotated, t([[1, 0], [0.5403, 0.8415], [-0.4161, 0.9093]]), "(1, 0), (0.5403, 0.8415), (-0.4161, 0.9093)")
    ],
    ("03", "attention"): [(mean_of_values, True, "plain mean of the values")],
    ("03", "token_mixer"): [
        (lambda f: f(torch.arange(6.0).view(1, 3, 2), lambda x: x.flip(-1))[0, :, 0], t([4.0, 2, 0]), "reverse order")
    ],
    ("03", "post_norm_block"): [(unit_size, True, "root mean square 1")],
    ("03", "start"): [(spread, True, "0.05, and no weight is larger than 0.1137")],
    ("04", "schedule"): [(lambda f: f(T=2, n=3), list("LLLHLLLH"), '`["L", "L", "L", "H", "L", "L", "L", "H"]`')],
    ("04", "low_tick"): [(lambda f: f(twice, 1, 10, 100), 211, "211")],
    ("04", "high_tick"): [(lambda f: f(twice, 1, 10, 100), 120, "120")],
    ("04", "hrm_cycles"): [(lambda f: f(mean, mean, 8, 0, 0, 2, 2), (6.375, 9.75), "`(6.375, 9.75)`")],
    ("04", "run_supervision_steps"): [(random_state, True, "no two of them equal")],
    ("04", "effective_depth"): [(lambda f: f(2, 2, 4, 4), 24, "gives 24")],
    ("04", "hrm_parameters"): [(lambda f: f(512, 1536, 11, 4, 2, 2), 27_275_266, "27,275,266")],
    ("05", "residual"): [
        (
            lambda f: f(lambda z, x: z + x, t([[[3.0], [4]], [[6], [8]]]), t([[[0.0], [1]], [[0], [1]]])),
            t([0.2, 0.1]),
            "[0.2, 0.1]",
        )
    ],
    ("05", "exact_gradient_at_fixed_point"): [
        (lambda f: f(t([[0.5]]), t([3.0])), t([6.0]), "[6]"),
        (lambda f: f(t([[0.0, 1], [0, 0]]), t([1.0, 0])), t([1.0, 1]), "[1, 1]"),
    ],
    ("05", "cosine"): [(lambda f: f([t([3.0]), t([4.0])], [t([3.0]), t([-4.0])]), -0.28, "-0.28")],
    ("05", "one_step_gradient"): [(with_gradient, ((3, 6), 2), "give y = 3 and z = 6. Of the three evaluations two")],
    ("05", "deep_recursion"): [(sums_to_the_steps, ((6, 3), 6), "the carry is (6, 3) and the answer 6")],
    ("05", "saved_evaluations"): [
        (lambda f: [f(2, 1, which) for which in ("last", "one", "all")], [2, 2, 4], '2 (`"last"`), 2 (`"one"`) and 4')
    ],
    ("06", "supervision_loop"): [
        (
            lambda f: f(n := Scaled(), torch.optim.SGD(n.parameters(), 0.1), t([1.0]), t([0.0]), t([2.0]), 3),
            [1, 0.25, 0.01],
            "`[1, 0.25, 0.01]`",
        )
    ],
    ("06", "refill"): [(refilled, t([0, 2]), "become [0, 2]")],
    ("06", "supervision_step"): [(slots, (t([3, 1]), t([True, False])), "become [3, 1]")],
    ("06", "simulate_ages"): [
        (
            lambda f: f([[2, 1, 1], [9, 9, 9]], n_calls=4, n_supervision=3),
            [[1, 1], [2, 2], [1, 3], [1, 1]],
            "`[[1, 1], [2, 2], [1, 3], [1, 1]]`",
        )
    ],
    ("06", "optimizer_steps"): [(lambda f: f(7, 100, 32), 21, "is 21")],
    ("06", "reach_of_gradient"): [(lambda f: {f(k, 3, 6, True) for k in range(1, 17)}, {7}, "it is 7 at every step k")],
    ("07", "halting_target"): [
        (
            lambda f: f(tokens_to_logits([[2, 1, 3]] * 3), t([[2, 1, 3], [2, 1, 0], [2, 1, -100]])) * 1,
            t([1, 0, 1]),
            "1, 0, 1",
        )
    ],
    ("07", "halting_loss"): [
        (lambda f: f(t([-5.0]), tokens_to_logits([[3]]), t([[3]])), 2.5034, "= 2.5034 if its answer is right"),
        (lambda f: f(t([-5.0]), tokens_to_logits([[3]]), t([[4]])), 0.0034, "= 0.0034 if"),
    ],
    ("07", "halting_rule"): [(lambda f: f(*RULE), t([True, False, False, True]), "| 2 | 3 | 0.50 | 9 | yes: done |")],
    ("07", "q_continue_target"): [
        (lambda f: f(ahead, None, None, None, t([5, 16]), 16), t([0.8808, 0.2689]), "0.8808; at the last step 0.2689")
    ],
    ("07", "calibration"): [
        (
            lambda f: f(np.array([0.1, 0.3, 0.9, 1.0]), np.array([False, True, True, True]), 2),
            [(2, 0.2, 0.5), (2, 0.95, 1.0)],
            "`[(2, 0.2, 0.5), (2, 0.95, 1.0)]`",
        )
    ],
    ("07", "early_stop"): [
        (lambda f: f(HALT, RIGHT, 0), (t([2, 3]), t([False, False])), "stops at step 2, not solved. One with logits")
    ],
}
