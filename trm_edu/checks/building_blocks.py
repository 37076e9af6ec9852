"""Checks of lesson 03: the parts of the network. Every axis of every case has a size of its own."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from trm_edu import layers
from trm_edu.checks.teacher import Mistake, judge, kind, passed, refuse, run

__all__ = ["rms_norm", "swiglu", "rotate", "attention", "token_mixer", "post_norm_block", "start"]

CLOSE = 1e-4  # float32 in any order of the operations; the mistakes are further off than that


def draw(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def swap(x: Tensor) -> Tensor:
    return x.transpose(1, 2)


# --- RMSNorm ----------------------------------------------------------------------------------------------------------


def rms_norm(answer: Callable[[Tensor, float], Tensor]) -> None:
    """Divide each vector by its root mean square, with epsilon inside the root."""
    large, small = draw(0, 4, 3, 5) + 1.5, draw(1, 2, 6) * 1e-3
    cases = [(large, 2.0), (large.double(), 0.5), (small, 1e-5), (draw(2, 7), 1e-5), (torch.zeros(2, 3), 0.01)]
    for x, eps in cases:
        square = x.square()
        size = square.mean(-1, keepdim=True)
        centred = x - x.mean(-1, keepdim=True)
        variances = [centred.square().sum(-1, keepdim=True) / n for n in (x.shape[-1], x.shape[-1] - 1)]
        other_axes = [axes for axes in (0, 1, (1, 2)) if x.ndim > (max(axes) if isinstance(axes, tuple) else axes + 1)]
        mistakes = [
            Mistake(
                "epsilon-outside-root",
                x / (size.sqrt() + eps),
                "Epsilon was added after the root was taken.",
                "It belongs beside the mean square, before the root. At size 1 nobody sees it; here epsilon is large.",
            ),
            *(
                Mistake(
                    "mean-subtracted",
                    centred * torch.rsqrt(variance + eps),
                    "You subtracted the mean first: that is LayerNorm.",
                    "RMSNorm leaves the mean alone; it only divides.",
                )
                for variance in variances
            ),
            Mistake(
                "one-size-for-all",
                x * torch.rsqrt(square.mean() + eps),
                "All vectors were divided by one and the same number.",
                "Each vector has a size of its own: say over which axis the mean runs, and keep that axis.",
            ),
            Mistake(
                "sum-not-mean",
                x * torch.rsqrt(square.sum(-1, keepdim=True) + eps),
                "You divided by the root of the sum of the squares.",
                "That is the length of the vector. The M in RMS says mean.",
            ),
            Mistake(
                "no-epsilon",
                x * torch.rsqrt(size),
                "Your result does not depend on epsilon.",
                "What becomes of a vector of zeros? Epsilon is added to something before the division.",
            ),
            Mistake(
                "root-forgotten",
                x / (size + eps),
                "You divided by the mean square itself.",
                "Twice the vector must give nearly the same result. Which step is between a mean square and a size?",
            ),
        ]
        for axes in other_axes:
            mistakes.append(
                Mistake(
                    "wrong-axis",
                    x * torch.rsqrt(square.mean(axes, keepdim=True) + eps),
                    "The mean did not run over the last axis alone.",
                    "Here the vectors lie along the last axis, whatever comes before it.",
                )
            )
        judge(
            run(answer, x, eps),
            x * torch.rsqrt(size + eps),
            given=f"rms_norm(x, eps={eps:g}) with x of shape {list(x.shape)}",
            mistakes=mistakes,
            where="Try (1, -7) with epsilon 0 by hand: the mean square is 25.",
            tolerance=CLOSE,
        )
    passed("rms_norm", "one to three axes, large and tiny numbers, zeros, four values of epsilon")


# --- SwiGLU -----------------------------------------------------------------------------------------------------------


def swiglu(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """down(silu(gate) * up), with gate and up in one matrix, the gate in its first half."""
    for seed, shape, width in ((0, (2, 3, 5), 4), (1, (7,), 3), (2, (4, 6), 9)):
        dim = shape[-1]
        x, gate_up, down = draw(seed, *shape), draw(seed + 10, 2 * width, dim), draw(seed + 20, dim, width)
        both = F.linear(x, gate_up)
        gate, up = both.chunk(2, dim=-1)

        def out(inner: Tensor, down: Tensor = down) -> Tensor:
            return F.linear(inner, down)

        judge(
            run(answer, x, gate_up, down),
            out(F.silu(gate) * up),
            given=f"swiglu(x, gate_up, down) with shapes {list(shape)}, {[2 * width, dim]} and {[dim, width]}",
            mistakes=[
                Mistake(
                    "halves-swapped",
                    out(gate * F.silu(up)),
                    "silu was applied to the wrong half.",
                    "The first half of the rows of gate_up makes the gate, and the gate is what silu bends.",
                ),
                Mistake(
                    "rows-taken-in-turn",
                    out(F.silu(both[..., 0::2]) * both[..., 1::2]),
                    "You took every second row of gate_up as the gate.",
                    "The rows do not alternate: first all rows of the gate, then all rows of up.",
                ),
                Mistake(
                    "sigmoid-not-silu",
                    out(torch.sigmoid(gate) * up),
                    "The gate went through a sigmoid.",
                    "silu(g) is g times sigmoid(g). What you have is the older GLU.",
                ),
                Mistake(
                    "gelu-not-silu",
                    out(F.gelu(gate) * up),
                    "The gate went through gelu.",
                    "Close, but that is GEGLU. The S in SwiGLU stands for Swish, which PyTorch calls silu.",
                ),
                Mistake(
                    "gelu-approximated",
                    out(F.gelu(gate, approximate="tanh") * up),
                    "The gate went through the approximate gelu.",
                    "gelu and silu look alike, but silu needs no approximation: it is g times sigmoid(g).",
                ),
                Mistake(
                    "relu-not-silu",
                    out(F.relu(gate) * up),
                    "The gate went through relu.",
                    "silu lets a little through below zero as well; relu does not.",
                ),
                Mistake(
                    "added-not-multiplied",
                    out(F.silu(gate) + up),
                    "Gate and up were added.",
                    "A gate opens and closes: what does it do to the number that passes through?",
                ),
                Mistake(
                    "silu-after-the-product",
                    out(F.silu(gate * up)),
                    "silu was applied to the product of gate and up.",
                    "Bend the gate alone, before it meets up.",
                ),
                Mistake(
                    "nothing-bent",
                    out(gate * up),
                    "There is no silu in your result.",
                    "The two products of x are there, but the gate has to be bent first.",
                ),
                Mistake(
                    "up-unused",
                    out(F.silu(gate)),
                    "The second half of gate_up has no effect.",
                    "Two products of x are needed: one is the gate, the other passes through it.",
                ),
            ],
            where="Follow one inner unit by hand, as in section 3 of the lesson: gate 2, up 1, inner 2 x sigmoid(2).",
            tolerance=CLOSE,
        )
    passed("swiglu", "one vector, a table and a batch of tables, each axis of another size")


# --- rotary positions -------------------------------------------------------------------------------------------------


def turned(x: Tensor, angle: Tensor) -> Tensor:
    """x turned by angle [..., d/2], channel i paired with i + d/2: as complex numbers, in float64."""
    first, second = x.double().chunk(2, dim=-1)
    result = torch.complex(first, second) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat((result.real, result.imag), dim=-1)


def rotate(answer: Callable[[Tensor, float], Tensor]) -> None:
    """Rotary embedding of [B, heads, S, d]."""
    for seed, shape, base in ((0, (2, 3, 7, 8), 100.0), (1, (1, 2, 5, 12), 10000.0), (2, (3, 1, 9, 2), 10.0)):
        x = draw(seed, *shape)
        place, half = torch.arange(shape[2], dtype=torch.float64), shape[3] // 2
        pair = torch.arange(half, dtype=torch.float64)
        frequency = base ** (-pair / half)
        angle = torch.outer(place, frequency)
        first, second = x.double().chunk(2, dim=-1)
        cos, sin = angle.cos(), angle.sin()
        evens_first = torch.cat((x[..., 0::2], x[..., 1::2]), dim=-1)
        neighbours = torch.stack(turned(evens_first, angle).chunk(2, dim=-1), dim=-1).flatten(-2)
        judge(
            run(answer, x, base),
            turned(x, angle),
            given=f"rotate(x, base={base:g}) with x of shape {list(shape)}: [B, heads, S, d]",
            mistakes=[
                Mistake(
                    "neighbours-paired",
                    neighbours,
                    "You paired neighbouring channels: (0, 1), (2, 3) and so on.",
                    "Here channel i belongs to channel i + d/2. Other code pairs neighbours; the authors' does not.",
                ),
                Mistake(
                    "turned-backwards",
                    turned(x, -angle),
                    "The arrows turn the other way round.",
                    "The first of a pair becomes a cos - b sin, the second a sin + b cos. Look at your minus sign.",
                ),
                Mistake(
                    "minus-missing",
                    torch.cat((first * cos + second * sin, second * cos + first * sin), dim=-1),
                    "Both channels of a pair got a plus: that is not a rotation.",
                    "Turning keeps the length of an arrow. One of the two sine terms is subtracted.",
                ),
                Mistake(
                    "angles-of-neighbours",
                    x * cos.repeat_interleave(2, -1) + torch.cat((-second, first), -1) * sin.repeat_interleave(2, -1),
                    "The two channels of a pair were turned by different angles.",
                    "Your angles go 0, 0, 1, 1 along the channels; the pairs are (i, i + d/2), so they go 0, 1, 0, 1.",
                ),
                Mistake(
                    "frequency-inverted",
                    turned(x, torch.outer(place, base ** (pair / half))),
                    "Later pairs turn faster instead of slower.",
                    "Pair 0 has frequency 1, the others less. Which sign does the exponent of base have?",
                ),
                Mistake(
                    "position-ignored",
                    turned(x, frequency.expand_as(angle)),
                    "Every position is turned by the same angle.",
                    "The angle is position times frequency: position 0 is not turned at all.",
                ),
                Mistake(
                    "one-frequency",
                    turned(x, place[:, None].expand_as(angle)),
                    "All channel pairs turn equally fast.",
                    "Each pair has a frequency of its own, made from base and the number of the pair.",
                ),
                Mistake(
                    "exponent-halved",
                    turned(x, torch.outer(place, base ** (-pair / shape[3]))),
                    "The frequencies fall too slowly.",
                    "There are d/2 pairs: the exponent of pair i is -i divided by the number of pairs, not by d.",
                ),
                Mistake(
                    "positions-from-one",
                    turned(x, torch.outer(place + 1, frequency)),
                    "You counted the positions from 1.",
                    "Position 0 stays as it is. Scores would not notice: only the distance counts for them.",
                ),
                Mistake(
                    "heads-taken-for-positions",
                    turned(x, torch.outer(torch.arange(shape[1], dtype=torch.float64), frequency)[:, None]),
                    "The angle depends on the head, not on the position.",
                    "x is [B, heads, S, d]: the positions are the axis before the last.",
                ),
            ],
            where="Turn the arrow (1, 0) at position 1 by hand, with d = 2: it becomes (cos 1, sin 1).",
            tolerance=1e-3,
        )
    passed("rotate", "head widths 2, 8 and 12, three bases, positions up to 8")


# --- attention --------------------------------------------------------------------------------------------------------


def attention(answer: Callable[[Tensor, Tensor, Tensor, Tensor, Callable[[Tensor], Tensor]], Tensor]) -> None:
    """Softmax attention with turned queries and keys, and a mask that is True where one may look."""
    for seed, (batch, heads, places, width), masked in ((0, (2, 3, 5, 4), True), (1, (1, 2, 7, 6), False)):
        q, k, v = draw(seed, 3, batch, heads, places, width)
        mask = torch.ones(places, places, dtype=torch.bool)
        if masked:  # no row and no column is all True or all False, and it is not its own transpose
            mask = mask.tril(1).triu(-2)
        rotary = layers.Rotary(width, places, base=10.0)
        tq, tk = rotary(q), rotary(k)

        def scores(q: Tensor, k: Tensor, root: float = width**0.5) -> Tensor:
            return q @ k.transpose(-1, -2) / root

        def weights(scores: Tensor, mask: Tensor = mask, axis: int = -1) -> Tensor:
            return torch.softmax(scores.masked_fill(~mask, -math.inf), dim=axis)

        right = scores(tq, tk)
        expected = weights(right) @ v
        mistakes = [
            Mistake(
                "mask-after-softmax",
                (torch.softmax(right, dim=-1) * mask) @ v,
                "The mask was applied after the softmax, so the weights of a row no longer add up to 1.",
                "Rule a score out before the softmax: which score gets weight 0 from it?",
            ),
            Mistake(
                "masked-score-zero",
                torch.softmax(right * mask, dim=-1) @ v,
                "The scores that are ruled out became 0, and a score of 0 still has weight.",
                "exp(0) is 1. Which number has an exponential of 0?",
            ),
            Mistake(
                "mask-inverted",
                weights(right, ~mask) @ v,
                "You ruled out where one may look, and looked where one may not.",
                "Here True means: row i may look at column j. Other functions use it the other way round.",
            ),
            Mistake(
                "mask-turned",
                weights(right, mask.T) @ v,
                "Rows and columns of the mask are exchanged.",
                "The rows of the mask are queries, the columns keys, as in the table of scores.",
            ),
            Mistake(
                "mask-unused",
                torch.softmax(right, dim=-1) @ v,
                "The mask has no effect.",
                "Where the mask is False, a query may not look: that key must get weight 0.",
            ),
            Mistake(
                "no-root-of-d",
                weights(scores(tq, tk, 1.0)) @ v,
                "The scores were not divided by the root of the head width.",
                "A sum of d products has spread sqrt(d). What brings it back to 1?",
            ),
            Mistake(
                "divided-by-d",
                weights(scores(tq, tk, width)) @ v,
                "The scores were divided by d, not by its root.",
                "d products add up to something of size sqrt(d), not d.",
            ),
            *(
                Mistake(
                    "divided-by-other-size",
                    weights(scores(tq, tk, size**0.5)) @ v,
                    f"The scores were divided by the root of {name}.",
                    "How many products does one score add up? That is the last axis of q.",
                )
                for size, name in (
                    (places, "the number of positions"),
                    (heads * width, "the full width"),
                )
            ),
            Mistake(
                "softmax-over-queries",
                weights(right, axis=-2) @ v,
                "The softmax ran over the queries.",
                "Each query shares out its attention over the keys: the weights of a row add up to 1.",
            ),
            Mistake(
                "value-turned",
                weights(right) @ rotary(v),
                "The values were turned as well.",
                "Turning is for the scores. What is handed over must arrive as it was.",
            ),
            Mistake(
                "nothing-turned",
                weights(scores(q, k)) @ v,
                "Queries and keys were not turned: your result knows nothing of positions.",
                "Call rotate before you compute the scores.",
            ),
            Mistake(
                "key-not-turned",
                weights(scores(tq, k)) @ v,
                "Only the queries were turned.",
                "A score depends on the distance only if both arrows are turned.",
            ),
            Mistake(
                "query-not-turned",
                weights(scores(q, tk)) @ v,
                "Only the keys were turned.",
                "Key and query are both arrows; what counts is the angle between them. Turn both.",
            ),
            Mistake(
                "turned-too-late",
                rotary(weights(scores(q, k)) @ v),
                "The result was turned, not the queries and keys.",
                "Turn first, then compute scores; nothing is turned after that.",
            ),
        ]
        if not masked:  # without a mask these are right
            harmless = ("mask-after-softmax", "masked-score-zero", "mask-turned", "mask-unused", "mask-inverted")
            mistakes = [mistake for mistake in mistakes if mistake.name not in harmless]
        sizes = [batch, heads, places, width]
        judge(
            run(answer, q, k, v, mask, rotary),
            expected,
            given=f"attention(q, k, v, mask, rotate): q, k, v of shape {sizes}, {int((~mask).sum())} pairs ruled out",
            mistakes=mistakes,
            where="Compare with the loop of section 5 of the lesson: scores, softmax, weighted mean of the values.",
            tolerance=CLOSE,
        )
    passed("attention", "with a mask and without, 2 and 3 heads, queries and keys turned")


# --- token mixer ------------------------------------------------------------------------------------------------------


def running_sum(x: Tensor) -> Tensor:
    """A stand-in for a SwiGLU that takes any length: where it mixed can be seen from the result."""
    return x.cumsum(-1) + x.flip(-1).sin()


def swiglu_of_seven(x: Tensor) -> Tensor:
    """A SwiGLU for seven numbers with weights that are the same for everybody."""
    gate, up = F.linear(x, draw(2, 10, 7)).chunk(2, dim=-1)
    return F.linear(F.silu(gate) * up, draw(3, 7, 5))


def token_mixer(answer: Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor]) -> None:
    """Mix along the positions of [B, S, D] with a part that acts on the last axis."""
    for h, mix, name in ((draw(0, 2, 5, 3), running_sum, "running_sum"), (draw(1, 3, 7, 4), swiglu_of_seven, "SwiGLU")):
        batch, places, channels = h.shape
        expected = swap(mix(swap(h)))
        mistakes = [
            Mistake(
                "not-turned-back",
                mix(swap(h)),
                "Your result is still on its side: [B, D, S].",
                "Positions and channels changed places for the mixing. They must change back.",
            ),
            Mistake(
                "turned-by-reshape",
                mix(h.reshape(batch, channels, places)).reshape(h.shape),
                "The numbers were poured into another shape, not turned on their side.",
                "`reshape` and `view` keep the order in memory, so rows are cut up. Exchange the axes instead.",
            ),
            Mistake(
                "not-back-but-reshaped",
                mix(swap(h)).reshape(h.shape),
                "The mixing is right, but the way back poured the numbers into shape.",
                "Go back as you came: exchange the same two axes again.",
            ),
            Mistake(
                "input-added",
                h + expected,
                "The input was added to the result.",
                "The sum belongs to the block. The token mixer hands over only what was mixed.",
            ),
        ]
        if mix is running_sum:  # it takes any length; the SwiGLU would stop with an error
            mistakes += [
                Mistake(
                    "channels-mixed",
                    mix(h),
                    "Channels were mixed, not positions.",
                    "`mix` acts along the last axis. Which axis must stand there when it is called?",
                ),
                Mistake(
                    "batch-mixed",
                    mix(h.transpose(0, 2)).transpose(0, 2),
                    "Puzzles of the batch were mixed with each other.",
                    "Axis 0 counts puzzles, and they must not hear of each other. Positions are axis 1.",
                ),
            ]
        judge(
            run(answer, h, mix),
            expected,
            given=f"token_mixer(h, mix) with h of shape {list(h.shape)}: [B, S, D], and mix = {name}",
            mistakes=mistakes,
            where="Take one channel of one puzzle: S numbers. `mix` of them is that channel of the result.",
            tolerance=CLOSE,
        )
    passed("token_mixer", "a stand-in that shows where it mixed, and a SwiGLU over 7 positions")


# --- block ------------------------------------------------------------------------------------------------------------


def post_norm_block(answer: Callable[..., Tensor]) -> None:
    """One block of the mixer variant: mix, add, normalise along the positions; then the same for channels."""
    norm = layers.rms_norm

    def mlp(x: Tensor) -> Tensor:
        return (x.roll(1, dims=-1) * 2).cos()

    mix = running_sum
    for seed, shape in ((0, (2, 5, 3)), (1, (3, 4, 6))):
        h = 2 * draw(seed, *shape)
        columns = swap(h)
        middle = swap(norm(columns + mix(columns)))  # after the first half
        middle_without_input = swap(norm(mix(columns)))
        judge(
            run(answer, h, mix, mlp, norm),
            norm(middle + mlp(middle)),
            given=f"post_norm_block(h, mix, mlp, norm) with h of shape {list(shape)}: [B, S, D]",
            mistakes=[
                Mistake(
                    "pre-norm",
                    pre_norm(h, mix, mlp, norm),
                    "The norm stands before the parts: that is a pre-norm block.",
                    "Here the sum comes first. What leaves each half of the block has size 1.",
                ),
                Mistake(
                    "no-input-added",
                    no_residual(h, mix, mlp, norm),
                    "What went in was not added to what a part gave.",
                    "A part computes a change. Add it to its input, then normalise the sum.",
                ),
                Mistake(
                    "first-input-missing",
                    norm(middle_without_input + mlp(middle_without_input)),
                    "What went in was not added to what `mix` gave.",
                    "The first half of the block: add `h`, while it is on its side as well, then normalise.",
                ),
                Mistake(
                    "second-input-missing",
                    norm(mlp(middle)),
                    "What went in was not added to what `mlp` gave.",
                    "The second half of the block: its input is what the first half gave.",
                ),
                Mistake(
                    "not-turned-back",
                    usual_norm(norm(columns + mix(columns)), mlp, norm),
                    "The table stayed on its side, so that `mlp` worked along the positions.",
                    "Turn it back after the first norm: channels belong on the last axis again.",
                ),
                Mistake(
                    "branch-normed",
                    branch_norm(h, mix, mlp, norm),
                    "Only what the part gave was normalised; the input was added after that.",
                    "First add, then normalise the sum, or the sizes pile up from layer to layer.",
                ),
                Mistake(
                    "first-norm-over-channels",
                    usual_norm(middle_over_channels(h, mix, norm), mlp, norm),
                    "The first norm ran over the channels.",
                    "In the published code the first sum is normalised while it is still on its side.",
                ),
                Mistake(
                    "first-norm-missing",
                    usual_norm(h + swap(mix(columns)), mlp, norm),
                    "The sum after mixing the positions was not normalised.",
                    "There are two sums in a block, and a norm after each.",
                ),
                Mistake(
                    "last-norm-missing",
                    middle + mlp(middle),
                    "The block ends with a sum that was not normalised.",
                    "The second half ends like the first: what leaves the block has size 1.",
                ),
                Mistake(
                    "halves-exchanged",
                    channels_first(h, mix, mlp, norm),
                    "The channels were mixed before the positions.",
                    "Cells hear of each other first; then each one thinks.",
                ),
                Mistake(
                    "never-on-its-side",
                    usual_norm(norm(h + mix(h)), mlp, norm),
                    "Both halves of your block mix channels.",
                    "`mix` acts on the last axis. For the first half the positions must stand there.",
                ),
                Mistake(
                    "side-by-side",
                    norm(h + swap(mix(columns)) + mlp(h)),
                    "Both parts saw the same input, and their results were added at once.",
                    "The second part works on what the first half of the block gives.",
                ),
            ],
            where="Write the steps of each half down: when is the table on its side, which sum is normalised?",
            tolerance=CLOSE,
        )
    passed("post_norm_block", "two sizes, with stand-ins that show the order, the sums and the axis of each norm")


def usual_norm(h: Tensor, mlp: Callable, norm: Callable) -> Tensor:
    return norm(h + mlp(h))


def middle_over_channels(h: Tensor, mix: Callable, norm: Callable) -> Tensor:
    return norm(h + swap(mix(swap(h))))


def pre_norm(h: Tensor, mix: Callable, mlp: Callable, norm: Callable) -> Tensor:
    columns = swap(h)
    h = swap(columns + mix(norm(columns)))
    return h + mlp(norm(h))


def no_residual(h: Tensor, mix: Callable, mlp: Callable, norm: Callable) -> Tensor:
    return norm(mlp(swap(norm(mix(swap(h))))))


def branch_norm(h: Tensor, mix: Callable, mlp: Callable, norm: Callable) -> Tensor:
    columns = swap(h)
    h = swap(columns + norm(mix(columns)))
    return h + norm(mlp(h))


def channels_first(h: Tensor, mix: Callable, mlp: Callable, norm: Callable) -> Tensor:
    columns = swap(norm(h + mlp(h)))
    return swap(norm(columns + mix(columns)))


# --- start ------------------------------------------------------------------------------------------------------------

# The spread of a normal that was cut at two deviations, and of one that is drawn wider by that but cut at 2 / sqrt(n).
SHRUNK = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))
CUT = 2 * SHRUNK
TOO_EARLY = (
    math.sqrt(1 - 2 * CUT * math.exp(-CUT * CUT / 2) / math.sqrt(2 * math.pi) / math.erf(CUT / math.sqrt(2))) / SHRUNK
)
LARGEST = 2 / SHRUNK  # in units of the wanted spread


def start(answer: Callable[[int, int, torch.Generator], Tensor]) -> None:
    """LeCun's start, cut at two deviations and corrected: by statistics of large matrices."""
    for fan_in, fan_out in ((400, 150), (90, 700)):
        with torch.random.fork_rng(devices=[]):  # an answer may draw from the global state; it stays as it was
            weight, again, other = (answer(fan_in, fan_out, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
        given = f"start(fan_in={fan_in}, fan_out={fan_out}, generator)"
        if kind(weight) != "tensor" or weight.ndim != 2 or set(weight.shape) != {fan_in, fan_out}:
            zeros = torch.zeros(fan_out, fan_in)
            judge(weight, zeros, given=given, where="`F.linear` expects a matrix [outputs, inputs].")
        if weight.shape == (fan_in, fan_out):
            refuse(
                "shape-turned",
                f"Your matrix has the shape {list(weight.shape)}: inputs by outputs.",
                "`F.linear` and `nn.Linear` keep it the other way round: one row for each output.",
                given=given,
                yours=list(weight.shape),
                expected=[fan_out, fan_in],
            )
        judge_start(weight.detach().double(), fan_in, fan_out, given)
        if not torch.equal(weight, again):
            refuse(
                "generator-ignored",
                "With the same seed your function gave two different matrices.",
                "Every draw has to come from `generator`: most random functions take it as an argument.",
                given=f"{given} twice, with seed 3",
                yours=weight[0, :3],
                expected=again[0, :3],
            )
        if torch.equal(weight, other):
            refuse(
                "always-the-same",
                "With another seed your function gave the same matrix again.",
                "Use the generator as it is handed over; do not seed it, nor make one of your own.",
                given=f"{given} with seed 3 and with seed 4",
                yours=other[0, :3],
                expected="other numbers than with seed 3",
            )
    passed("start", "150 x 400 and 700 x 90 weights: spread, largest, shape of the distribution, repeatable")


def judge_start(weight: Tensor, fan_in: int, fan_out: int, given: str) -> None:
    """Compare spread, largest value and shape of the distribution, in units of the wanted spread."""
    std = fan_in**-0.5
    size = (weight / std).abs()
    spread, largest = (weight.std() / std).item(), size.max().item()
    at_the_edge = (size > 0.9999 * largest).double().mean().item()
    beyond = (size > 1.02 * LARGEST * spread).double().mean().item()  # in units of its own spread

    def say(mistake: str, what: str, where: str, yours: float, expected: float, name: str) -> None:
        refuse(mistake, what, where, given=given, yours={name: yours}, expected={name: expected})

    if at_the_edge > 0.005:
        say(
            "clamped",
            "Many weights lie exactly at the cut: they were pushed back to it.",
            "A number beyond the cut is thrown away and drawn again; clamping piles them up at the edge.",
            at_the_edge,
            0.0,
            "share at the edge",
        )
    if abs(weight.mean().item()) > 0.02 * weight.std().item():
        say(
            "not-centred",
            "The mean of the weights is not 0.",
            "Cut on both sides alike.",
            weight.mean().item(),
            0.0,
            "mean",
        )
    if beyond > 0.01:
        say(
            "not-cut",
            "Nothing was cut off: there are weights far out.",
            "Draw those beyond two deviations again. The cuts of `trunc_normal_` are numbers, not deviations.",
            largest / spread,
            LARGEST,
            "largest, in spreads",
        )
    if beyond > 0:
        say(
            "redrawn-once",
            "A few weights are still beyond the cut.",
            "What you draw again can be too large again. Go on until none is.",
            largest / spread,
            LARGEST,
            "largest, in spreads",
        )
    spreads = [
        (
            "not-corrected",
            SHRUNK,
            "The spread is too small: cutting the tails off has narrowed it.",
            "Draw from a wider normal, and cut that at two of its own deviations.",
        ),
        (
            "corrected-backwards",
            SHRUNK**2,
            "The correction went the wrong way: the spread is even smaller than without it.",
            "The cut makes the spread smaller by a factor. Multiply by it, or divide?",
        ),
        (
            "cut-too-early",
            TOO_EARLY,
            "You drew from a wider normal, but cut at two of the narrower deviations.",
            "The cut is at two deviations of the normal that you draw from; it moves out with it.",
        ),
        (
            "variance-for-spread",
            std,
            "The spread is 1 / fan_in: that is the variance.",
            "fan_in variances add up to 1. What is the spread of one weight then?",
        ),
        (
            "unit-spread",
            1 / std,
            "The spread does not depend on the number of inputs.",
            "A layer adds up fan_in products. What size must one weight have for a sum of size 1?",
        ),
        (
            "average-of-fans",
            math.sqrt(2 * fan_in / (fan_in + fan_out)),
            "The spread takes inputs and outputs together: that is Xavier's start.",
            "LeCun's start looks at the inputs alone.",
        ),
        (
            "two-over-fan-in",
            math.sqrt(2),
            "The variance is 2 / fan_in: that is Kaiming's start for relu.",
            "LeCun's start has 1 / fan_in; no half of the inputs is lost here.",
        ),
        (
            "fan-out",
            math.sqrt(fan_in / fan_out),
            "The spread follows from the number of outputs.",
            "How many products does one output add up? One for each input.",
        ),
        (
            "fan-out-not-corrected",
            SHRUNK * math.sqrt(fan_in / fan_out),
            "The spread follows from the number of outputs, and the cut has narrowed it.",
            "Two things: an output adds up fan_in products; and what is cut must be drawn wider first.",
        ),
    ]
    for name, ratio, what, where in spreads:
        if abs(spread / ratio - 1) < 0.012:
            say(name, what, where, spread * std, std, "spread")
    if not abs(spread - 1) <= 0.012:  # also if it is no number at all
        say(
            "spread-off",
            "The spread is not the wanted one.",
            "First draw with spread 1, look at the spread after the cut, then scale.",
            spread * std,
            std,
            "spread",
        )
    within = (size < LARGEST / 2).double().mean().item()
    expected = math.erf(math.sqrt(0.5)) / math.erf(math.sqrt(2))
    if not abs(within - expected) <= 0.04:
        say(
            "not-normal",
            "The spread is right, but the weights are not normally distributed.",
            "Draw from a normal, not from a uniform distribution; then cut.",
            within,
            expected,
            "share within half the cut",
        )
    if largest < 0.97 * LARGEST:
        say(
            "cut-elsewhere",
            "The spread is right, but more was cut off than what lies beyond two deviations.",
            "Where is the cut, counted in deviations of the normal that you draw from?",
            largest / spread,
            LARGEST,
            "largest, in spreads",
        )
