"""Checks of lesson 04: HRM's two networks, two states and two clocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from trm_edu.checks.teacher import Mistake, judge, kind, passed, refuse, run
from trm_edu.hrm import HRM, HRMConfig

__all__ = [
    "effective_depth",
    "high_tick",
    "hrm_cycles",
    "hrm_parameters",
    "low_tick",
    "run_supervision_steps",
    "schedule",
]


def schedule(answer: Callable[[int, int], list[str]]) -> None:
    """Which network fires when."""
    for T, n in ((2, 3), (3, 1), (1, 4), (1, 1)):
        cycle = ["L"] * n + ["H"]
        mistakes = [
            Mistake(
                "h-at-every-tick",
                ["L", "H"] * (T * n),
                "H fires after every low tick.",
                "The high clock is slow. In the timeline, how many low ticks stand before the first H?",
            ),
            Mistake(
                "h-first",
                (["H"] + ["L"] * n) * T,
                "Each of your cycles begins with H.",
                "H sums up what the low ticks have found, so it comes after them.",
            ),
            Mistake(
                "one-low-tick-too-many",
                (["L"] * (n + 1) + ["H"]) * T,
                "A cycle of yours has n + 1 low ticks.",
                "n counts the low ticks alone; with H there are n + 1 ticks in a cycle.",
            ),
            Mistake(
                "one-low-tick-too-few",
                (["L"] * (n - 1) + ["H"]) * T,
                "A cycle of yours has n - 1 low ticks.",
                "n counts the low ticks alone; H comes on top of them.",
            ),
            Mistake(
                "one-h-at-the-end",
                ["L"] * (T * n) + ["H"],
                "H fires once, at the very end.",
                "Every cycle ends with an H. Is that line inside the loop over cycles?",
            ),
            Mistake(
                "one-cycle",
                cycle,
                "There is one cycle only.",
                "A supervision step has T cycles.",
            ),
            Mistake(
                "t-and-n-exchanged",
                (["L"] * T + ["H"]) * n,
                "T and n have changed places.",
                "T counts cycles, n the low ticks in each.",
            ),
        ]
        yours = run(answer, T, n)
        if isinstance(yours, str):
            yours = list(yours)  # a text of letters is as good as a list of them
        judge(
            yours,
            cycle * T,
            given=f"schedule(T={T}, n={n})",
            mistakes=mistakes,
            where="Draw the timeline for these T and n and read it from left to right.",
        )
    passed("schedule", "4 settings of T and n")


def asymmetric(state: Any, injected: Any) -> Any:
    """A network that can tell its two inputs apart."""
    return 2 * state + injected


def numbers(seed: int, count: int) -> list[Tensor]:
    """Random tensors [2, 3, 4]; the global random state is left alone."""
    generator = torch.Generator().manual_seed(seed)
    return list(torch.randn(count, 2, 3, 4, generator=generator))


def tick_cases() -> list[tuple[Any, Any, Any, str]]:
    x, z_H, z_L = numbers(0, 3)
    rule = "with f = 2 * state + injected"
    by_hand = (torch.full((1, 1, 1), float(value)) for value in (1, 10, 100))
    return [(*by_hand, f"x = 1, z_H = 10, z_L = 100, {rule}"), (x, z_H, z_L, f"x, z_H, z_L random, {rule}")]


def low_tick(answer: Callable[..., Tensor]) -> None:
    """f_L reads z_L, z_H and x, and renews z_L."""
    f = asymmetric
    for x, z_H, z_L, given in tick_cases():
        mistakes = [
            Mistake(
                "x-missing",
                f(z_L, z_H),
                "The question x is missing.",
                "The low network is the only one that sees the question. What is added to z_H?",
            ),
            Mistake(
                "high-state-missing",
                f(z_L, x),
                "The high state is missing.",
                "z_H is how the slow network guides the fast one: it belongs into the sum.",
            ),
            Mistake(
                "own-state-twice",
                f(z_L, z_L + x),
                "The low network got its own state twice, and the high state not at all.",
                "z_L comes first. Is it z_L again that you add to x?",
            ),
            Mistake(
                "own-state-added-too",
                f(z_L, z_L + z_H + x),
                "The low state is in both inputs.",
                "The second input holds all else that the network reads, without the state it renews.",
            ),
            Mistake(
                "state-not-first",
                f(z_H + x, z_L),
                "The two inputs have changed places.",
                "The call is f_L(state, injected). Which state is renewed by a low tick?",
            ),
            Mistake(
                "high-state-renewed",
                f(z_H, z_L + x),
                "You gave the high state as the one to renew.",
                "A low tick renews z_L; the high state stands still and is part of the sum.",
            ),
        ]
        judge(
            run(answer, f, x, z_H, z_L),
            f(z_L, z_H + x),
            given=f"low_tick: {given}",
            mistakes=mistakes,
            where="Three things are read: one comes first, the sum of the other two second.",
        )
    passed("low_tick", "numbers and tensors, with a network that tells its inputs apart")


def high_tick(answer: Callable[..., Tensor]) -> None:
    """f_H reads z_H and z_L, not x, and renews z_H."""
    f = asymmetric
    for x, z_H, z_L, given in tick_cases():
        mistakes = [
            Mistake(
                "x-added",
                f(z_H, z_L + x),
                "You added the question x.",
                "The high network never sees x. It hears of the question through z_L.",
            ),
            Mistake(
                "own-state-missing",
                f(z_L, z_L),
                "The high state was overwritten by the low one: the old z_H is not in the result.",
                "The high network improves its own state; z_L is only what it gets besides.",
            ),
            Mistake(
                "state-not-first",
                f(z_L, z_H),
                "The two inputs have changed places.",
                "The call is f_H(state, injected). Which state is renewed by a high tick?",
            ),
            Mistake(
                "low-state-missing",
                f(z_H, x),
                "The low state is missing, and x stands in its place.",
                "What the low ticks have found must reach the high state. Where is it?",
            ),
            Mistake(
                "network-not-called",
                z_L,
                "The low state came back as it was.",
                "z_L is what f_H reads, not the new z_H. Call the network.",
            ),
            Mistake(
                "own-state-added-too",
                f(z_H, z_H + z_L),
                "The high state is in both inputs.",
                "The state that is renewed comes first, and only there.",
            ),
        ]
        judge(
            run(answer, f, x, z_H, z_L),
            f(z_H, z_L),
            given=f"high_tick: {given}",
            mistakes=mistakes,
            where="Of the things you are given, two are read: the state that is renewed, and the other state.",
        )
    passed("high_tick", "numbers and tensors, with a network that tells its inputs apart")


# --- the nested loop ------------------------------------------------------------------------------------------------


class Counted:
    """A pair of networks, and a record of how often each was evaluated."""

    def __init__(self, low: Callable[[Any, Any], Any], high: Callable[[Any, Any], Any]):
        self.calls: Counter[str] = Counter()
        self.f_L, self.f_H = self.watched("f_L", low), self.watched("f_H", high)

    def watched(self, name: str, network: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def call(state: Any, injected: Any) -> Any:
            self.calls[name] += 1
            return network(state, injected)

        return call


def mean(state: Any, injected: Any) -> Any:
    return (state + injected) / 2


def bent_low(state: Any, injected: Any) -> Any:
    return torch.tanh(0.9 * state + 0.7 * injected + 0.1)


def bent_high(state: Any, injected: Any) -> Any:
    return torch.tanh(0.6 * state - 0.8 * injected + 0.3)


def ticks(names: list[str], f_L: Any, f_H: Any, x: Any, z_H: Any, z_L: Any) -> tuple[Any, Any]:
    """Any list of ticks, by name; "L" and "H" as they should be."""
    start_H, start_L = z_H, z_L
    for name in names:
        if name == "L":
            z_L = f_L(z_L, z_H + x)
        elif name == "L, first z_H":
            z_L = f_L(z_L, start_H + x)
        elif name == "L, no x":
            z_L = f_L(z_L, z_H)
        elif name == "H":
            z_H = f_H(z_H, z_L)
        elif name == "H, x":
            z_H = f_H(z_H, z_L + x)
        elif name == "H, first z_H":
            z_H = f_H(start_H, z_L)
        elif name == "zero":
            z_H, z_L = 0 * z_H, 0 * z_L
        elif name == "low zero":
            z_L = 0 * z_L
        elif name == "low back":
            z_L = start_L
        elif name == "back":
            z_H, z_L = start_H, start_L
    return z_H, z_L


def hrm_cycles(answer: Callable[..., tuple[Tensor, Tensor]]) -> None:
    """T cycles of n low ticks and one high tick."""
    x, z_H, z_L = numbers(1, 3)
    by_hand = (torch.full((1, 1, 1), 8.0), torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))
    rule = "nonlinear networks, random x, z_H, z_L"
    cases = [
        (bent_low, bent_high, (x, z_H, z_L), 3, 2, rule),
        (bent_low, bent_high, (x, z_H, z_L), 1, 3, rule),
        (bent_low, bent_high, (x, z_H, z_L), 2, 1, rule),
        (mean, mean, by_hand, 2, 2, "the mean as networks, x = 8, both states 0"),
    ]
    for low, high, states, T, n, said in cases:
        count = Counted(low, high)
        given = f"hrm_cycles(..., T={T}, n={n}), {said}"

        def after(*names: str, networks: Any = (low, high), given: Any = states) -> tuple[Any, Any]:
            return ticks([*names], *networks, *given)

        lows = ["L"] * n
        right = after(*(lows + ["H"]) * T)
        mistakes = [
            Mistake(
                "h-at-every-tick",
                after(*["L", "H"] * (T * n)),
                "The high state is renewed at every tick.",
                "The line with f_H belongs to the outer loop, after the n low ticks.",
            ),
            Mistake(
                "x-added-to-high",
                after(*(lows + ["H, x"]) * T),
                "The high network was given x.",
                "f_H reads z_H and z_L only. The question enters at the low ticks.",
            ),
            Mistake(
                "x-missing",
                after(*(["L, no x"] * n + ["H"]) * T),
                "The low network was not given x.",
                "Every low tick reads three things: z_L, z_H and the question.",
            ),
            Mistake(
                "states-zeroed",
                after(*(["zero"] + lows + ["H"]) * T),
                "The states are set to zero at the start of each cycle.",
                "What comes in is the start, and each cycle goes on from where the last one ended.",
            ),
            Mistake(
                "start-ignored",
                after("zero", *(lows + ["H"]) * T),
                "The states that come in are not used: you start from zero.",
                "HRM starts from given states, and carries them on between supervision steps.",
            ),
            Mistake(
                "states-set-back",
                after(*(["back"] + lows + ["H"]) * T),
                "Each cycle begins again with the states that came in.",
                "A cycle starts where the last one ended: keep what it found.",
            ),
            Mistake(
                "low-state-set-back",
                after(*(["low back"] + lows + ["H"]) * T),
                "The low state is set back in each cycle.",
                "z_L is carried on from cycle to cycle, just as z_H is.",
            ),
            Mistake(
                "low-state-zeroed",
                after(*(["low zero"] + lows + ["H"]) * T),
                "The low state is set to zero in each cycle.",
                "Only the first tick of all begins at a start; later cycles go on with the z_L they find.",
            ),
            Mistake(
                "old-high-state-at-low-ticks",
                after(*(["L, first z_H"] * n + ["H"]) * T),
                "The low ticks go on using the first z_H.",
                "After a high tick the low network must see the new z_H: do both share one name?",
            ),
            Mistake(
                "old-high-state-at-high-ticks",
                after(*(lows + ["H, first z_H"]) * T),
                "The high ticks start from the first z_H each time.",
                "A high tick improves the newest z_H.",
            ),
            Mistake(
                "h-first",
                after(*(["H"] + lows) * T),
                "Your cycles begin with the high tick.",
                "First n low ticks, then the high tick that sums them up.",
            ),
            Mistake(
                "one-h-at-the-end",
                after(*lows * T, "H"),
                "The high state is renewed once, at the very end.",
                "Every cycle ends with a high tick. Which loop does that line stand in?",
            ),
            Mistake(
                "t-and-n-exchanged",
                after(*(["L"] * T + ["H"]) * n),
                "T and n have changed places.",
                "The outer loop runs T times, the inner one n times.",
            ),
            Mistake(
                "order-of-states",
                right[::-1],
                "The two states come back in the wrong order.",
                "The high state is first: (z_H, z_L).",
            ),
            Mistake(
                "one-state-only",
                right[0],
                "Only the high state comes back.",
                "Both states are needed: the next supervision step begins with them.",
            ),
        ]
        yours = run(answer, count.f_L, count.f_H, *states, T, n)
        where = "Follow one cycle by hand with the mean: low ticks 4 and 6, high tick 3."
        judge(yours, right, given=given, mistakes=mistakes, where=where)
        wanted = {"f_L": T * n, "f_H": T}
        if count.calls != wanted:
            refuse(
                "wasted-evaluations",
                "The states are right, but networks were evaluated whose result you do not use.",
                "An evaluation is what costs time: f_L should be called T times n times, f_H T times.",
                given=given,
                yours=dict(count.calls),
                expected=wanted,
            )
    passed("hrm_cycles", f"{len(cases)} settings of T and n, nonlinear networks and the mean, evaluations counted")


# --- supervision steps ----------------------------------------------------------------------------------------------


def small_hrm() -> HRM:
    """A tiny HRM with weights of its own random numbers; the global random state is left alone."""
    config = HRMConfig(6, 5, hidden=8, n_layers=1, T=2, n=2, heads=2, swiglu_multiple=8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return HRM(config)


class Watched(nn.Module):
    """A model as it is, and a count of its supervision steps."""

    def __init__(self, model: HRM):
        super().__init__()
        self.model, self.config, self.steps = model, model.config, 0

    def initial_state(self, batch_size: int) -> Any:
        return self.model.initial_state(batch_size)

    def forward(self, inputs: Tensor, state: Any, puzzle_ids: Tensor | None = None) -> Any:
        self.steps += 1
        return self.model(inputs, state, puzzle_ids)


def unrolled(model: HRM, inputs: Tensor, steps: int, *, carries: bool = True) -> tuple[list[Any], list[Tensor]]:
    """The states (the start first) and the logits of each step."""
    states, logits = [model.initial_state(len(inputs))], []
    for _ in range(steps):
        state, output = model(inputs, states[-1] if carries else states[0])
        states.append(state)
        logits.append(output.logits)
    return states, logits


def run_supervision_steps(answer: Callable[..., tuple[Any, list[Tensor]]]) -> None:
    """States are carried on; the last state and the logits of each step come back."""
    model = small_hrm()
    for batch, steps in ((2, 3), (3, 1), (1, 4)):
        inputs = torch.randint(1, 6, (batch, 5), generator=torch.Generator().manual_seed(batch))
        states, logits = unrolled(model, inputs, steps)
        again, repeated = unrolled(model, inputs, steps, carries=False)
        more_states, more = unrolled(model, inputs, steps + 1)
        given = f"run_supervision_steps(model, inputs [{batch}, 5], steps={steps})"
        watched = Watched(model)
        yours = run(answer, watched, inputs, steps)
        pair = yours if kind(yours) == "list" and len(yours) == 2 else (None, None)
        if kind(pair[1]) == "list" and any(hasattr(value, "logits") for value in pair[1]):
            refuse(
                "outputs-instead-of-logits",
                "The list holds whole outputs, not logits.",
                "A model's output has several parts; the answer for each cell is `output.logits`.",
                given=given,
                yours=[type(value).__name__ for value in pair[1]],
                expected=[f"tensor {list(value.shape)}" for value in logits],
            )
        start = states[0]
        mistakes = [
            Mistake(
                "states-set-back",
                (again[-1], repeated),
                "Every step starts from the beginning: all your steps give the same answer.",
                "The states that a step leaves must go into the next one. Does `initial_state` stand in the loop?",
            ),
            Mistake(
                "start-returned",
                (start, repeated),
                "The states never change: neither the next step nor the caller gets the new ones.",
                "`model(inputs, state)` gives back the new state: under which name do you keep it?",
            ),
            Mistake(
                "one-state-behind",
                (states[-2], logits),
                "The state that you return is the one before the last step.",
                "After the last step, too, the state is renewed: return the newest one.",
            ),
            Mistake(
                "state-not-returned",
                logits,
                "Only the logits come back.",
                "The caller may want to go on from here, and needs the last state as well.",
            ),
            Mistake(
                "last-logits-only",
                (states[-1], logits[-1]),
                "Only the logits of the last step come back.",
                "Deep supervision takes a loss at every step: collect the logits in a list.",
            ),
            Mistake(
                "one-step-too-few",
                (states[-2], logits[:-1]),
                "One step is missing.",
                "`steps` evaluations are asked for. Where does your range begin and end?",
            ),
            Mistake(
                "one-step-too-many",
                (more_states[-1], more),
                "There is one step too many.",
                "The start is no step: the list has as many entries as `steps` says.",
            ),
            Mistake(
                "order-of-results",
                (logits, states[-1]),
                "State and logits come back in the wrong order.",
                "First the state, then the list of logits.",
            ),
        ]
        judge(
            plain(yours),
            plain((states[-1], logits)),
            given=given,
            mistakes=[mistake._replace(value=plain(mistake.value)) for mistake in mistakes],
            where="Start once, then hand the state from step to step and collect the logits.",
            tolerance=1e-5,
        )
        if watched.steps != steps:
            refuse(
                "wasted-evaluations",
                "The results are right, but the model was run more often than needed.",
                "Each supervision step is one call of the model; keep what it gives back.",
                given=given,
                yours=watched.steps,
                expected=steps,
            )
    passed("run_supervision_steps", "3 batches, 1 to 4 steps, with a small HRM")


def plain(value: Any) -> Any:
    """Tuples and lists as lists, so that a message shows them alike; a stack of logits counts as a list of them."""
    if isinstance(value, Tensor) and value.dim() == 4:
        return list(value.detach())
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value.detach() if isinstance(value, Tensor) else value


# --- counts ---------------------------------------------------------------------------------------------------------


def effective_depth(answer: Callable[[int, int, int, int], int]) -> None:
    """Layers passed one after another."""
    for T, n, low, high in ((3, 4, 5, 2), (2, 2, 4, 4), (1, 6, 1, 3)):
        judge(
            run(answer, T, n, low, high),
            T * (n * low + high),
            given=f"effective_depth(T={T}, n={n}, layers_L={low}, layers_H={high})",
            mistakes=[
                Mistake(
                    "one-cycle",
                    n * low + high,
                    "You counted one cycle.",
                    "A supervision step has T of them.",
                ),
                Mistake(
                    "high-ticks-forgotten",
                    T * n * low,
                    "The high ticks are not counted.",
                    "A signal passes through the layers of f_H as well, once a cycle.",
                ),
                Mistake(
                    "high-tick-counted-once",
                    T * n * low + high,
                    "The high network is counted once in all.",
                    "f_H fires at the end of every cycle.",
                ),
                Mistake(
                    "weights-not-evaluations",
                    low + high,
                    "You counted the layers that there are, not how often they are passed.",
                    "The same layer counts again each time a signal goes through it.",
                ),
                Mistake(
                    "same-depth-assumed",
                    T * (n + 1) * low,
                    "You counted the high ticks with the layers of the low network.",
                    "T(n + 1) times one number is right only if both networks are equally deep.",
                ),
                Mistake(
                    "both-at-every-tick",
                    T * (n + 1) * (low + high),
                    "Both networks are counted at every tick.",
                    "At one tick one network fires: n times the low one, once the high one.",
                ),
                Mistake(
                    "layers-exchanged",
                    T * (n * high + low),
                    "The layers of the two networks have changed places.",
                    "It is the low network that fires n times in a cycle.",
                ),
            ],
            where="Write the ticks of one cycle down, each with its number of layers, and add them up.",
        )
    passed("effective_depth", "3 settings, two of them with networks of different depth")


def hrm_parameters(answer: Callable[..., int]) -> None:
    """Weights of an HRM with attention."""
    for D, width, V, layers, T, n in ((64, 176, 8, 5, 3, 4), (512, 1536, 11, 4, 2, 2), (8, 24, 5, 1, 1, 1)):
        layer, ends = 4 * D * D + 3 * D * width, 2 * V * D + 2 * D + 2
        networks = 2 * layers * layer
        counted = networks + ends
        judge(
            run(answer, D, width, V, layers, T, n),
            counted,
            given=f"hrm_parameters(D={D}, F={width}, V={V}, layers={layers}, T={T}, n={n})",
            mistakes=[
                Mistake(
                    "multiplied-by-cycles",
                    T * networks + ends,
                    "You multiplied the weights by T.",
                    "A network that is used again has the same weights as before: recursion adds none.",
                ),
                Mistake(
                    "cycles-for-networks",
                    T * layers * layer + ends,
                    "You counted one network T times.",
                    "With T = 2 that is right by chance: the factor is the number of networks, not of cycles.",
                ),
                Mistake(
                    "multiplied-by-everything",
                    T * counted,
                    "You multiplied the whole count by T.",
                    "T counts evaluations in time. How many weights does the model hold at rest?",
                ),
                Mistake(
                    "multiplied-by-evaluations",
                    T * (n + 1) * layers * layer + ends,
                    "You counted a network's weights again at each of its evaluations.",
                    "Depth is counted by evaluations, weights by networks. How many networks does HRM have?",
                ),
                Mistake(
                    "one-network",
                    layers * layer + ends,
                    "One network is counted.",
                    "HRM has two of them, f_L and f_H, each with weights of its own.",
                ),
                Mistake(
                    "ends-doubled",
                    2 * (layers * layer + ends),
                    "The ends are counted for both networks.",
                    "There is one token table and one set of heads; only the layers come twice.",
                ),
                Mistake(
                    "ends-forgotten",
                    networks,
                    "Only the layers are counted.",
                    "Before them stands the token table, behind them the two heads.",
                ),
                Mistake(
                    "bias-forgotten",
                    counted - 2,
                    "Two weights are missing.",
                    "The halting head is the only part with biases.",
                ),
                Mistake(
                    "token-table-shared",
                    counted - V * D,
                    "Token table and answer head are counted as one.",
                    "HRM does not tie them: each has its own V x D weights.",
                ),
                Mistake(
                    "swiglu-of-two",
                    counted - 2 * layers * D * width,
                    "Your SwiGLU has two matrices.",
                    "Gate, up and down: three matrices of D x F.",
                ),
                Mistake(
                    "attention-of-three",
                    counted - 2 * layers * D * D,
                    "Your attention has three matrices.",
                    "Query, key, value, and the output matrix: four of D x D.",
                ),
            ],
            where="Count one layer, then one network, then both, then the ends: compare part by part with the table.",
            tolerance=0.0,
        )
    passed("hrm_parameters", "3 sizes, the published one among them")
