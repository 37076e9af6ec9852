"""Checks of lesson 10: the recursions, the heads, the whole model, a supervision step, training and inference."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trm_edu.checks.teacher import Mistake, judge, kind, passed, refuse, run, same
from trm_edu.interface import ModelConfig
from trm_edu.supervision import choose

__all__ = [
    "MyTRM",
    "deep_recursion",
    "exact_by_step",
    "latent_recursion",
    "output_heads",
    "supervision_step",
    "training_step",
    "trm_parameters",
]

EXACT = 1e-12  # tolerance for whole numbers in the millions
Words = dict[str, tuple[str, str]]  # of each mistake by name: what is wrong, and where to look


def draw(*shape: int, seed: int) -> Tensor:
    """Normal numbers from a generator of their own."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def told(values: dict[str, Any], words: Words, expected: Any, tolerance: float = 1e-6) -> list[Mistake]:
    """Mistakes with their words; one that leads to the right value in this case is left out."""
    wrong = {name: value for name, value in values.items() if not same(value, expected, tolerance)}
    return [Mistake(name, value, *words[name]) for name, value in wrong.items()]


class Sum(nn.Module):
    """A network as TRM's: it adds its two inputs first. It notes for each evaluation whether a gradient was kept."""

    def __init__(self, width: int, seed: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(draw(width, width, seed=seed) / width**0.5)
        self.modes: list[bool] = []

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        self.modes.append(torch.is_grad_enabled())
        return torch.sin((a + b) @ self.weight + 0.3)


# --- one recursion ----------------------------------------------------------------------------------------------------


def recursion(net: Callable, x: Tensor, y: Tensor, z: Tensor, n: int, variant: str = "") -> tuple[Tensor, Tensor]:
    """n updates of z, one of y; right, or with one mistake."""
    first_y, first_z = y, z
    if variant == "answer-first":
        y = net(y, z)
    updates = n + {"n-plus-one-updates": 1, "one-update-missing": -1}.get(variant, 0)
    for _ in range(updates):
        old = first_z if variant == "z-not-kept" else z
        z = net(old, {"y-not-fed-back": x, "x-forgotten": y}.get(variant, y + x))
        if variant == "y-at-every-update":
            y = net(y, z)
    if variant in ("answer-first", "y-at-every-update"):
        return y, z
    read = first_z if variant == "old-z-in-the-answer" else z
    answer = {"x-in-the-answer": y + x, "old-answer-lost": torch.zeros_like(y)}.get(variant, y)
    y = net(answer, read)
    if variant == "z-after-the-answer":
        z = net(z, y + x)
    if variant == "y-not-renewed":
        return first_y, z
    return (z, y) if variant == "swapped" else (y, z)


RECURSION_WORDS: Words = {
    "x-in-the-answer": (
        "The question x is in the answer line too.",
        "Only thinking sees the question; the answer is made of the old answer and the scratch pad.",
    ),
    "y-not-fed-back": (
        "The answer y is missing in the think line.",
        "The network should improve *this* answer: what is added to x before z is renewed?",
    ),
    "x-forgotten": (
        "The question x is missing in the think line.",
        "z is renewed from three things; without x the network does not know which puzzle it solves.",
    ),
    "n-plus-one-updates": (
        "z was renewed n + 1 times.",
        "n counts the updates of z alone; the update of y comes on top of them.",
    ),
    "one-update-missing": (
        "z was renewed n - 1 times.",
        "The n updates of z all come before y, which is not one of them.",
    ),
    "z-not-kept": (
        "Every update of z began from the z that was given.",
        "Each update goes on from the one before: give the new z the name of the old one.",
    ),
    "y-at-every-update": (
        "y was renewed after every update of z.",
        "Think n times, answer once: is the answer line inside the loop?",
    ),
    "answer-first": (
        "y was renewed before z.",
        "First think, then answer: the answer is made from the last z.",
    ),
    "z-after-the-answer": (
        "z was renewed once more, with the new y.",
        "The recursion ends with the answer. The next recursion is the first to think about it.",
    ),
    "old-z-in-the-answer": (
        "The answer was made from the z that was given.",
        "What was all the thinking for? The answer reads the last z.",
    ),
    "old-answer-lost": (
        "The old answer is missing in the answer line.",
        "y is improved, not made anew: both y and z go into its update.",
    ),
    "y-not-renewed": (
        "The y that comes back is the old one.",
        "The result of the answer line must be what you return.",
    ),
    "swapped": (
        "y and z have changed places in what comes back.",
        "The answer comes first: the pair is (y, z).",
    ),
}


def latent_recursion(answer: Callable[..., tuple[Tensor, Tensor]]) -> None:
    """z is renewed n times, then y once, by the same network."""
    for n, shape in ((3, (2, 3, 4)), (1, (1, 2, 3)), (6, (3, 1, 2))):
        net = Sum(shape[-1], seed=n).requires_grad_(False)
        x, y, z = draw(3, *shape, seed=10 + n)
        expected = recursion(net, x, y, z, n)
        values = {name: recursion(net, x, y, z, n, name) for name in RECURSION_WORDS}
        judge(
            run(answer, net, x, y, z, n),
            expected,
            given=f"a network that adds its two inputs first; x, y, z of shape {list(shape)}, n={n}",
            mistakes=told(values, RECURSION_WORDS, expected),
            where="Follow the toy of the lesson by hand: x = 8, y = z = 0, the mean as network, n = 2.",
        )
    passed("latent_recursion", "n of 1, 3 and 6, from random x, y and z")


# --- T recursions -----------------------------------------------------------------------------------------------------


def deep(net: Callable, x: Tensor, y: Tensor, z: Tensor, n: int, T: int, variant: str = "") -> tuple[Tensor, Tensor]:
    """T recursions, the last one with gradient; right, or with one mistake."""
    first_y, first_z = y, z
    count = T + {"one-recursion-too-many": 1, "one-recursion-missing": -1}.get(variant, 0)
    for i in range(count):
        if variant in ("states-dropped", "y-dropped"):
            y = first_y
        if variant in ("states-dropped", "z-dropped"):
            z = first_z
        with torch.set_grad_enabled(variant == "gradient-through-all" or i + 1 == count):
            y, z = recursion(net, x, y, z, n)
    return y, z


def one_step(net: Callable, x: Tensor, y: Tensor, z: Tensor, n: int, T: int) -> tuple[Tensor, Tensor]:
    """HRM's gradient: only the last update of z and that of y."""
    with torch.no_grad():
        for _ in range(T - 1):
            y, z = recursion(net, x, y, z, n)
        for _ in range(n - 1):
            z = net(z, y + x)
    z = net(z, y + x)
    return net(y, z), z


DEEP_WORDS: Words = {
    "one-recursion-too-many": (
        "There were T + 1 recursions.",
        "T counts all of them: T - 1 without gradient, then the one with.",
    ),
    "one-recursion-missing": (
        "There were T - 1 recursions.",
        "T - 1 run without gradient. One more, with gradient, comes after them.",
    ),
    "states-dropped": (
        "What the earlier recursions found was thrown away.",
        "Each recursion goes on from the y and z of the one before. Do they keep their names?",
    ),
    "y-dropped": (
        "Every recursion began from the y that was given.",
        "Both states go on from recursion to recursion, the answer too.",
    ),
    "z-dropped": (
        "Every recursion began from the z that was given.",
        "Both states go on from recursion to recursion, the scratch pad too.",
    ),
}
GRADIENT_WORDS: Words = {
    "gradient-through-all": (
        "The gradient passes through all T recursions.",
        "The first T - 1 recursions must leave no graph behind. Which context of torch does that?",
    ),
    "one-step-gradient": (
        "The gradient passes through the last two evaluations only: that is HRM's one-step gradient.",
        "TRM keeps the whole last recursion: all its n updates of z, and y.",
    ),
}


FORCED_ON = (
    "A graph was kept although the caller had switched gradients off.",
    "Switch gradients off for the early recursions; for the last one leave them as they were.",
)
FORCED = {"yours": "a result with a graph", "expected": "a result without a graph"}


def gradients(net: Sum, x: Tensor, y: Tensor) -> dict[str, Tensor | None]:
    """Of the sum of squares of y, for the network's weight and for x."""
    found = torch.autograd.grad(y.square().sum(), (net.weight, x), allow_unused=True)
    return dict(zip(("the network's weight", "x"), found, strict=True))


def deep_recursion(answer: Callable[..., tuple[Tensor, Tensor]]) -> None:
    """T recursions, each from the states of the one before; the whole last one has a gradient, and nothing else."""
    for n, T, shape in ((2, 3, (2, 3, 4)), (1, 1, (1, 2, 3)), (3, 2, (3, 1, 2))):
        net = Sum(shape[-1], seed=n)
        x, y, z = draw(3, *shape, seed=20 + n)
        x.requires_grad_()
        given = f"a network that adds its two inputs first; x, y, z of shape {list(shape)}, n={n}, T={T}"
        expected = deep(net, x, y, z, n, T)
        values = {name: deep(net, x, y, z, n, T, name) for name in DEEP_WORDS}
        net.modes.clear()
        with torch.enable_grad():  # and whatever the answer leaves behind is undone
            yours = run(answer, net, x, y, z, n, T)
            left_on = torch.is_grad_enabled()
        modes = list(net.modes)
        judge(
            yours,
            expected,
            given=given,
            mistakes=told(values, DEEP_WORDS, expected),
            where="Count the recursions, and look at what goes from one to the next.",
        )
        if not left_on:
            refuse(
                "gradient-left-off",
                "After your function, torch computes no gradients any more, anywhere.",
                "Switch them off in a `with` block: it puts back what was before, also after an error.",
                given=given,
                yours="torch.is_grad_enabled() is False",
                expected="torch.is_grad_enabled() is True",
            )
        shown = {"yours": "y carries no graph", "expected": "y carries the graph of the last recursion"}
        if not yours[0].requires_grad and any(modes[-1:]):
            refuse(
                "answer-detached",
                "The last recursion had a gradient, but the y that comes back has lost it.",
                "Detach nothing here: that is for the carry, and the heads need the graph.",
                given=given,
                **shown,
            )
        if not yours[0].requires_grad:
            refuse(
                "no-gradient",
                "All recursions ran without gradient, so nothing can be learned.",
                "The last recursion stands outside of the block without gradient.",
                given=given,
                **shown,
            )
        right = gradients(net, x, expected[0])
        wrong = {
            "gradient-through-all": gradients(net, x, deep(net, x, y, z, n, T, "gradient-through-all")[0]),
            "one-step-gradient": gradients(net, x, one_step(net, x, y, z, n, T)[0]),
        }
        judge(
            gradients(net, x, yours[0]),
            right,
            given=f"{given}; gradients of the sum of y squared",
            mistakes=told(wrong, GRADIENT_WORDS, right),
            what="The numbers are right, the gradient is not.",
            where="Which evaluations of the network should the gradient pass through?",
        )
        with torch.no_grad():
            kept = run(answer, net, x, y, z, n, T)[0].requires_grad
        if kept:
            refuse("gradient-forced-on", *FORCED_ON, given=f"{given}, under no_grad", **FORCED)
    passed("deep_recursion", "T of 1, 2 and 3: states and gradients are those of TRM")


# --- the heads --------------------------------------------------------------------------------------------------------


def output_heads(answer: Callable[..., tuple[Tensor, Tensor]]) -> None:
    """Logits for each cell and a halt logit for each puzzle, both from y."""
    for prefix, (B, L, D, V) in ((2, (3, 4, 5, 6)), (0, (2, 3, 4, 7)), (1, (1, 6, 3, 2))):
        y, z = draw(2, B, prefix + L, D, seed=30 + prefix)
        weight, halt, bias = draw(V, D, seed=1), draw(2, D, seed=2), draw(2, seed=3) - 5
        logits, both = F.linear(y, weight), F.linear(y, halt, bias)  # at every position
        right, stop = logits[:, prefix:], both[:, 0, 0]
        yours = run(answer, y, z, weight, halt, bias, prefix)
        given = f"y and z [{B}, {prefix} + {L}, {D}], {V} tokens, prefix={prefix}"
        where = "The answer reads every cell of y; halting reads position 0 of y."
        if kind(yours) != "list" or len(yours) != 2:
            judge(yours, (right, stop), given=given, where=where, what="Two tensors should come back.")
        judge(
            yours[0],
            right,
            given=f"{given}; logits",
            mistakes=told(
                {
                    "reads-z": F.linear(z, weight)[:, prefix:],
                    "prefix-not-cut": logits,
                    "cut-at-the-end": logits[:, :L],
                    "tokens-for-logits": right.argmax(-1),
                    "softmax-in-the-head": right.softmax(-1),
                },
                HEAD_WORDS,
                right,
            ),
            where=where,
        )
        judge(
            yours[1],
            stop,
            given=f"{given}; halt logit",
            mistakes=told(
                {
                    "halting-reads-z": F.linear(z, halt, bias)[:, 0, 0],
                    "halting-from-the-mean": both.mean(1)[:, 0],
                    "halting-from-the-first-cell": both[:, prefix, 0],
                    "halting-from-the-last-cell": both[:, -1, 0],
                    "second-output": both[:, 0, 1],
                    "both-outputs": both[:, 0],
                    "halting-at-every-position": both[..., 0],
                    "halting-without-bias": stop - bias[0],
                    "probability-for-logit": stop.sigmoid(),
                },
                HEAD_WORDS,
                stop,
            ),
            where=where,
        )
    passed("output_heads", "3 shapes, with a prefix and without; both heads read y")


HEAD_WORDS: Words = {
    "reads-z": (
        "The answer was read from z.",
        "z is the scratch pad, and need not look like an answer. Which state is the answer?",
    ),
    "prefix-not-cut": (
        "The logits have rows for the prefix, too.",
        "Only cells have an answer: leave the first `prefix` positions out.",
    ),
    "cut-at-the-end": (
        "The last positions were left out instead of the first.",
        "The prefix stands before the cells.",
    ),
    "tokens-for-logits": (
        "Tokens came back, not logits.",
        "The loss needs a score for every token; whoever wants an answer takes argmax later.",
    ),
    "softmax-in-the-head": (
        "Probabilities came back, not logits.",
        "The loss makes its own probabilities, and from probabilities it would make nonsense.",
    ),
    "halting-reads-z": (
        "The halt logit was read from z.",
        "The question is whether the *answer* is right: both heads read the same state.",
    ),
    "halting-from-the-mean": (
        "The halt logit is a mean over all positions.",
        "The published code reads one position alone; the network has to carry there what it knows.",
    ),
    "halting-from-the-first-cell": (
        "The halt logit was read from the first cell, behind the prefix.",
        "Position 0 is the very first one. With a prefix, that is a prefix position.",
    ),
    "halting-from-the-last-cell": (
        "The halt logit was read from the last position.",
        "The published code reads position 0.",
    ),
    "second-output": (
        "You took the second output of the halting head.",
        "That is HRM's *continue*. TRM uses the first one.",
    ),
    "both-outputs": (
        "Both outputs of the halting head came back.",
        "TRM uses the first alone, so that one number is left for each puzzle.",
    ),
    "halting-at-every-position": (
        "There is a halt logit for every position.",
        "A puzzle is done as a whole: one number each, from position 0.",
    ),
    "halting-without-bias": (
        "The bias of the halting head is missing.",
        "It is the only bias of the model: at the start it says 'surely not' for every puzzle.",
    ),
    "probability-for-logit": (
        "A probability came back instead of the halt logit.",
        "The rule `halt_logit > 0` and the loss both want the number before the sigmoid.",
    ),
}


# --- the whole model --------------------------------------------------------------------------------------------------

PARTS = ("tokens", "network", "answer", "halt", "y_init", "z_init")
PAPER = ModelConfig(vocab_size=11, seq_len=81, prefix_len=16, puzzle_ids=1, puzzle_dim=512)
PAPER_COUNT = 5_028_866


def explained_counts(c: ModelConfig) -> dict[str, int]:
    """What mistakes would make of the paper's number of weights."""
    D, V, P = c.hidden, c.vocab_size, c.prefix_len
    network = PAPER_COUNT - 2 * V * D - 2 * D - 2
    extra = {
        "bias-in-the-answer-head": V,
        "halting-without-bias": -2,
        "one-halting-output": -(D + 1),
        "learned-prefix": P * D,
        "learned-prefix-vector": D,
        "tied-tables": -V * D,
        "two-networks": network,
    }
    return {name: PAPER_COUNT + more for name, more in extra.items()}


COUNT_WORDS: Words = {
    "bias-in-the-answer-head": (
        "There are V weights too many: the answer head has a bias.",
        "No product of TRM has a bias, but for the halting head: say so when you make the layer.",
    ),
    "halting-without-bias": (
        "Two weights are missing: the halting head has no bias.",
        "It is the one layer with a bias. How else could it say 'surely not' at the start?",
    ),
    "one-halting-output": (
        "The halting head has one output; the published one has two.",
        "The second is a relic of HRM, never used, but it is there, and counted.",
    ),
    "learned-prefix": (
        "The prefix is learned: prefix x D weights too many.",
        "In this exercise the prefix is zeros, made anew at each call. It is not a parameter.",
    ),
    "learned-prefix-vector": (
        "There are D weights too many, outside of the network: a vector that is learned.",
        "Tables, heads and the network learn. Prefix and starts do not, and no norm has weights.",
    ),
    "tied-tables": (
        "V x D weights are missing: token table and answer head share theirs.",
        "They are two tables. The paper reports that tying them did not work.",
    ),
    "two-networks": (
        "There are two networks: one to think and one to answer.",
        "That was HRM. TRM's whole point is that one network does both.",
    ),
}


class Reference(NamedTuple):
    """What one supervision step gives."""

    y: Tensor
    z: Tensor
    logits: Tensor
    halt_logit: Tensor


def model_step(model: nn.Module, c: ModelConfig, inputs: Tensor, y: Tensor, z: Tensor, variant: str = "") -> Reference:
    """One supervision step with the parts of the learner's model; right, or with one mistake. Nothing is detached."""
    x = F.embedding(inputs, model.tokens.weight)
    ahead = x.new_zeros(len(x), c.prefix_len, c.hidden)
    x = torch.cat((x, ahead) if variant == "prefix-behind" else (ahead, x), dim=1)
    if variant != "no-sqrt-d":
        x = x * (c.hidden if variant == "times-d" else c.hidden**0.5)
    T = c.T + {"one-recursion-too-many": 1, "one-recursion-missing": -1}.get(variant, 0)
    for i in range(T):
        with torch.set_grad_enabled(variant == "gradient-through-all" or i + 1 == T):
            y, z = recursion(model.network, x, y, z, c.n, variant)
    read = z if variant == "heads-read-z" else y
    logits = F.linear(read, model.answer.weight)
    logits = logits[:, : c.seq_len] if variant == "prefix-behind" else logits[:, c.prefix_len :]
    both = F.linear(read, model.halt.weight, model.halt.bias)
    position = c.prefix_len if variant == "halting-from-the-first-cell" else 0
    stop = both[:, position, 1 if variant == "second-output" else 0]
    return Reference(y, z, logits, both.mean(1)[:, 0] if variant == "halting-from-the-mean" else stop)


MODEL_WORDS: Words = {
    "no-sqrt-d": (
        "x is too small by the factor sqrt(D).",
        "The table starts with spread 1 / sqrt(D). What makes its vectors as large as y and z?",
    ),
    "times-d": ("x is too large: it was multiplied by D.", "The factor is the square root of D."),
    "prefix-behind": (
        "The prefix stands behind the cells.",
        "It comes first: position 0, which halting reads, is a prefix position.",
    ),
    "heads-read-z": ("The heads read z.", "y is the answer; z is the scratch pad that nobody reads outside."),
    "x-in-the-answer": RECURSION_WORDS["x-in-the-answer"],
    "y-not-fed-back": RECURSION_WORDS["y-not-fed-back"],
    "n-plus-one-updates": RECURSION_WORDS["n-plus-one-updates"],
    "one-recursion-too-many": DEEP_WORDS["one-recursion-too-many"],
    "one-recursion-missing": DEEP_WORDS["one-recursion-missing"],
    "halting-from-the-first-cell": HEAD_WORDS["halting-from-the-first-cell"],
    "halting-from-the-mean": HEAD_WORDS["halting-from-the-mean"],
    "second-output": HEAD_WORDS["second-output"],
}


def built(answer: Callable[[ModelConfig], nn.Module], c: ModelConfig, given: str) -> nn.Module:
    """The learner's model, with all its parts."""
    model = answer(c)
    missing = [name for name in PARTS if not hasattr(model, name)]
    if missing:
        refuse(
            "part-missing",
            f"The model has no part named `{missing[0]}`.",
            "The check reads its weights by name: use the six names of the exercise.",
            given=given,
            yours=f"without {', '.join(missing)}",
            expected=", ".join(PARTS),
        )
    return model


def right_size(model: nn.Module) -> None:
    """Refuse a model of the paper's size that has more or fewer weights than the paper's."""
    given = "the paper's Sudoku model: D=512, V=11, 16 + 81 positions"
    count = sum(weight.numel() for weight in model.parameters())
    shown = {"given": given, "yours": f"{count:,} weights", "expected": f"{PAPER_COUNT:,} weights"}
    learned = dict(model.named_parameters())
    if {"y_init", "z_init"} & set(learned):
        refuse(
            "learned-start",
            "The starts of y and z are parameters: an optimizer would move them.",
            "They are fixed. What keeps a tensor with the model, in its files too, without training it?",
            **shown,
        )
    norms = [name for name, part in model.named_modules() if "norm" in type(part).__name__.lower()]
    if norms and count != PAPER_COUNT:
        refuse(
            "norm-with-weights",
            f"There is a norm with weights of its own: `{norms[0]}`.",
            "The norms of TRM learn nothing, and all of them are inside the network already.",
            **shown,
        )
    counts = explained_counts(PAPER)
    judge(
        count,
        PAPER_COUNT,
        given=f"{given}; weights",
        mistakes=[Mistake(name, value, *COUNT_WORDS[name]) for name, value in counts.items()],
        what="The model does not have the paper's number of weights.",
        where="List `named_parameters()` with their shapes: token table, network, answer head, halting head.",
        tolerance=EXACT,
    )


def right_start(model: nn.Module) -> None:
    """Refuse weights of the paper's size that do not start as TRM's do."""
    given, D = "the weights before any training, D=512", PAPER.hidden
    for part in ("tokens", "answer"):
        spread = getattr(model, part).weight.std().item()
        if abs(spread * D**0.5 - 1) > 0.1:
            refuse(
                "default-start",
                f"The weights of `{part}` start with another spread than 1 / sqrt(D).",
                "PyTorch's own start is not TRM's: call `start_(weight, D**-0.5)` on it.",
                given=given,
                yours=spread,
                expected=D**-0.5,
            )
    start = {"weight": model.halt.weight.abs().max().item(), "bias": model.halt.bias.tolist()}
    if start != {"weight": 0.0, "bias": [-5.0, -5.0]}:
        refuse(
            "halting-head-undecided",
            "The halting head does not start by saying 'surely not'.",
            "Its weights start at zero and both biases at -5; else slots halt before anything is learned.",
            given=f"{given}; halting head, largest weight and bias",
            yours=start,
            expected={"weight": 0.0, "bias": [-5.0, -5.0]},
        )


def right_states(model: nn.Module, c: ModelConfig) -> None:
    """Refuse other first states than fixed random ones, the same at every position."""
    given = f"initial_state(3) with S={c.n_positions}, D={c.hidden}"
    state = model.initial_state(3)
    again = model.initial_state(3)
    expected = tuple(v.expand(3, c.n_positions, c.hidden) for v in (model.y_init, model.z_init))
    if kind(state) == "list" and len(state) == 2:
        shown = {"given": given, "yours": tuple(state), "expected": expected}
        if not same(tuple(state), tuple(again)):
            refuse(
                "new-start-every-time",
                "Two calls of `initial_state` gave different starts.",
                "The starts are drawn once, when the model is made.",
                **shown,
            )
        if not any(part.any() for part in state):
            refuse(
                "zero-start",
                "y and z start at zero.",
                "They start at fixed random vectors, drawn with `start_` and spread 1.",
                **shown,
            )
        if same(state[0], state[1]):
            refuse(
                "one-start-for-both",
                "y and z start from the same vector.",
                "Two states, two starts: draw one for each.",
                **shown,
            )
    judge(
        state,
        expected,
        given=given,
        mistakes=[
            Mistake(
                "positions-missing",
                tuple(part[:, : c.seq_len] for part in expected),
                "The states have no place for the prefix.",
                "S is the prefix and the cells: see `c.n_positions`.",
            )
        ],
        where="The vector `y_init` at every position of every puzzle, and `z_init` likewise.",
    )
    kept = model.state_dict()
    if not {"y_init", "z_init"} <= set(kept):
        refuse(
            "start-not-saved",
            "The starts are not among what the model saves.",
            "A trained model needs the very starts that it was trained with: make them buffers.",
            given=given,
            yours=", ".join(kept),
            expected="y_init and z_init in state_dict()",
        )


def MyTRM(answer: Callable[[ModelConfig], nn.Module]) -> None:
    """The whole model: number of weights, starts, and what two supervision steps compute, with gradients."""
    with torch.random.fork_rng(devices=[]):  # a model is drawn from torch's own random numbers
        torch.manual_seed(0)
        paper = built(answer, PAPER, "the paper's sizes")
        right_size(paper)
        right_start(paper)
        for T, n, prefix in ((2, 3, 2), (3, 1, 1), (1, 2, 0)):
            ids = {"puzzle_ids": 1, "puzzle_dim": 8} if prefix else {}
            c = ModelConfig(5, 6, hidden=8, heads=2, T=T, n=n, prefix_len=prefix, swiglu_multiple=8, **ids)
            model = built(answer, c, "a small model")
            right_states(model, c)
            right_steps(model, c)
    passed("MyTRM", f"{PAPER_COUNT:,} weights; 3 small models, two supervision steps each, with gradients")


def right_steps(model: nn.Module, c: ModelConfig) -> None:
    """Refuse a model whose supervision steps are not those of TRM."""
    for weight, seed in ((model.halt.weight, 4), (model.halt.bias, 5)):
        weight.data = draw(*weight.shape, seed=seed).to(weight.dtype)
    inputs = torch.randint(1, c.vocab_size, (3, c.seq_len), generator=torch.Generator().manual_seed(6))
    y, z = (draw(3, c.n_positions, c.hidden, seed=seed).float() for seed in (7, 8))
    given = f"T={c.T}, n={c.n}, prefix {c.prefix_len}, {c.seq_len} cells, D={c.hidden}, the second supervision step"
    (first, *_), before = model(inputs, (y, z)), model_step(model, c, inputs, y, z)
    if kind(first) == "list" and any(part.requires_grad for part in first):
        refuse(
            "not-detached",
            "The state that comes back still carries a graph.",
            "The gradient of the next step would run on into this one: detach y and z, after the heads have read y.",
            given=given,
            yours="requires_grad of y and z: " + ", ".join(str(part.requires_grad) for part in first),
            expected="False, False",
        )
    y, z = before.y.detach(), before.z.detach()
    (state, logits, stop), right = model(inputs, (y, z)), model_step(model, c, inputs, y, z)
    yours = {"logits": logits, "halt_logit": stop, "y": state[0], "z": state[1]}
    wrong = {name: model_step(model, c, inputs, y, z, name) for name in MODEL_WORDS}
    expected = {name: getattr(right, name) for name in yours}
    judge(
        yours,
        expected,
        given=given,
        mistakes=told(
            {name: {key: getattr(step, key) for key in yours} for name, step in wrong.items()}, MODEL_WORDS, expected
        ),
        where="Compare with the model on one screen, line by line: in, T recursions, out.",
        tolerance=1e-4,
    )
    weights = list(model.network.parameters())
    if not logits.requires_grad or not reached(logits, weights):
        refuse(
            "no-gradient",
            "The logits carry no gradient to the network.",
            "Either all recursions ran without gradient, or the heads read a y that was detached already.",
            given=given,
            yours="no graph from the logits to the network",
            expected="the graph of the last recursion",
        )
    through_all = model_step(model, c, inputs, y, z, "gradient-through-all").logits
    judge(
        slope(logits, weights),
        slope(right.logits, weights),
        given=f"{given}; size of the gradient of each matrix",
        mistakes=told(
            {"gradient-through-all": slope(through_all, weights)}, GRADIENT_WORDS, slope(right.logits, weights)
        ),
        what="The numbers are right, the gradient is not.",
        where="T - 1 recursions without gradient, the last one with all of it.",
        tolerance=1e-3,
    )
    modes: list[bool] = []
    hook = model.network.register_forward_hook(lambda *_: modes.append(torch.is_grad_enabled()))
    with torch.no_grad():
        model(inputs, (y, z))
    hook.remove()
    if any(modes):
        refuse("gradient-forced-on", *FORCED_ON, given=f"{given}, under no_grad", **FORCED)


def reached(logits: Tensor, weights: list[Tensor]) -> bool:
    found = torch.autograd.grad(logits.sum(), weights, retain_graph=True, allow_unused=True)
    return all(each is not None for each in found)


def slope(logits: Tensor, weights: list[Tensor]) -> list[float]:
    """The length of the gradient of the logits' squares, for each matrix."""
    found = torch.autograd.grad(logits.square().mean(), weights, retain_graph=True)
    return [each.norm().item() for each in found]


# --- a supervision step with its loss ---------------------------------------------------------------------------------


class Said(NamedTuple):
    logits: Tensor
    halt_logit: Tensor


class Small(nn.Module):
    """A model with TRM's three parts, small enough to be followed. Its states are not detached."""

    def __init__(self, V: int, D: int) -> None:
        super().__init__()
        self.table = nn.Parameter(draw(V, D, seed=40))
        self.net = Sum(D, seed=41)
        self.out = nn.Parameter(draw(V, D, seed=42))
        self.stop = nn.Parameter(draw(D, seed=43))

    def embed(self, inputs: Tensor) -> Tensor:
        return self.table[inputs]

    def deep_recursion(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        return deep(self.net, x, y, z, n=2, T=2)

    def heads(self, y: Tensor) -> Said:
        return Said(F.linear(y, self.out), y[:, 0] @ self.stop)


def step_of(model: Small, inputs: Tensor, labels: Tensor, y: Tensor, z: Tensor, variant: str = "") -> tuple:
    """New y, new z, loss of one supervision step; right, or with one mistake."""
    x = model.embed(inputs)
    new_y, new_z = model.deep_recursion(x, z, y) if variant == "states-exchanged" else model.deep_recursion(x, y, z)
    read = {"heads-read-z": new_z, "heads-read-the-old-y": y}.get(variant, new_y)
    logits, stop = model.heads(read)
    cells = F.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
    fine = logits.argmax(-1) == labels
    target = (fine.double().mean(-1) if variant == "target-per-cell" else fine.all(-1)).to(stop)
    halt = F.binary_cross_entropy_with_logits(
        stop, 1 - target if variant == "target-inverted" else target, reduction="none"
    )
    weight = {"halting-loss-missing": 0.0, "halting-weight-missing": 1.0}.get(variant, 0.5)
    each = (cells.sum(-1) if variant == "cells-summed" else cells.mean(-1)) + weight * halt
    loss = each.sum() if variant == "puzzles-summed" else each.mean()
    if variant == "old-state-returned":
        return y, z, loss
    return (new_z, new_y, loss) if variant == "states-swapped" else (new_y, new_z, loss)


STEP_WORDS: Words = {
    "heads-read-z": ("The heads read z.", "The answer is y; z is the scratch pad."),
    "heads-read-the-old-y": (
        "The heads read the y from before the recursion.",
        "The loss should judge the improved answer.",
    ),
    "states-exchanged": (
        "y and z changed places on their way into the recursion.",
        "The state is the pair (y, z), and the recursion takes x, y, z.",
    ),
    "old-state-returned": (
        "The state that comes back is the one that came in.",
        "The next step should go on from the improved y and z.",
    ),
    "states-swapped": ("y and z have changed places in what comes back.", "The state is the pair (y, z)."),
    "halting-loss-missing": (
        "The loss of the halting head is missing.",
        "The loss has two parts: how wrong the answer is, and how wrong the network is about being right.",
    ),
    "halting-weight-missing": (
        "The halting loss counts twice as much as it should.",
        "It has the weight 0.5.",
    ),
    "target-per-cell": (
        "The target of the halting head is the share of right cells.",
        "The target is one bit: is the whole puzzle right?",
    ),
    "target-inverted": (
        "The halting head learns to say 'done' when the answer is wrong.",
        "The target is 1 where every cell is right.",
    ),
    "cells-summed": (
        "The cross-entropy was summed over the cells of a puzzle.",
        "A puzzle's loss is the mean over its cells.",
    ),
    "puzzles-summed": (
        "The loss was summed over the puzzles.",
        "Here one number comes back, the mean over the puzzles.",
    ),
}


def supervision_step(answer: Callable[..., tuple[tuple[Tensor, Tensor], Tensor]]) -> None:
    """Embed, recursion, heads, loss; the state comes back detached and the loss with its graph."""
    for B, L, D, V in ((3, 2, 4, 5), (2, 3, 5, 4)):
        model = Small(V, D)
        inputs = torch.randint(0, V, (B, L), generator=torch.Generator().manual_seed(B))
        y, z = draw(2, B, L, D, seed=50 + B)
        with torch.no_grad():
            labels = model.heads(model.deep_recursion(model.embed(inputs), y, z)[0]).logits.argmax(-1)
        labels[1:, 0] = (labels[1:, 0] + 1) % V  # puzzle 0 is right, the others are not
        given = f"{B} puzzles of {L} cells, D={D}, {V} tokens"
        model.zero_grad()
        yours = run(answer, model, inputs, labels, (y, z))
        expected = step_of(model, inputs, labels, y, z)
        if kind(yours) != "list" or len(yours) != 2 or kind(yours[0]) != "list" or len(yours[0]) != 2:
            judge(
                yours,
                (expected[:2], expected[2]),
                given=given,
                where="What comes back is ((y, z), loss).",
                what="What comes back is not a state and a loss.",
            )
        (new_y, new_z), loss = yours
        values = {name: step_of(model, inputs, labels, y, z, name) for name in STEP_WORDS}
        judge(
            (new_y, new_z, loss),
            expected,
            given=f"{given}; y, z and loss",
            mistakes=told(values, STEP_WORDS, expected),
            where="Check in this order: x, the new y and z, the logits of the new y, the two parts of the loss.",
        )
        if any(weight.grad is not None for weight in model.parameters()):
            refuse(
                "backward-inside",
                "Your function called `backward()`.",
                "It hands the loss over; whoever called it decides what to do with the gradient.",
                given=given,
                yours="gradients on the weights",
                expected="a loss with its graph, and no gradients yet",
            )
        if new_y.requires_grad or new_z.requires_grad:
            refuse(
                "state-not-detached",
                "The state that comes back carries a graph.",
                "At the next step, `backward()` would run on into this one: detach both, y and z.",
                given=given,
                yours=f"requires_grad: y {new_y.requires_grad}, z {new_z.requires_grad}",
                expected="requires_grad: y False, z False",
            )
        wants = "the loss reaches table, network and both heads"
        if not isinstance(loss, Tensor) or not loss.requires_grad:
            refuse(
                "loss-without-graph",
                "The loss has no graph, so nobody can learn from it.",
                "Return the tensor: no `.item()`, no `detach`, no block without gradient around all of it.",
                given=given,
                yours=loss,
                expected=wants,
            )
        found = torch.autograd.grad(loss, (model.net.weight, model.table), allow_unused=True)
        if any(each is None for each in found):
            refuse(
                "answer-detached",
                "The heads learn, but nothing reaches the network.",
                "The heads must read y before it is detached; only what goes on to the next step loses its graph.",
                given=given,
                yours="the graph ends at the heads",
                expected=wants,
            )
    passed("supervision_step", "2 batches: state, loss, and what the gradient reaches")


# --- inference --------------------------------------------------------------------------------------------------------


class Slow(nn.Module):
    """A stand-in for a trained TRM: puzzle i is right from step `first[i]` to `last[i]`; else every second cell is.

    It says "done" from step `done[i]` on. In training mode the first cell is always wrong, as dropout might have it.
    """

    def __init__(self, labels: Tensor, first: list[int], last: list[int], done: list[int], V: int) -> None:
        super().__init__()
        self.first, self.last, self.done = torch.tensor(first), torch.tensor(last), torch.tensor(done)
        self.labels, self.V = labels, V
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.seen: list[tuple[bool, bool]] = []

    def initial_state(self, batch_size: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(batch_size, 1, 1), torch.zeros(batch_size, 1, 1)

    def forward(self, inputs: Tensor, state: tuple[Tensor, Tensor]) -> tuple[tuple[Tensor, Tensor], Said]:
        self.seen.append((self.training, torch.is_grad_enabled()))
        y, z = state[0] + 1, state[1] + 2
        step = y[:, 0, 0]
        tokens = self.labels.clone()
        half = (step < self.first) | (step > self.last)
        tokens[half, ::2] = (tokens[half, ::2] + 1) % self.V
        if self.training:
            tokens[:, 0] = (self.labels[:, 0] + 1) % self.V
        logits = self.scale * F.one_hot(tokens, self.V).float()
        return (y, z), Said(logits, torch.where(step >= self.done, 3.0, -3.0))


def exact_by_step(answer: Callable[..., Any]) -> None:
    """The share of puzzles with every cell right after each step: evaluation mode, no gradient, the state goes on."""
    cases = (
        ([3, 1, 2, 9, 2], [9, 9, 2, 9, 9], [3, 1, 2, 8, 1], 4, 5),
        ([2, 5, 5], [16, 16, 16], [1, 5, 9], 16, 4),
        ([1, 2], [9, 9], [1, 1], 1, 3),
    )
    for first, last, done, steps, L in cases:
        count, V = len(first), 6
        labels = torch.randint(0, V, (count, L), generator=torch.Generator().manual_seed(count))
        inputs = torch.zeros_like(labels)
        right = torch.tensor(
            [[a <= step <= b for a, b in zip(first, last, strict=True)] for step in range(1, steps + 1)]
        )
        share = right.double().mean(1)
        wrong = L // 2 + L % 2  # cells of a puzzle that is not right
        frozen = [[right[min(step, at) - 1, i] for i, at in enumerate(done)] for step in range(1, steps + 1)]
        values = {
            "stops-at-one": share[:1],
            "state-reset": share[:1].expand(steps),
            "last-step-only": share[-1],
            "first-step-missing": share[1:],
            "cell-accuracy": ((right * L + ~right * (L - wrong)).double() / L).mean(1),
            "right-at-any-step": right.int().cummax(0).values.double().mean(1),
            "counts-not-shares": right.double().sum(1),
            "stops-when-done": torch.tensor(frozen).double().mean(1),
        }
        model = Slow(labels, first, last, done, V).train()
        with torch.enable_grad():
            yours = run(answer, model, inputs, labels, steps)
        given = f"{count} puzzles of {L} cells, steps={steps}, a model in training mode"
        if model.seen and model.seen[0][0]:
            refuse(
                "training-mode",
                "The model was in training mode while it was measured.",
                "A part such as dropout would disturb it: `model.eval()` first.",
                given=given,
                yours=yours,
                expected=share,
            )
        if kind(yours) == "list":
            yours = torch.tensor([float(value) for value in yours], dtype=torch.float64)
        elif kind(yours) == "array":
            yours = torch.from_numpy(yours)
        judge(
            yours,
            share,
            given=given,
            mistakes=told(values, INFERENCE_WORDS, share),
            where="For each step: tokens, then whole puzzles, then their share.",
        )
        if any(grad for _, grad in model.seen) or (isinstance(yours, Tensor) and yours.requires_grad):
            refuse(
                "gradient-kept",
                "Gradients were kept while measuring.",
                "Nobody calls `backward()` here. A graph of 16 steps only fills the memory.",
                given=given,
                yours="torch.is_grad_enabled() is True inside the model",
                expected="torch.is_grad_enabled() is False inside the model",
            )
        if not model.training:
            refuse(
                "mode-not-put-back",
                "The model came in training mode and was left in evaluation mode.",
                "Remember `model.training` at the beginning, and put it back at the end.",
                given=given,
                yours="model.training is False",
                expected="model.training is True",
            )
        model.eval()
        run(answer, model, inputs, labels, steps)
        if model.training:
            refuse(
                "always-back-to-training",
                "The model came in evaluation mode and was left in training mode.",
                "Put back what was there, whichever it was: `model.train(before)`.",
                given=f"{given.rsplit(',', 1)[0]}, a model in evaluation mode",
                yours="model.training is True",
                expected="model.training is False",
            )
    passed("exact_by_step", "1, 4 and 16 steps; puzzles that come right late, and one that goes wrong again")


INFERENCE_WORDS: Words = {
    "stops-at-one": (
        "Only the first step came back.",
        "Improve the same answers `steps` times, and look after each of them.",
    ),
    "state-reset": (
        "All steps are like the first: the state was set back each time.",
        "What comes back as state must go in at the next step. Where does `initial_state` stand?",
    ),
    "last-step-only": (
        "Only the score of the last step came back.",
        "One number for each step is asked for: collect them inside the loop.",
    ),
    "first-step-missing": (
        "The score of the first step is missing.",
        "Look at the answer after every step, the first one too.",
    ),
    "cell-accuracy": (
        "You counted cells, not puzzles.",
        "A puzzle counts when every cell is right, else not at all.",
    ),
    "right-at-any-step": (
        "A puzzle that was right once stayed right in your count.",
        "An answer can get worse again. Each step is judged by its own answer.",
    ),
    "counts-not-shares": (
        "You counted puzzles, but their share is asked for.",
        "Divide by the number of puzzles.",
    ),
    "stops-when-done": (
        "Puzzles were left alone once the network said 'done'.",
        "The published evaluation always makes all the steps, whatever the halting head says.",
    ),
}


# --- a training step --------------------------------------------------------------------------------------------------


class Learner(nn.Module):
    """y <- w y + b inputs, and a halt logit that is sure from a sum on. The state is not detached."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.5, dtype=torch.float64))
        self.b = nn.Parameter(torch.tensor(0.75, dtype=torch.float64))

    def forward(self, inputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        y = self.w * y + self.b * inputs
        return y, y.detach() - 3.0


Slots = dict[str, Tensor]
FIELDS = ("inputs", "labels", "y", "age")


class World:
    """A network, its average and its optimizer, which make training steps; right, or with one mistake."""

    def __init__(self, variant: str = "") -> None:
        self.variant = variant
        self.network, self.average = Learner(), Learner()
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.1)
        with torch.no_grad():
            for weight in self.average.parameters():
                weight.mul_(0.5)

    def weights(self) -> dict[str, list[float]]:
        nets = {"network": self.network, "average": self.average}
        return {name: [weight.item() for weight in net.parameters()] for name, net in nets.items()}

    def follow(self, rate: float) -> None:
        rate = {"rates-exchanged": 1 - rate, "average-is-the-network": 0.0, "average-never-moves": 1.0}.get(
            self.variant, rate
        )
        with torch.no_grad():
            for slow, weight in zip(self.average.parameters(), self.network.parameters(), strict=True):
                slow.copy_(rate * slow + (1 - rate) * weight)

    def step(self, slots: Slots, new: Slots, limit: int, rate: float) -> Slots:
        variant = self.variant
        fields = {"labels-not-refilled": ("inputs", "y", "age"), "not-refilled": ()}.get(variant, FIELDS)
        held = {key: choose(slots["halted"], new[key], slots[key]) if key in fields else slots[key] for key in FIELDS}
        y, stop = self.network(held["inputs"], held["y"])
        labels = new["labels"] if variant == "new-labels" else held["labels"]
        age = held["age"] + 1
        halted = (stop > 0) | (age >= limit)
        loss = (y - labels).square()
        (loss.sum() if variant == "loss-summed" else loss.mean()).backward()
        if variant == "average-before-the-optimizer":
            self.follow(rate)
        if variant != "never-stepped" and (variant != "optimizer-waits" or bool(halted.all())):
            self.optimizer.step()
        if variant != "no-zero-grad":
            self.optimizer.zero_grad()
        if variant != "average-before-the-optimizer":
            self.follow(rate)
        return {"inputs": held["inputs"], "labels": held["labels"], "y": y.detach(), "age": age, "halted": halted}


TRAINING_WORDS: Words = {
    "average-before-the-optimizer": (
        "The average moved before the optimizer did.",
        "It should follow the improved weights: first `optimizer.step()`, then the average.",
    ),
    "rates-exchanged": (
        "The average took most of the new weights, and little of itself.",
        "rate * average + (1 - rate) * weight: which of the two should hardly move it?",
    ),
    "average-is-the-network": (
        "The average is a mere copy of the network's weights.",
        "It should keep the share `rate` of what it was.",
    ),
    "average-never-moves": (
        "The average did not move.",
        "After each optimizer step it takes the share 1 - rate of the network's weights.",
    ),
    "new-labels": (
        "The loss compared all slots with the labels that were offered.",
        "A slot that was still at work has a puzzle, and labels, of its own: take those after the refill.",
    ),
    "labels-not-refilled": (
        "The new questions kept the labels of the old ones.",
        "Everything that belongs to a puzzle changes together.",
    ),
    "not-refilled": (
        "Slots that had halted took no new puzzle.",
        "The first thing in a call: where `halted` is true, `new` comes in.",
    ),
    "optimizer-waits": (
        "The optimizer waited until all slots had halted.",
        "Every supervision step is followed by a step of the optimizer, whoever has halted.",
    ),
    "never-stepped": (
        "The weights of the network did not move.",
        "After the backward pass: `optimizer.step()`.",
    ),
    "no-zero-grad": (
        "Gradients of the call before were still there.",
        "`backward()` adds to the gradients. When must they be set to zero?",
    ),
    "loss-summed": (
        "The loss was summed over the slots.",
        "The loss is the mean over the slots.",
    ),
}


def training_step(answer: Callable[..., Slots]) -> None:
    """Refill, improve, learn, average, in this order; three calls in a row."""
    cases = (
        ([0, 0, 0], [False, True, False], 1, 0.9),
        ([1, 0, 2], [False, True, False], 3, 0.9),
        ([1, 1], [True, True], 2, 0.75),
    )
    for ages, halted, limit, rate in cases:
        count = len(ages)
        slots = {
            "inputs": torch.arange(1.0, count + 1, dtype=torch.float64),
            "labels": torch.arange(1.0, count + 1, dtype=torch.float64) / 2,
            "y": torch.linspace(0.2, 0.8, count, dtype=torch.float64),
            "age": torch.tensor(ages),
            "halted": torch.tensor(halted),
        }
        right, yours = World(), World()
        worlds = {name: World(name) for name in TRAINING_WORDS}
        held = {name: copy.deepcopy(slots) for name in worlds}
        for call in range(3):
            new = {
                "inputs": draw(count, seed=60 + call).abs(),
                "labels": draw(count, seed=70 + call),
                "y": torch.full((count,), 0.1 * (call + 1), dtype=torch.float64),
                "age": torch.zeros(count, dtype=torch.long),
            }
            given = f"call {call + 1} of 3, halted {slots['halted'].tolist()}, n_supervision={limit}, rate={rate}"
            expected = right.step(slots, new, limit, rate)
            wrong = {}
            for name, world in worlds.items():
                held[name] = world.step(held[name], new, limit, rate)
                wrong[name] = {**world.weights(), "slots": held[name]}
            result = run(answer, yours.network, yours.average, yours.optimizer, copy.deepcopy(slots), new, limit, rate)
            judge(
                {**yours.weights(), "slots": result} if result is not None else None,
                {**right.weights(), "slots": expected},
                given=given,
                mistakes=told(wrong, TRAINING_WORDS, {**right.weights(), "slots": expected}),
                where="In this order: refill, network, loss, backward, optimizer, average. Check each by hand.",
            )
            if result["y"].requires_grad:
                refuse(
                    "not-detached",
                    "The y that comes back still carries a graph.",
                    "The next call would run back into this one: cut the graph before you return.",
                    given=given,
                    yours="y.requires_grad is True",
                    expected="y.requires_grad is False",
                )
            slots = expected
    passed("training_step", "3 rows of slots, 3 calls each: slots, weights and averages agree")


# --- counting ---------------------------------------------------------------------------------------------------------


def swiglu(dim: int, expansion: float, multiple: int, rounding: str = "up") -> int:
    """Weights of a SwiGLU on `dim` numbers."""
    wanted = round(expansion * dim * 2 / 3)
    if rounding == "no-two-thirds":
        wanted = round(expansion * dim)
    steps = {"down": math.floor, "nearest": round}.get(rounding, math.ceil)(wanted / multiple)
    return 3 * dim * (wanted if rounding == "never" else steps * multiple)


def parameters_of(
    mixer: str, D: int, V: int, L: int, prefix: int, layers: int, expansion: float, multiple: int, variant: str = ""
) -> int:
    """Number of weights; right, or with one mistake."""
    S = L if variant == "prefix-forgotten" else prefix + L
    rounding = {
        "not-rounded": "never",
        "rounded-down": "down",
        "rounded-to-the-nearest": "nearest",
        "two-thirds-forgotten": "no-two-thirds",
    }.get(variant, "up")
    channels = swiglu(D, expansion, multiple, rounding)
    mixing = swiglu(S, expansion, multiple, rounding) if mixer == "mlp" else 4 * D * D
    if variant == "width-of-the-channels":
        mixing = S * (channels // D) if mixer == "mlp" else mixing
    if variant == "two-matrices":
        channels, mixing = channels * 2 // 3, mixing * 2 // 3 if mixer == "mlp" else mixing
    if variant == "three-matrices-of-attention" and mixer == "attention":
        mixing = 3 * D * D
    ends = 2 * V * D + 2 * D + 2
    ends -= {
        "one-table": V * D,
        "halting-bias-forgotten": 2,
        "one-halting-output": D + 1,
        "halting-head-forgotten": 2 * D + 2,
        "ends-forgotten": ends,
    }.get(variant, 0)
    ends += {"answer-bias": V, "prefix-counted": prefix * D, "starts-counted": 2 * D}.get(variant, 0)
    return (1 if variant == "one-layer" else layers) * (mixing + channels) + ends


COUNTING_WORDS: Words = {
    "prefix-forgotten": (
        "The token mixer was counted for the cells alone.",
        "It mixes all positions: the prefix and the cells.",
    ),
    "not-rounded": (
        "The inner widths were not rounded to the multiple.",
        "After the two thirds comes a second rounding, to a multiple of `multiple`.",
    ),
    "rounded-down": (
        "The inner widths were rounded down to the multiple.",
        "They are rounded up: the next multiple that is not smaller.",
    ),
    "rounded-to-the-nearest": (
        "The inner widths were rounded to the nearest multiple.",
        "They are always rounded up.",
    ),
    "two-thirds-forgotten": (
        "The inner width was taken as expansion times the outer one.",
        "SwiGLU has three matrices instead of two. Which factor makes up for that?",
    ),
    "width-of-the-channels": (
        "The token mixer got the inner width of the channels.",
        "Its inner width follows from its own size, the number of positions.",
    ),
    "two-matrices": (
        "A SwiGLU was counted with two matrices.",
        "Gate and up are two, although they are stored in one tensor; down is the third.",
    ),
    "three-matrices-of-attention": (
        "Attention was counted with three matrices.",
        "Query, key and value are three. What comes after the heads?",
    ),
    "one-table": (
        "V x D was counted once.",
        "The token table and the answer head are two tables of this size.",
    ),
    "halting-bias-forgotten": (
        "The two biases of the halting head are missing.",
        "It is the one part of the model with a bias.",
    ),
    "one-halting-output": (
        "The halting head was counted with one output.",
        "It has two, each with D weights and a bias; the second is never used.",
    ),
    "halting-head-forgotten": (
        "The halting head is missing.",
        "It has two outputs, each with D weights and a bias.",
    ),
    "ends-forgotten": (
        "Only the layers were counted.",
        "What stands before and behind them? A table and two heads.",
    ),
    "answer-bias": (
        "The answer head was counted with a bias.",
        "Only the halting head has one.",
    ),
    "prefix-counted": (
        "The prefix was counted as weights.",
        "As in the paper, the puzzle table is left out. The prefix only makes the mixer wider.",
    ),
    "starts-counted": (
        "The starts of y and z were counted.",
        "They are fixed and never trained.",
    ),
    "one-layer": (
        "The layers were counted once.",
        "The network has `n_layers` of them, each with weights of its own.",
    ),
}


def trm_parameters(answer: Callable[..., int]) -> None:
    """The number of weights of a TRM, from its sizes."""
    cases = (
        ("mlp", 280, 9, 81, 16, 3, 4.0, 256),
        ("attention", 320, 12, 100, 4, 2, 4.0, 256),
        ("mlp", 512, 11, 81, 16, 2, 4.0, 256),
        ("mlp", 64, 8, 36, 0, 2, 4.0, 8),
        ("attention", 512, 11, 81, 16, 2, 4.0, 256),
        ("mlp", 100, 7, 49, 1, 1, 3.0, 32),
    )
    for case in cases:
        expected = parameters_of(*case)
        mixer, D, V, L, prefix, layers, expansion, multiple = case
        judge(
            run(answer, *case),
            expected,
            given=f"{mixer}, D={D}, V={V}, L={L}, prefix={prefix}, n_layers={layers}, expansion={expansion:g}, "
            f"multiple={multiple}",
            mistakes=told(
                {name: parameters_of(*case, name) for name in COUNTING_WORDS}, COUNTING_WORDS, expected, EXACT
            ),
            where="Count one layer: mixing and channels. Then the layers, the table, and the two heads.",
            tolerance=EXACT,
        )
    passed("trm_parameters", "6 models, both of the paper among them")
