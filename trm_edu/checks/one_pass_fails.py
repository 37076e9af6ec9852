"""Checks of lesson 02: a network that answers at once, its training step, and what depth is and costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trm_edu.checks.teacher import Mistake, judge, passed, refuse, run, same
from trm_edu.losses import IGNORE

__all__ = [
    "cell_and_exact",
    "cell_loss",
    "count_parameters",
    "effective_depth",
    "training_flops",
    "training_step",
]


# --- the loss ---------------------------------------------------------------------------------------------------------


def per_puzzle(losses: Tensor, labels: Tensor) -> Tensor:
    """Mean of the cells that count, for each puzzle: [B, L] -> [B]."""
    counts = labels != IGNORE
    return (losses * counts).sum(-1) / counts.sum(-1)


def wrong_losses(logits: Tensor, labels: Tensor) -> list[Mistake]:
    """What the usual mistakes give."""
    counts, safe = labels != IGNORE, labels.clamp_min(0)

    def picked(values: Tensor) -> Tensor:
        return values.gather(-1, safe[..., None])[..., 0]

    def minus(values: Tensor) -> Tensor:
        return per_puzzle(-picked(values), labels).mean()

    log = logits.log_softmax(-1)
    losses, probability = -picked(log), logits.softmax(-1)
    right = (logits.argmax(-1) == labels).float()
    where_sum = "A puzzle with more cells would weigh more: divide by how many cells, and how many puzzles, there are."
    sums = ((losses * counts).sum(), (losses * counts).sum(-1).mean(), per_puzzle(losses, labels).sum())
    where_errors = (
        "Counting is flat: no small change of a logit changes it, so there is no gradient. Use probabilities."
    )
    return [
        Mistake(
            "ignored-in-mean",
            (losses * counts).mean(),
            "Ignored cells give no loss, but they are still counted in the mean.",
            "Divide each puzzle's sum by the number of its cells that count, not by L.",
        ),
        Mistake(
            "cells-weigh-alike",
            losses[counts].mean(),
            "All cells of the batch went into one mean, so that puzzles with few cells weigh less.",
            "Take the mean inside each puzzle first; then the mean of these B numbers.",
        ),
        *[
            Mistake("sum-not-mean", value, "Something was summed where a mean was asked for.", where_sum)
            for value in sums
        ],
        Mistake(
            "softmax-twice",
            minus(probability.log_softmax(-1)),
            "Softmax was applied twice.",
            "`F.cross_entropy` and `log_softmax` take raw logits; give them no probabilities.",
        ),
        Mistake(
            "ignored-cells-count",
            losses.mean(),
            "Cells with label -100 were counted, as if their label were token 0.",
            "A stand-in label keeps `gather` happy. Its loss must be thrown away afterwards.",
        ),
        Mistake(
            "no-logarithm",
            minus(probability),
            "This is minus the probability. The logarithm is missing.",
            "A probability of 0.5 has the loss 0.69, one of 1 the loss 0.",
        ),
        Mistake(
            "sign",
            -minus(log),
            "The sign is wrong: your loss is negative.",
            "Logarithms of probabilities are negative; a loss is positive, and falls as the network gets better.",
        ),
        *[
            Mistake("counts-errors", value, "Your loss counts right or wrong cells after `argmax`.", where_errors)
            for share in (right, 1 - right)
            for value in (per_puzzle(share, labels).mean(), share[counts].mean())
        ],
        Mistake(
            "wrong-axis",
            minus(logits.log_softmax(1)),
            "Softmax ran over the cells, not over the tokens.",
            "Logits are [B, L, V]: each cell chooses among V tokens, the last axis.",
        ),
    ]


def cell_loss(answer: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Cross-entropy: mean over the cells that count in each puzzle, then over puzzles."""
    random = torch.Generator().manual_seed(2)
    cases = [
        (2 * torch.randn(2, 3, 4, generator=random), torch.tensor([[1, -100, -100], [0, 3, 2]])),
        (
            2 * torch.randn(3, 5, 7, generator=random),
            torch.tensor([[2, -100, 6, -100, -100], [-100, 0, 3, 1, 2], [1, 1, 4, 0, 3]]),
        ),
    ]
    for logits, labels in cases:
        logits.requires_grad_()
        losses = F.cross_entropy(logits.transpose(1, 2), labels, reduction="none", ignore_index=IGNORE)
        expected = per_puzzle(losses, labels).mean()
        given = f"logits {list(logits.shape)}, labels {labels.tolist()}"
        result = run(answer, logits, labels)
        judge(
            result,
            expected,
            given=given,
            mistakes=wrong_losses(logits, labels),
            where="Compute it with a loop first: one cell, one puzzle, then the batch.",
            tolerance=1e-5,
        )
        if not (isinstance(result, Tensor) and result.requires_grad):
            refuse(
                "no-gradient",
                "The number is right, but nothing can be learned from it: it carries no gradient.",
                "Return the tensor itself: no `.item()`, no `.detach()`, no `float(...)`, no `no_grad`.",
                given=given,
                yours=result,
                expected="a tensor with requires_grad=True",
            )
    sure, label = torch.tensor([[[200.0, 0.0], [0.0, 0.0]]]), torch.tensor([[1, -100]])
    infinite = Mistake(
        "log-of-softmax",
        torch.tensor(float("inf")),
        "A very sure, wrong network gets an infinite loss.",
        "The probability was rounded to 0 before its logarithm was taken. `log_softmax` does both in one.",
    )
    judge(
        run(answer, sure, label),
        torch.tensor(200.0),
        given="logits [[[200, 0], [0, 0]]], labels [[1, -100]]",
        mistakes=[infinite],
        where="Large logits must not break it: the loss here is 200.",
    )
    passed("cell_loss", "2 batches with ignored cells", "a gradient", "logits as large as 200")


# --- the training step ------------------------------------------------------------------------------------------------


class Table(nn.Module):
    """The smallest network: a row of logits for each token. It writes down what happens to it."""

    def __init__(self, weight: Tensor, events: list[str]) -> None:
        super().__init__()
        self.weight, self.events = nn.Parameter(weight.clone()), events
        self.weight.register_hook(lambda _: events.append("backward"))

    def forward(self, inputs: Tensor) -> Tensor:
        self.events.append("forward")
        return self.weight[inputs]

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.events.append("zero_grad")
        super().zero_grad(set_to_none)


class Watched(torch.optim.SGD):
    """Plain gradient descent that writes down what is asked of it."""

    def __init__(self, model: Table) -> None:
        super().__init__(model.parameters(), lr=0.5)
        self.events = model.events

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.events.append("zero_grad")
        super().zero_grad(set_to_none)

    def step(self, closure: Any = None) -> Any:
        self.events.append("step")
        return super().step(closure)


def watch_order(events: Sequence[str], given: str) -> None:
    """Refuse a step that leaves something out or does it at the wrong time."""
    shown = {"given": given, "yours": " > ".join(events), "expected": "zero_grad > forward > backward > step"}
    if "backward" not in events:
        refuse(
            "no-backward",
            "No gradient was computed.",
            "Which call goes from the loss back to the weights? It belongs before the optimizer's step.",
            **shown,
        )
    if "step" not in events:
        refuse(
            "no-step",
            "Gradients were computed, but no weight was moved.",
            "The optimizer has a method for that. It comes last.",
            **shown,
        )
    back, step = events.index("backward"), events.index("step")
    if step < back:
        refuse(
            "step-before-backward",
            "The optimizer stepped before there were gradients of this batch.",
            "It moves the weights by what stands in `.grad`. Who writes that, and when?",
            **shown,
        )
    if "zero_grad" in events[back:step]:
        refuse(
            "cleared-before-step",
            "The gradients were cleared between `backward` and `step`: the optimizer found none.",
            "Clear those of the last batch, not those of this one. When is the time?",
            **shown,
        )


def training_step(answer: Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor], float]) -> None:
    """Clear, forward, loss, backward, step; twice, so that old gradients would show."""
    random = torch.Generator().manual_seed(3)
    start = torch.randn(4, 4, generator=random)
    batches = [
        (torch.tensor([[1, 1, 2], [3, 1, 2]]), torch.tensor([[2, -100, 3], [1, 2, -100]])),
        (torch.tensor([[2, 3, 1], [1, 2, 3]]), torch.tensor([[1, 2, -100], [-100, 3, 1]])),
    ]

    def loss_at(weight: Tensor, batch: tuple[Tensor, Tensor], ignore: bool = True) -> tuple[Tensor, Tensor]:
        weight = weight.clone().requires_grad_()
        labels = batch[1] if ignore else batch[1].clamp_min(0)
        loss = F.cross_entropy(weight[batch[0]].transpose(1, 2), labels, ignore_index=IGNORE)
        return loss.detach(), torch.autograd.grad(loss, weight)[0]

    model = Table(start, [])
    optimizer = Watched(model)
    with torch.enable_grad():
        weight, old = start, torch.zeros_like(start)
        for number, (inputs, labels) in enumerate(batches, start=1):
            given = f"step {number}: inputs {inputs.tolist()}, labels {labels.tolist()}"
            before = [inputs.clone(), labels.clone()]
            model.events.clear()
            result = answer(model, optimizer, inputs, labels)
            if not (same(inputs, before[0]) and same(labels, before[1])):
                refuse(
                    "input-changed",
                    "Your step changed the inputs or the labels.",
                    "The caller needs them as they were: build new tensors instead.",
                    given=given,
                    yours=labels,
                    expected=before[1],
                )
            watch_order(model.events, given)
            loss, gradient = loss_at(weight, (inputs, labels))
            after = weight - 0.5 * gradient
            if isinstance(result, Tensor) and result.requires_grad:
                refuse(
                    "loss-with-graph",
                    "The loss that came back still holds the graph of the whole step.",
                    "Whoever collects such losses fills the memory. Return a plain number.",
                    given=given,
                    yours=result,
                    expected=loss.item(),
                )
            judge(
                result,
                loss.item(),
                given=given,
                mistakes=[
                    Mistake(
                        "ignored-cells-count",
                        loss_at(weight, (inputs, labels), ignore=False)[0],
                        "Cells with label -100 went into the loss.",
                        "They must give no loss and no gradient, and must not be in the mean.",
                    ),
                    Mistake(
                        "loss-after-step",
                        loss_at(after, (inputs, labels))[0],
                        "This is the loss after the weights had moved.",
                        "Return the loss that the gradient was computed from; a second forward pass is not needed.",
                    ),
                ],
                what="The loss that came back is not the mean over the cells that count.",
                where="Cross-entropy over the cells whose label is not -100; what does `F.cross_entropy` do by itself?",
                tolerance=1e-5,
            )
            judge(
                model.weight,
                after,
                given=f"the weights after {given}",
                mistakes=[
                    Mistake(
                        "no-zero-grad",
                        weight - 0.5 * (gradient + old),
                        "The second step also repeated the first: its gradients were still there.",
                        "`backward` adds to `.grad`. What must happen once in every step, before it?",
                    ),
                ],
                what="The loss is right, but the weights did not move as they should.",
                where="One `backward` from the loss you return, one `step`, with fresh gradients each time.",
                tolerance=1e-5,
            )
            weight, old = after, gradient
    passed("training_step", "2 steps in a row, with ignored cells", "the order of its calls", "the loss")


# --- scores -----------------------------------------------------------------------------------------------------------


def cell_and_exact(answer: Callable[[Tensor, Tensor], tuple[float, float]]) -> None:
    """Share of cells that are right, and share of puzzles that are right in all their cells."""
    cases = [
        (
            [[1, 2, 0, 1, 2], [0, 1, 2, 2, 0], [2, 0, 1, 1, 1], [0, 1, 0, 0, 0]],
            [[1, 2, 0, -100, -100], [0, 1, 2, 2, 1], [2, -100, 1, 1, -100], [1, 0, -100, 2, 0]],
        ),
        ([[1, 1], [2, 0], [0, 1]], [[1, -100], [2, 0], [1, 0]]),
        ([[2, 1, 0]], [[2, 1, 0]]),
    ]
    random = torch.Generator().manual_seed(4)
    for answers, labels in ((torch.tensor(a), torch.tensor(b)) for a, b in cases):
        logits = F.one_hot(answers, 3) + 0.5 * torch.rand(*answers.shape, 3, generator=random)
        counts, hit = labels != IGNORE, answers == labels
        cells = (hit.sum() / counts.sum()).item()
        whole = (hit | ~counts).all(-1)
        exact = whole.float().mean().item()
        as_wrong, harsh = hit.float().mean().item(), hit.all(-1).float().mean().item()
        said_wrong = ("Cells with label -100 were counted as wrong.", "No token is -100. Where do you leave them out?")
        mistakes = [
            Mistake("ignored-are-wrong", pair, *said_wrong)
            for pair in ((as_wrong, harsh), (as_wrong, exact), (cells, harsh))
        ]
        mistakes += [
            Mistake(
                "ignored-are-right",
                ((hit | ~counts).float().mean().item(), exact),
                "Cells with label -100 were counted as right cells.",
                "They may not spoil a puzzle, but they are no merit either: neither above nor below the line.",
            ),
            Mistake(
                "mean-of-means",
                (per_puzzle(hit.float(), labels).mean().item(), exact),
                "The cell accuracy is a mean of the puzzles' accuracies.",
                "Here every cell that counts weighs the same: count right cells in the whole batch.",
            ),
            Mistake(
                "one-cell-is-enough",
                (cells, hit.any(-1).float().mean().item()),
                "A puzzle counted as exact as soon as one of its cells is right.",
                "Exact means that all cells are right: `all`, not `any`.",
            ),
            Mistake(
                "across-puzzles",
                (cells, (hit | ~counts).all(0).float().mean().item()),
                "You asked whether a cell is right in all puzzles, not whether a puzzle is right in all cells.",
                "Labels are [B, L]: which axis holds the cells?",
            ),
            Mistake(
                "swapped",
                (exact, cells),
                "The two scores came back in the wrong order.",
                "First the cells, then the exact score.",
            ),
            Mistake(
                "counts-not-shares",
                (hit.sum().item(), whole.sum().item()),
                "These are numbers of cells and puzzles, not shares.",
                "Divide by how many cells count, and by how many puzzles there are.",
            ),
        ]
        judge(
            run(answer, logits, labels),
            (cells, exact),
            given=f"logits whose largest are {answers.tolist()}, labels {labels.tolist()}",
            mistakes=mistakes,
            where="Mark three kinds of cells on paper: right, wrong, and those that do not count.",
            tolerance=1e-5,
        )
    passed("cell_and_exact", "3 batches, with and without ignored cells")


# --- depth, weights, work ---------------------------------------------------------------------------------------------


def effective_depth(answer: Callable[[int, int, int, int], tuple[int, int]]) -> None:
    """Layers before the last answer, and how many of them its gradient reaches."""
    for T, n, layers, steps in ((3, 6, 2, 16), (3, 6, 2, 1), (2, 3, 4, 5), (1, 1, 1, 1)):
        given = f"effective_depth(T={T}, n={n}, n_layers={layers}, n_supervision={steps})"
        depth, reached = T * (n + 1) * layers * steps, (n + 1) * layers
        result = run(answer, T, n, layers, steps)
        if not (isinstance(result, list | tuple) and len(result) == 2):
            refuse(
                "no-pair",
                "Two numbers were expected, and something else came back.",
                "The first counts all layers, the second those that the gradient reaches: return both.",
                given=given,
                yours=result,
                expected=(depth, reached),
            )
        judge(
            result[0],
            depth,
            given=f"{given}, first number",
            mistakes=[
                Mistake(
                    "T-twice",
                    depth * T,
                    "T was counted twice.",
                    "A supervision step makes T recursions of n + 1 evaluations. T enters once.",
                ),
                Mistake(
                    "steps-forgotten",
                    depth // steps,
                    "This is the depth of one supervision step. The others were forgotten.",
                    "Each step goes on from the y and z of the step before: the chain gets longer.",
                ),
                Mistake(
                    "answer-forgotten",
                    T * n * layers * steps,
                    "The renewal of the answer was forgotten.",
                    "A recursion renews z n times and then y once: how many evaluations is that?",
                ),
                Mistake(
                    "one-answer-for-all",
                    (T * n + 1) * layers * steps,
                    "The answer was renewed once a step. It is renewed at the end of each recursion.",
                    "Look at the whiteboard: z z y, z z y, z z y.",
                ),
                Mistake(
                    "layers-forgotten",
                    T * (n + 1) * steps,
                    "These are evaluations, not layers.",
                    "The network has several layers, and each evaluation passes them all.",
                ),
            ],
            where="Write the sequence of evaluations down for T = 2, n = 1, and count.",
        )
        judge(
            result[1],
            reached,
            given=f"{given}, second number",
            mistakes=[
                Mistake(
                    "all-recursions-learn",
                    T * (n + 1) * layers,
                    "You let all T recursions take part in the gradient.",
                    "T - 1 of them run without gradient, so that only one is left.",
                ),
                Mistake(
                    "gradient-across-steps",
                    (n + 1) * layers * steps,
                    "You let the gradient pass from one supervision step to the one before.",
                    "What a step hands on is detached: the gradient stays within its own step.",
                ),
                Mistake(
                    "gradient-without-answer",
                    n * layers,
                    "In the second number the renewal of the answer is missing.",
                    "The heads read y: the last evaluation before them is the one that renewed it.",
                ),
                Mistake(
                    "gradient-in-evaluations",
                    n + 1,
                    "The second number counts evaluations; layers were asked for.",
                    "Both numbers have the same unit: how many layers does one evaluation pass?",
                ),
                Mistake(
                    "one-step-gradient",
                    layers,
                    "You let the gradient reach one evaluation only. So does HRM, for each of its networks.",
                    "In TRM the whole last recursion takes part.",
                ),
            ],
            where="Only the last recursion of the last step takes part in the gradient.",
        )
    passed("effective_depth", "4 settings, among them the paper's, with 1 and with 16 supervision steps")


def count_parameters(answer: Callable[..., int]) -> None:
    """Weights of a network of blocks: a SwiGLU over the channels, and attention or a SwiGLU over the cells."""
    cases = [("mlp", 6, 16, 5, 8, 2, 3, 4), ("attention", 6, 16, 5, 8, 2, 3, 4)]
    cases += [
        ("mlp", 512, 1536, 81, 256, 2, 3, 6),
        ("attention", 512, 1536, 81, 256, 2, 3, 6),
        ("mlp", 4, 8, 9, 16, 1, 1, 1),
    ]
    for mixer, dim, width, cells, cell_width, layers, T, n in cases:
        named = {"mixer": mixer, "dim": dim, "width": width, "cells": cells, "cell_width": cell_width}
        named |= {"n_layers": layers, "T": T, "n": n}
        mlp = mixer == "mlp"
        channel = dim * width  # weights of one matrix of the channel SwiGLU
        mixing = cells * cell_width if mlp else dim * dim  # and of one matrix that mixes cells
        many = 3 if mlp else 4
        block = many * mixing + 3 * channel
        biases = 2 * width + dim + (2 * cell_width + cells if mlp else 4 * dim)
        expected = layers * block
        said_repeat = "A weight that is used 21 times is still one weight: look at what is stored, not at what is run."
        mistakes = [
            Mistake(
                "two-matrices",
                layers * ((2 if mlp else 4) * mixing + 2 * channel),
                "Gate and up were counted as one matrix.",
                "A SwiGLU squashes one product and multiplies it by another, then goes down: three matrices.",
            ),
            Mistake(
                "biases",
                expected + layers * biases,
                "Biases were counted. These layers have none.",
                "Only matrices: inputs times outputs each, nothing added.",
            ),
            *[
                Mistake(
                    "times-recursion", expected * times, "The weights were multiplied by the recursion.", said_repeat
                )
                for times in (T * (n + 1), T * n, T, n + 1)
            ],
            Mistake(
                "one-block",
                block,
                "These are the weights of one block.",
                "Each of the n_layers blocks has weights of its own; only the recursion shares them.",
            ),
        ]
        if mlp:
            mistakes += [
                Mistake(
                    "mixes-channels",
                    layers * (3 * dim * cell_width + 3 * channel),
                    "The SwiGLU that mixes cells was given the width of a channel vector.",
                    "It runs over the cells: that many numbers go in and come out.",
                ),
                Mistake(
                    "mixer-for-each-channel",
                    layers * (3 * dim * mixing + 3 * channel),
                    "Each channel was given a cell mixer of its own.",
                    "All channels are mixed by the same weights.",
                ),
                Mistake(
                    "no-mixing",
                    layers * 3 * channel,
                    "The part that mixes cells was left out.",
                    "A block has two parts: one between cells, one within a cell.",
                ),
            ]
        else:
            mistakes.append(
                Mistake(
                    "output-forgotten",
                    layers * (3 * mixing + 3 * channel),
                    "Attention has a fourth matrix besides query, key and value.",
                    "The heads' results are put together by one more D x D matrix.",
                )
            )
        judge(
            run(answer, **named),
            expected,
            given=f"count_parameters({', '.join(f'{key}={value!r}' for key, value in named.items())})",
            mistakes=mistakes,
            where="List the matrices of one block with their two sizes, and add up.",
        )
    passed("count_parameters", "both kinds of blocks, small ones and the paper's")


def training_flops(answer: Callable[[int, int, int], int]) -> None:
    """FLOPs of a training step from the multiply-adds of one evaluation."""
    for adds, T, n in ((1000, 4, 3), (1000, 3, 6), (7, 1, 1), (445_906_944, 3, 6)):
        free, learning = (T - 1) * (n + 1), n + 1
        expected = 2 * adds * (free + 3 * learning)
        said_T = ("T was counted twice.", "T - 1 recursions run without gradient, one with it: T is already in there.")
        judge(
            run(answer, adds, T, n),
            expected,
            given=f"training_flops(multiply_adds={adds}, T={T}, n={n})",
            mistakes=[
                Mistake(
                    "multiply-add-is-one",
                    expected // 2,
                    "A multiply-add was counted as one operation.",
                    "It is a multiplication and an addition.",
                ),
                Mistake(
                    "backward-everywhere",
                    2 * adds * 3 * T * (n + 1),
                    "All T recursions were given a backward pass.",
                    "Most run without gradient. How many evaluations does that leave with one?",
                ),
                Mistake(
                    "no-backward",
                    2 * adds * T * (n + 1),
                    "Only the forward passes were counted.",
                    "Training computes gradients too: for each product of the forward pass, two more.",
                ),
                *[Mistake("T-twice", value, *said_T) for value in (T * expected, 2 * adds * (T * free + 3 * learning))],
                Mistake(
                    "last-counted-twice",
                    2 * adds * (T * (n + 1) + 3 * learning),
                    "The last recursion was counted with gradient, and once more without.",
                    "How many recursions run without gradient: T, or one fewer?",
                ),
                Mistake(
                    "backward-costs-one",
                    2 * adds * (free + 2 * learning),
                    "The backward pass was counted like one forward pass.",
                    "Each product needs two gradients: that of the weights and that of the inputs.",
                ),
                Mistake(
                    "answer-forgotten",
                    2 * adds * ((T - 1) * n + 3 * n),
                    "The renewal of the answer was forgotten.",
                    "A recursion evaluates the network n times for z and once for y.",
                ),
            ],
            where="First count evaluations: how many without gradient, how many with? Then give each its price.",
        )
    passed("training_flops", "4 settings, among them the paper's")
