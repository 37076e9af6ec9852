"""Checks of lesson 11: the schedule, what a run costs, its share of the peak, going on after a stop, many processes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from trm_edu.checks.teacher import Mistake, judge, passed, refuse, run, same
from trm_edu.flops import step_flops
from trm_edu.interface import ModelConfig
from trm_edu.optim import learning_rate as schedule

__all__ = [
    "average_gradient",
    "hand_over",
    "hours_to_train",
    "learning_rate",
    "optimizer_steps",
    "share_of_peak",
    "training_step_flops",
]


# --- the schedule ----------------------------------------------------------------------------------------------------


def learning_rate(answer: Callable[..., float]) -> None:
    """Linear warm-up, then a cosine from the peak to a share of it."""
    base, warmup, total, ratio = 0.8, 10, 50, 0.25
    late, later = (0.5 * (1 + math.cos(math.pi * t / 40)) for t in (10, 30))  # at steps 20 and 40
    steps = (3, 20, 40, 50, 70)
    whole = [0.5 * (1 + math.cos(math.pi * step / total)) for step in (20, 40)]
    linear = [0.75, 0.25]
    flat = [0.5 * (1 + math.cos(progress)) for progress in (0.25, 0.75, 1.0)]
    up = base * 3 / warmup

    def mix(first: float, shares: list[float], end: float, after: float) -> list[float]:
        middle = [base * (ratio + (1 - ratio) * share) for share in shares]
        return [first, *middle, end, after]

    bottom = ratio * base
    right = mix(up, [late, later], bottom, bottom)
    overrun = base * (ratio + (1 - ratio) * 0.5 * (1 + math.cos(math.pi * 60 / 40)))
    back = base * (ratio + (1 - ratio) * 0.5 * (1 + math.cos(math.pi * 70 / total)))
    mistakes = [
        Mistake(
            "no-warmup",
            mix(base * (ratio + (1 - ratio) * 0.5 * (1 + math.cos(math.pi * 7 / 40))), [late, later], bottom, bottom),
            "Step 3 of 10 warm-up steps has a rate from the cosine.",
            "While the step is below `warmup`, the rate is a share of the peak that grows in a straight line.",
        ),
        Mistake(
            "flat-warmup",
            mix(base, [late, later], bottom, bottom),
            "Step 3 of 10 warm-up steps has the full rate already.",
            "In the warm-up the rate grows with every step. What share of the peak belongs to step 3 of 10?",
        ),
        Mistake(
            "counted-from-one",
            mix(base * 4 / warmup, [late, later], bottom, bottom),
            "Your warm-up is one step ahead.",
            "The rate is 0 at step 0 and reaches `base` at step `warmup`, not before.",
        ),
        Mistake(
            "warmup-to-one",
            mix(3 / warmup, [late, later], bottom, bottom),
            "The warm-up rises to 1 instead of to the peak.",
            "At the end of the warm-up the rate must be `base`. What is it half way?",
        ),
        *(
            Mistake(
                "cosine-from-step-zero",
                mix(up, whole, bottom, after),
                "The cosine begins at step 0, so that the rate jumps down at the end of the warm-up.",
                "How far is the run at the end of the warm-up? Count the progress from there: 0 there, 1 at `total`.",
            )
            for after in (bottom, back)
        ),
        Mistake(
            "comes-up-again",
            mix(up, [late, later], bottom, overrun),
            "After the last step the rate rises again.",
            "A cosine comes back up after half a turn. Let the progress never be more than 1.",
        ),
        *(
            Mistake(
                "ratio-ignored",
                [up, base * late, base * later, 0.0, after],
                "The rate falls to 0, whatever `min_ratio` is.",
                "The last rate is `min_ratio * base`. The cosine moves between that and the peak.",
            )
            for after in (0.0, base * 0.5)
        ),
        Mistake(
            "floor-is-no-ratio",
            [up, *(ratio + (base - ratio) * share for share in (late, later)), ratio, ratio],
            "The last rate is `min_ratio` itself.",
            "`min_ratio` is a share of the peak. What is a quarter of 0.8?",
        ),
        Mistake(
            "cut-at-the-floor",
            [up, max(bottom, base * late), max(bottom, base * later), bottom, bottom],
            "The cosine falls towards 0 and is cut off at the floor.",
            "It should arrive at the floor at `total`, not before. Stretch it between the floor and the peak.",
        ),
        Mistake(
            "added-to-the-floor",
            [up, *(base * (ratio + share) for share in (late, later)), bottom, bottom],
            "The floor was added to a whole cosine: after the warm-up the rate is above the peak.",
            "The floor and what lies above it must make 1 together. How much is left for the cosine?",
        ),
        Mistake(
            "straight-line",
            mix(up, linear, bottom, bottom),
            "After the warm-up the rate falls in a straight line.",
            "Half a turn of a cosine is flat at both ends: `math.cos` of 0 up to pi.",
        ),
        Mistake(
            "degrees",
            mix(up, flat[:2], base * (ratio + (1 - ratio) * flat[2]), base * (ratio + (1 - ratio) * flat[2])),
            "The cosine gets the progress itself, 0 to 1.",
            "`math.cos` takes radians. Half a turn is pi: what must 1 become?",
        ),
    ]
    judge(
        [run(answer, step, base, warmup, total, ratio) for step in steps],
        right,
        given=f"steps {list(steps)} with base {base}, warmup {warmup}, total {total}, min_ratio {ratio}",
        mistakes=mistakes,
        where="Draw it: up in a straight line to `warmup`, then half a turn of a cosine down to `total`.",
    )
    cases = ((0, 2.0, 4, 20, 0.5), (4, 2.0, 4, 20, 0.5), (0, 1.0, 0, 8, 0.0), (5, 1.0, 0, 8, 0.0), (9, 3.0, 2, 12, 1.0))
    for step, peak, warm, count, least in cases:
        expected = schedule(step, base=peak, warmup=warm, total=count, min_ratio=least)
        none = Mistake(
            "warmup-of-nothing",
            0.0,
            "Without a warm-up the first rate is 0.",
            "With `warmup` 0 no step lies below it: begin with the cosine, at the peak.",
        )
        judge(
            run(answer, step, peak, warm, count, least),
            expected,
            given=f"learning_rate({step}, {peak}, {warm}, {count}, {least})",
            mistakes=() if warm else (none,),
            where="Does it also hold at the ends: step 0, the last step of the warm-up, no warm-up, min_ratio 1?",
        )
    passed("learning_rate", "10 steps: warming up, falling, beyond the end, without warm-up, constant")


# --- what a step costs -----------------------------------------------------------------------------------------------


def training_step_flops(answer: Callable[..., int]) -> None:
    """Products of one training step: three matrices a SwiGLU, 2 a multiply-add, 3 for an evaluation with gradient."""
    cases = (
        {"B": 11, "S": 7, "D": 16, "W_cells": 24, "W": 40, "layers": 3, "T": 5, "n": 4},
        {"B": 768, "S": 97, "D": 512, "W_cells": 512, "W": 1536, "layers": 2, "T": 3, "n": 6},
        {"B": 2, "S": 4, "D": 8, "W_cells": 16, "W": 24, "layers": 3, "T": 1, "n": 1},
    )
    for case in cases:
        B, S, D, cells, W, layers, T, n = case.values()
        one = layers * 6 * S * D * (cells + W)
        without, with_gradient = (T - 1) * (n + 1), n + 1
        right = B * one * (without + 3 * with_gradient)
        mistakes = [
            Mistake(
                "three-for-all",
                B * one * 3 * T * (n + 1),
                "Every evaluation was counted three times.",
                "A backward pass exists only for the last of the T recursions. The others run without gradient.",
            ),
            Mistake(
                "forward-only",
                B * one * T * (n + 1),
                "The backward pass is missing.",
                "An evaluation with gradient costs a forward pass and a backward pass, which is worth two more.",
            ),
            Mistake(
                "backward-costs-one",
                B * one * (without + 2 * with_gradient),
                "The backward pass counts as much as one forward pass.",
                "Backward needs two products for each one: the gradient of the weights, and that of the inputs.",
            ),
            Mistake(
                "multiply-add-is-one",
                right // 2,
                "The result is half of what it should be: one operation for each multiply-add.",
                "A multiply-add is a multiplication and an addition. How many operations are these?",
            ),
            Mistake(
                "n-evaluations",
                B * one * ((T - 1) * n + 3 * n),
                "A recursion has n evaluations in your count.",
                "z is renewed n times. What is renewed once more after that, by the same network?",
            ),
            Mistake(
                "batch-twice",
                B * right,
                "The batch was counted twice.",
                "Does your cost of one evaluation hold for one puzzle or for the batch? Multiply by B in one place.",
            ),
            Mistake(
                "batch-missing",
                right // B,
                "That is the cost for one puzzle.",
                "A step works on the whole batch of B puzzles.",
            ),
            Mistake(
                "two-matrices",
                right * 2 // 3,
                "The result is two thirds of what it should be: a SwiGLU with two matrices.",
                "Count the matrices of a SwiGLU again: gate, up, and the way back.",
            ),
            Mistake(
                "one-layer",
                right // layers,
                "That is the cost of one layer.",
                "An evaluation of the network goes through all its layers.",
            ),
            Mistake(
                "mixer-forgotten",
                B * layers * 6 * S * D * W * (without + 3 * with_gradient),
                "The SwiGLU over the positions is missing.",
                "A layer has two SwiGLUs: one mixes positions (width W_cells), one mixes channels (width W).",
            ),
            Mistake(
                "one-recursion",
                B * one * 3 * with_gradient,
                "The T - 1 recursions without gradient are missing.",
                "No gradient does not mean no work: they cost a forward pass each.",
            ),
        ]
        judge(
            run(answer, **case),
            right,
            given=", ".join(f"{name} {value}" for name, value in case.items()),
            mistakes=mistakes,
            where="Start small: the products of one SwiGLU, one layer, one evaluation, one recursion; then T, then B.",
        )
    config = ModelConfig(11, 81, prefix_len=16, puzzle_ids=1, puzzle_dim=512)
    assert step_flops("trm", config, 768) == run(answer, **cases[1])
    passed("training_step_flops", "a small step, the paper's step (as trm_edu.flops says), and one without recursion")


# --- how many steps --------------------------------------------------------------------------------------------------


def optimizer_steps(answer: Callable[[int, int, int], int]) -> None:
    """Whole batches in so many passes over the puzzles; the rest of a pass goes into the next batch."""
    for epochs, puzzles, batch in ((100, 1000, 300), (50_000, 1000, 768), (7, 30, 100), (3, 64, 32)):
        right = epochs * puzzles // batch
        mistakes = [
            Mistake(
                "rest-thrown-away",
                epochs * (puzzles // batch),
                "At the end of each epoch, the puzzles that fill no whole batch were thrown away.",
                "The rest of an epoch goes into the first batch of the next one. Count puzzles over all epochs first.",
            ),
            Mistake(
                "rest-is-a-step",
                epochs * math.ceil(puzzles / batch),
                "Each epoch ends with a step of its own for the rest.",
                "Batches run on over the end of an epoch. Count puzzles over all epochs first, then batches.",
            ),
            Mistake(
                "rounded-up",
                math.ceil(epochs * puzzles / batch),
                "The last batch is not full, and was counted.",
                "Only whole batches make a step. In which direction must you round?",
            ),
            Mistake(
                "not-whole",
                epochs * puzzles / batch,
                "That is not a whole number of steps.",
                "Only whole batches make a step: round down.",
            ),
            Mistake(
                "epochs-are-steps",
                epochs,
                "You returned the number of epochs.",
                "An epoch is a pass over all puzzles, a step takes one batch.",
            ),
            Mistake(
                "batch-forgotten",
                epochs * puzzles,
                "That is the number of puzzles that are offered, not of steps.",
                "How many of them does one step take?",
            ),
            Mistake(
                "times-supervision",
                16 * right,
                "The steps were multiplied by 16.",
                "An optimizer step follows EVERY supervision step; epochs in the published code count those already.",
            ),
            Mistake(
                "divided-by-supervision",
                right // 16,
                "The steps were divided by 16.",
                "Epochs count what is offered at every step, whether a slot takes it or not. No 16 is needed.",
            ),
        ]
        judge(
            run(answer, epochs, puzzles, batch),
            right,
            given=f"{epochs} epochs, {puzzles} puzzles, batch {batch}",
            mistakes=mistakes,
            where="How many puzzles are offered in all the epochs together? How many whole batches is that?",
        )
    passed("optimizer_steps", "4 runs, among them the published one, and one with more slots than puzzles")


# --- share of the peak -----------------------------------------------------------------------------------------------


def share_of_peak(answer: Callable[[float, list[float], float], float]) -> None:
    """FLOPs by the median time of the steps after the first, by the peak rate."""
    cases = (
        (6e12, [90.0, 0.02, 0.03, 0.05, 0.02, 0.18], 1e15),
        (8e9, [0.01, 0.4, 0.2, 0.3], 1e12),
    )
    for flops, seconds, peak in cases:
        steady, everything = sorted(seconds[1:]), sorted(seconds)
        median, half = steady[len(steady) // 2], len(everything) // 2  # odd without the first, even with it
        middles = (everything[half - 1 : half + 1], everything[half - 1 : half], everything[half : half + 1])
        right = flops / median / peak
        mean = sum(steady) / len(steady)
        mistakes = [
            *(
                Mistake(
                    "first-step-counted",
                    flops * len(middle) / sum(middle) / peak,
                    "The first step is among the times.",
                    "It compiles and sets things up, once. Leave it out before you take the median.",
                )
                for middle in middles
            ),
            Mistake(
                "mean-with-the-first",
                flops * len(seconds) / sum(seconds) / peak,
                "You took the mean of all times, the first step included.",
                "The first step is of another kind: leave it out. And one slow step can spoil a mean.",
            ),
            Mistake(
                "mean-instead-of-median",
                flops / mean / peak,
                "You took the mean of the times.",
                "One step in which the machine did something else pulls a mean far. Which average does not care?",
            ),
            Mistake(
                "fastest-step",
                flops / steady[0] / peak,
                "You took the fastest step.",
                "That is what the machine can do at best. The question is what it does usually: the median.",
            ),
            Mistake(
                "upside-down",
                1 / right,
                "The fraction is upside down: a share of the peak lies between 0 and 1.",
                "First the rate that was reached, FLOPs by seconds. Then that rate by the peak.",
            ),
            Mistake(
                "percent",
                100 * right,
                "That is the share in percent.",
                "Return a number from 0 to 1.",
            ),
            Mistake(
                "rate-not-share",
                flops / median,
                "That is the rate in FLOP a second.",
                "What share of the peak is it?",
            ),
            Mistake(
                "peak-multiplied",
                flops * median / peak,
                "The FLOPs were multiplied by the time.",
                "A rate is work by time: a longer step means a smaller share.",
            ),
        ]
        judge(
            run(answer, flops, seconds, peak),
            right,
            given=f"{flops:g} FLOP, times {seconds} s, peak {peak:g} FLOP/s",
            mistakes=mistakes,
            where="Three small steps: the usual time of a step, the rate in FLOP a second, the rate by the peak.",
        )
    passed("share_of_peak", "2 runs, with a slow first step and an odd one out")


# --- hours -----------------------------------------------------------------------------------------------------------


def hours_to_train(answer: Callable[[float, int, float, float], float]) -> None:
    """FLOPs of all steps by the rate that is reached, in hours."""
    for flops, steps, peak, share in ((33e12, 60_000, 9e14, 0.4), (2e9, 5000, 1e11, 0.8)):
        seconds = flops * steps / (peak * share)
        mistakes = [
            Mistake(
                "share-inverted",
                flops * steps / peak * share / 3600,
                "A smaller share makes the run faster in your formula.",
                "The rate that is reached is share times peak. Time is work divided by that whole rate.",
            ),
            Mistake(
                "share-forgotten",
                flops * steps / peak / 3600,
                "The share of the peak is not in the result.",
                "Nobody reaches the peak. At which rate does the run really go?",
            ),
            Mistake(
                "seconds",
                seconds,
                "Those are seconds.",
                "FLOP by FLOP/s gives seconds. How many of them make an hour?",
            ),
            Mistake("minutes", seconds / 60, "Those are minutes.", "Sixty seconds a minute, sixty minutes an hour."),
            Mistake(
                "one-step",
                seconds / steps / 3600,
                "That is the time of one step.",
                "The run makes `steps` of them, one after the other.",
            ),
            Mistake(
                "backward-again",
                3 * seconds / 3600,
                "The result is three times too long: the backward pass was counted again.",
                "The FLOPs of a training step hold its backward pass already.",
            ),
            Mistake(
                "share-lost",
                flops * steps / (peak * (1 - share)) / 3600,
                "You took the share that is lost instead of the one that is reached.",
                "`share` is what the program gets of the peak.",
            ),
        ]
        judge(
            run(answer, flops, steps, peak, share),
            seconds / 3600,
            given=f"{flops:g} FLOP a step, {steps} steps, peak {peak:g} FLOP/s, share {share}",
            mistakes=mistakes,
            where="Write the units beside each number: FLOP a step, steps, FLOP/s. Which of them cancel?",
        )
    passed("hours_to_train", "2 runs, at 40% and at 80% of a peak")


# --- going on --------------------------------------------------------------------------------------------------------


class Loop:
    """A tiny training loop. Everything that its next step depends on is an attribute."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)  # draws the puzzles
        self.model = nn.utils.skip_init(nn.Linear, 3, 3, bias=False)
        with torch.no_grad():
            self.model.weight.copy_(torch.randn(3, 3, generator=self.generator))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.0)
        self.average = self.model.weight.detach().clone()  # EMA of the weights
        self.carry = torch.zeros(4, 3)  # y of four slots
        self.steps_done = 0

    def step(self) -> float:
        self.steps_done += 1
        for group in self.optimizer.param_groups:
            group["lr"] = 0.1 / self.steps_done**0.5  # a schedule
        x = torch.randn(4, 3, generator=self.generator)
        y = torch.tanh(self.model(x + self.carry))
        loss = (y - x.roll(1, 1)).square().mean()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.lerp_(self.model.weight.detach(), 0.1)
        self.carry = y.detach()
        return loss.item()


PIECES = {
    "weights": (
        "The weights did not come back: the network is not the one that was saved.",
        "A network has `state_dict()` and `load_state_dict(...)`.",
    ),
    "moments": (
        "The optimizer's moments did not come back.",
        "AdamW remembers two averages of each gradient and a count. An optimizer has a `state_dict()` too.",
    ),
    "settings": (
        "The new optimizer has other settings (betas, eps or weight decay) than the old one.",
        "`new` came with an optimizer that is set up right. Keep it, and load only what it remembers.",
    ),
    "average": (
        "The averaged weights did not come back.",
        "The EMA is what gets tested in the end, and it is nowhere in the network's own state.",
    ),
    "step": (
        "The number of steps did not come back.",
        "The learning rate depends on it: with another count, the schedule is at another place.",
    ),
    "generator": (
        "The random generator did not come back: it will draw other puzzles.",
        "A torch.Generator has `get_state()` and `set_state(...)`. It is the loop's own, not the global one.",
    ),
    "carry": (
        "The carry did not come back: the slots forgot their half-solved puzzles.",
        "What does the next step start from, besides the new x? Look at the first lines of `step`.",
    ),
}


def pieces(loop: Any) -> dict[str, Any]:
    """Copies of all that the next step of a loop depends on."""
    state = loop.optimizer.state_dict()["state"]
    moments = [[copy.deepcopy(state[i][key]) for key in sorted(state[i])] for i in sorted(state)]
    groups = [
        {key: group.get(key) for key in ("betas", "eps", "weight_decay")} for group in loop.optimizer.param_groups
    ]
    return {
        "settings": groups,
        "weights": loop.model.weight.detach().clone(),
        "moments": moments,
        "average": loop.average.detach().clone(),
        "step": loop.steps_done,
        "generator": loop.generator.get_state().clone(),
        "carry": loop.carry.detach().clone(),
    }


def hand_over(answer: Callable[[Loop, Loop], None]) -> None:
    """The new loop goes on bit by bit like one that was never stopped, and shares nothing with the old one."""
    for seed, done in ((3, 12), (8, 5)):
        whole, old, new = Loop(seed), Loop(seed), Loop(seed + 40)
        for _ in range(done):
            whole.step()
            old.step()
        before, fresh = pieces(old), pieces(new)
        given = f"an old loop after {done} steps, and a new one that has made none"
        with torch.enable_grad():
            answer(old, new)
        left, found = pieces(old), pieces(new)
        if not same(left, before, 0.0):
            back = same(left["weights"], fresh["weights"], 0.0)
            refuse(
                "wrong-direction" if back else "old-loop-changed",
                "The new loop was copied into the old one." if back else "The old loop is not what it was.",
                "`old` has made the steps, `new` is to receive them: load into `new`."
                if back
                else "Only read from `old`: no step, no change.",
                given=given,
                yours=left["weights"],
                expected=before["weights"],
            )
        own = [p for group in new.optimizer.param_groups for p in group["params"]]
        if not any(p is new.model.weight for p in own):
            refuse(
                "optimizer-of-other-weights",
                "The new optimizer belongs to other weights than the new network: its steps will move nothing.",
                "Load states into the network and the optimizer of `new`; do not put other objects in their place.",
                given=given,
                yours=f"{len(own)} weights, none of them new.model's",
                expected="the weights of new.model",
            )
        begun = torch.Generator().manual_seed(seed).get_state()
        if torch.equal(found["generator"], begun) and not torch.equal(before["generator"], begun):
            refuse(
                "generator-begins-again",
                "The random generator starts from its seed again: the run sees the same puzzles once more.",
                "A seed says where a generator began. Where it stands now, `get_state()` says.",
                given=given,
                yours=first_draws(found["generator"]),
                expected=first_draws(before["generator"]),
            )
        if same(found["average"], before["weights"], 0.0):
            refuse(
                "average-begins-anew",
                "The average starts anew from the present weights.",
                "The old average holds many earlier weights, which cannot be computed again. Copy it as well.",
                given=given,
                yours=found["average"],
                expected=before["average"],
            )
        for name, (what, where) in PIECES.items():
            if not same(found[name], before[name], 0.0):
                refuse(
                    f"{name}-forgotten",
                    what,
                    where,
                    given=given,
                    yours=shown(name, found),
                    expected=shown(name, before),
                )
        new.step()
        after = pieces(old)
        for name in PIECES:
            if not same(after[name], before[name], 0.0):
                refuse(
                    "shared-not-copied",
                    f"A step of the new loop changed the old one ({name}): they share memory.",
                    "Assigning copies nothing, and an optimizer keeps the very tensors that it loads. Copy first.",
                    given=given,
                    yours=shown(name, after),
                    expected=shown(name, before),
                )
        whole.step()
        losses = [[loop.step() for _ in range(5)] for loop in (new, whole)]
        ends = [pieces(loop) for loop in (new, whole)]
        if losses[0] != losses[1] or not same(*ends, 0.0):
            refuse(
                "other",
                "All parts came back, and yet the next steps differ from those of an uninterrupted run.",
                "Did you replace a method or a setting of the loop? Only its state should change.",
                given=given,
                yours=losses[0],
                expected=losses[1],
            )
    passed("hand_over", "after 12 and after 5 steps, six more steps were bit by bit those of a run that never stopped")


def first_draws(state: Tensor) -> Tensor:
    """What a generator in this state would draw next."""
    generator = torch.Generator()
    generator.set_state(state)
    return torch.randn(3, generator=generator)


def shown(name: str, found: dict[str, Any]) -> Any:
    """A piece as a learner can read it."""
    if name == "moments":
        return [
            value[0] if isinstance(value, Tensor) and value.dim() else value for row in found[name] for value in row
        ]
    return first_draws(found[name]) if name == "generator" else found[name]


# --- many processes --------------------------------------------------------------------------------------------------


def average_gradient(answer: Callable[[list[Tensor], list[int]], Tensor]) -> None:
    """The gradient of the mean loss over all puzzles, from each process's mean over its own."""
    draw = torch.Generator().manual_seed(11)
    for counts in ([4, 2, 10], [1, 7], [5, 5, 5]):
        gradients = [torch.randn(2, 3, generator=draw, dtype=torch.float64) for _ in counts]
        stacked, weights = torch.stack(gradients), torch.tensor(counts, dtype=torch.float64)[:, None, None]
        right = (stacked * weights).sum(0) / weights.sum()
        mistakes = [
            Mistake(
                "sum",
                stacked.sum(0),
                "You added the gradients of the processes.",
                "Each one is a mean over its own puzzles. Is the mean over all puzzles as large as their sum?",
            ),
            Mistake(
                "plain-mean",
                stacked.mean(0),
                "Every process counts the same, whether it has few puzzles or many.",
                "Each PUZZLE should count the same. So how much should a process with more puzzles count?",
            ),
            Mistake(
                "sum-over-puzzles",
                (stacked * weights).sum(0),
                "That is the sum over all puzzles, not their mean.",
                "By what must a sum over all puzzles be divided?",
            ),
            Mistake(
                "divided-by-processes",
                (stacked * weights).sum(0) / len(counts),
                "The sum over all puzzles was divided by the number of processes.",
                "A mean over puzzles divides by the number of puzzles, in all processes together.",
            ),
            Mistake(
                "divided-instead-of-weighted",
                (stacked / weights).sum(0),
                "The gradients were divided by the counts.",
                "They are means already. Make sums of them first: what must you multiply by?",
            ),
            Mistake(
                "mean-of-the-means-again",
                stacked.sum(0) / weights.sum(),
                "The means were added and divided by the number of puzzles: the mean was taken twice.",
                "A process's mean times its count is the sum over its puzzles. Add those.",
            ),
            Mistake(
                "first-process-only",
                gradients[0],
                "That is the gradient of the first process.",
                "All of them learn from all puzzles: every gradient must take part.",
            ),
            Mistake(
                "over-the-weights",
                (stacked * weights).sum() / weights.sum(),
                "You returned one number: the axes of the weight are gone.",
                "Sum over the processes only. What comes back has the shape of one gradient.",
            ),
        ]
        judge(
            run(answer, gradients, counts),
            right,
            given=f"{len(counts)} processes with {counts} puzzles; the first gradient is {gradients[0].tolist()}",
            mistakes=mistakes if len(set(counts)) > 1 else (),
            where="From each mean back to a sum over puzzles; add the sums; then one mean over all puzzles.",
        )
    passed("average_gradient", "3 and 2 processes with unequal parts, 3 with equal ones")
