"""Lesson 04: what people hand in."""

from __future__ import annotations

import itertools

import torch

from answers import Answers

# --- schedule -------------------------------------------------------------------------------------------------------


def schedule_by_remainder(T, n):
    return tuple("H" if tick % (n + 1) == 0 else "L" for tick in range(1, T * (n + 1) + 1))


def schedule_as_text(T, n):
    return ("L" * n + "H") * T


def h_at_every_tick(T, n):
    ticks = []
    for _ in range(T):
        for _ in range(n):
            ticks += ["L", "H"]
    return ticks


def h_first(T, n):
    ticks = []
    for _ in range(T):
        ticks.append("H")
        ticks.extend("L" for _ in range(n))
    return ticks


def one_low_tick_too_many(T, n):
    ticks = []
    for _ in range(T):
        for i in range(n + 2):
            ticks.append("H" if i == n + 1 else "L")
    return ticks


def one_low_tick_too_few(T, n):
    return ["H" if (i + 1) % n == 0 else "L" for i in range(T * n)]


def one_h_at_the_end(T, n):
    ticks = []
    for _ in range(T):
        for _ in range(n):
            ticks.append("L")
    ticks.append("H")
    return ticks


def one_cycle(T, n):
    return [*itertools.repeat("L", n), "H"]


def cycles_and_ticks_exchanged(T, n):
    ticks = []
    for _ in range(n):
        for _ in range(T):
            ticks.append("L")
        ticks.append("H")
    return ticks


# --- ticks ----------------------------------------------------------------------------------------------------------


def low_in_two_lines(f_L, x, z_H, z_L):
    injected = x.clone()
    injected += z_H
    return f_L(z_L, injected)


def low_adds_in_place(f_L, x, z_H, z_L):
    z_H += x
    return f_L(z_L, z_H)


def high_by_name(f_H, x, z_H, z_L):
    z_H = f_H(injected=z_L, state=z_H)
    return z_H


def high_overwritten(f_H, x, z_H, z_L):
    z_H = z_L
    return f_H(z_H, z_L)


# --- cycles ---------------------------------------------------------------------------------------------------------


def cycles_by_list(f_L, f_H, x, z_H, z_L, T, n):
    for tick in (["L"] * n + ["H"]) * T:
        if tick == "L":
            z_L = f_L(z_L, x + z_H)
        else:
            z_H = f_H(z_H, z_L)
    return [z_H, z_L]


def cycles_with_one_counter(f_L, f_H, x, z_H, z_L, T, n):
    high, low = z_H.clone(), z_L.clone()
    for tick in range(1, T * n + 1):
        low = f_L(low, high + x)
        if tick % n == 0:
            high = f_H(high, low)
    return high, low


def high_in_the_inner_loop(f_L, f_H, x, z_H, z_L, T, n):
    for _ in range(T):
        for _ in range(n):
            z_L = f_L(z_L, z_H + x)
            z_H = f_H(z_H, z_L)
    return z_H, z_L


def x_for_both(f_L, f_H, x, z_H, z_L, T, n):
    for _ in range(T):
        for _ in range(n):
            z_L = f_L(z_L, z_H + x)
        z_H = f_H(z_H, z_L + x)
    return z_H, z_L


def x_for_nobody(f_L, f_H, x, z_H, z_L, T, n):
    for _ in range(T):
        for _ in range(n):
            z_L = f_L(z_L, z_H)
        z_H = f_H(z_H, z_L)
    return z_H, z_L


def zeroed_each_cycle(f_L, f_H, x, z_H, z_L, T, n):
    for _ in range(T):
        z_H, z_L = torch.zeros_like(x), torch.zeros_like(x)
        for _ in range(n):
            z_L = f_L(z_L, z_H + x)
        z_H = f_H(z_H, z_L)
    return z_H, z_L


def zeroed_at_first(f_L, f_H, x, z_H, z_L, T, n):
    z_H, z_L = torch.zeros_like(x), torch.zeros_like(x)
    for _ in range(T):
        for _ in range(n):
            z_L = f_L(z_L, z_H + x)
        z_H = f_H(z_H, z_L)
    return z_H, z_L


def set_back_each_cycle(f_L, f_H, x, z_H, z_L, T, n):
    for _ in range(T):
        high, low = z_H, z_L
        for _ in range(n):
            low = f_L(low, high + x)
        high = f_H(high, low)
    return high, low


def low_set_back_each_cycle(f_L, f_H, x, z_H, z_L, T, n):
    for _ in range(T):
        low = z_L
        for _ in range(n):
            low = f_L(low, z_H + x)
        z_H = f_H(z_H, low)
    return z_H, low


def low_zeroed_each_cycle(f_L, f_H, x, z_H, z_L, T, n):
    for _ in range(T):
        z_L = torch.zeros_like(z_L)
        for _ in range(n):
            z_L = f_L(z_L, z_H + x)
        z_H = f_H(z_H, z_L)
    return z_H, z_L


def sum_made_once(f_L, f_H, x, z_H, z_L, T, n):
    injected = z_H + x
    for _ in range(T):
        for _ in range(n):
            z_L = f_L(z_L, injected)
        z_H = f_H(z_H, z_L)
    return z_H, z_L


def high_from_the_start(f_L, f_H, x, z_H, z_L, T, n):
    new_H = z_H
    for _ in range(T):
        for _ in range(n):
            z_L = f_L(z_L, new_H + x)
        new_H = f_H(z_H, z_L)
    return new_H, z_L


def high_before_low(f_L, f_H, x, z_H, z_L, T, n):
    for _ in range(T):
        z_H = f_H(z_H, z_L)
        for _ in range(n):
            z_L = f_L(z_L, z_H + x)
    return z_H, z_L


def high_after_all(f_L, f_H, x, z_H, z_L, T, n):
    for _ in range(T):
        for _ in range(n):
            z_L = f_L(z_L, z_H + x)
    z_H = f_H(z_H, z_L)
    return z_H, z_L


def loops_exchanged(f_L, f_H, x, z_H, z_L, T, n):
    for _ in range(n):
        for _ in range(T):
            z_L = f_L(z_L, z_H + x)
        z_H = f_H(z_H, z_L)
    return z_H, z_L


def low_first(f_L, f_H, x, z_H, z_L, T, n):
    z_H, z_L = cycles_with_one_counter(f_L, f_H, x, z_H, z_L, T, n)
    return z_L, z_H


def high_alone(f_L, f_H, x, z_H, z_L, T, n):
    return cycles_by_list(f_L, f_H, x, z_H, z_L, T, n)[0]


def high_computed_and_thrown_away(f_L, f_H, x, z_H, z_L, T, n):
    for _ in range(T):
        for _ in range(n):
            z_L = f_L(z_L, z_H + x)
            new_H = f_H(z_H, z_L)
        z_H = new_H
    return z_H, z_L


# --- supervision steps ----------------------------------------------------------------------------------------------


def steps_without_gradient(model, inputs, steps):
    with torch.no_grad():
        state, logits = model.initial_state(inputs.shape[0]), ()
        while len(logits) < steps:
            state, (answer, *_) = model(inputs, state)
            logits += (answer,)
    return [state.z_H, state.z_L], logits


def steps_stacked(model, inputs, steps):
    state, answers = model.initial_state(len(inputs)), []
    for _ in range(steps):
        state, output = model(inputs=inputs, state=state)
        answers.append(output.logits)
    return state, torch.stack(answers)


def started_in_the_loop(model, inputs, steps):
    logits = []
    for _ in range(steps):
        state = model.initial_state(len(inputs))
        state, output = model(inputs, state)
        logits.append(output.logits)
    return state, logits


def new_state_dropped(model, inputs, steps):
    state = model.initial_state(len(inputs))
    logits = []
    for _ in range(steps):
        _, output = model(inputs, state)
        logits.append(output.logits)
    return state, logits


def one_state_behind(model, inputs, steps):
    new = model.initial_state(len(inputs))
    logits = []
    for _ in range(steps):
        state = new
        new, output = model(inputs, state)
        logits.append(output.logits)
    return state, logits


def logits_alone(model, inputs, steps):
    return steps_without_gradient(model, inputs, steps)[1]


def last_logits(model, inputs, steps):
    state = model.initial_state(len(inputs))
    for _ in range(steps):
        state, output = model(inputs, state)
    return state, output.logits


def range_from_one(model, inputs, steps):
    state, logits = model.initial_state(len(inputs)), []
    for _ in range(1, steps):
        state, output = model(inputs, state)
        logits.append(output.logits)
    return state, logits


def range_to_the_end(model, inputs, steps):
    return steps_stacked(model, inputs, steps + 1)


def logits_first(model, inputs, steps):
    return steps_stacked(model, inputs, steps)[::-1]


def outputs_kept(model, inputs, steps):
    state, outputs = model.initial_state(len(inputs)), []
    for _ in range(steps):
        state, output = model(inputs, state)
        outputs.append(output)
    return state, outputs


def run_twice(model, inputs, steps):
    state, logits = model.initial_state(len(inputs)), []
    for _ in range(steps):
        logits.append(model(inputs, state)[1].logits)
        state = model(inputs, state)[0]
    return state, logits


# --- counts ---------------------------------------------------------------------------------------------------------


def depth_by_adding(T, n, layers_L, layers_H):
    return sum(layers_H if tick == n else layers_L for _ in range(T) for tick in range(n + 1))


def weights_by_part(D, F, V, layers, T, n):
    parts = {"attention": 4 * D**2, "swiglu": 3 * D * F}
    networks = sum(layers * sum(parts.values()) for _ in ("f_L", "f_H"))
    return networks + (2 * V + 2) * D + 2


def layer_of(D, F):
    return 4 * D * D + 3 * D * F


def ends_of(D, V):
    return 2 * D * V + 2 * (D + 1)


ANSWERS = {
    "schedule": Answers(
        right=[schedule_by_remainder, schedule_as_text],
        wrong={
            "h-at-every-tick": h_at_every_tick,
            "h-first": h_first,
            "one-low-tick-too-many": one_low_tick_too_many,
            "one-low-tick-too-few": one_low_tick_too_few,
            "one-h-at-the-end": one_h_at_the_end,
            "one-cycle": one_cycle,
            "t-and-n-exchanged": cycles_and_ticks_exchanged,
        },
    ),
    "low_tick": Answers(
        right=[low_in_two_lines],
        wrong={
            "x-missing": lambda f_L, x, z_H, z_L: f_L(z_L, z_H),
            "high-state-missing": lambda f_L, x, z_H, z_L: f_L(z_L, x),
            "own-state-twice": lambda f_L, x, z_H, z_L: f_L(z_L, z_L + x),
            "own-state-added-too": lambda f_L, x, z_H, z_L: f_L(z_L, x + z_H + z_L),
            "state-not-first": lambda f_L, x, z_H, z_L: f_L(z_H + x, z_L),
            "high-state-renewed": lambda f_L, x, z_H, z_L: f_L(z_H, z_L + x),
            "input-changed": low_adds_in_place,
        },
    ),
    "high_tick": Answers(
        right=[high_by_name],
        wrong={
            "x-added": lambda f_H, x, z_H, z_L: f_H(z_H, z_L + x),
            "own-state-missing": high_overwritten,
            "state-not-first": lambda f_H, x, z_H, z_L: f_H(z_L, z_H),
            "low-state-missing": lambda f_H, x, z_H, z_L: f_H(z_H, x),
            "network-not-called": lambda f_H, x, z_H, z_L: z_L,
            "own-state-added-too": lambda f_H, x, z_H, z_L: f_H(z_H, z_H + z_L),
        },
    ),
    "hrm_cycles": Answers(
        right=[cycles_by_list, cycles_with_one_counter],
        wrong={
            "h-at-every-tick": high_in_the_inner_loop,
            "x-added-to-high": x_for_both,
            "x-missing": x_for_nobody,
            "states-zeroed": zeroed_each_cycle,
            "start-ignored": zeroed_at_first,
            "states-set-back": set_back_each_cycle,
            "low-state-set-back": low_set_back_each_cycle,
            "low-state-zeroed": low_zeroed_each_cycle,
            "old-high-state-at-low-ticks": sum_made_once,
            "old-high-state-at-high-ticks": high_from_the_start,
            "h-first": high_before_low,
            "one-h-at-the-end": high_after_all,
            "t-and-n-exchanged": loops_exchanged,
            "order-of-states": low_first,
            "one-state-only": high_alone,
            "wasted-evaluations": high_computed_and_thrown_away,
        },
    ),
    "run_supervision_steps": Answers(
        right=[steps_without_gradient, steps_stacked],
        wrong={
            "states-set-back": started_in_the_loop,
            "start-returned": new_state_dropped,
            "one-state-behind": one_state_behind,
            "state-not-returned": logits_alone,
            "last-logits-only": last_logits,
            "one-step-too-few": range_from_one,
            "one-step-too-many": range_to_the_end,
            "order-of-results": logits_first,
            "outputs-instead-of-logits": outputs_kept,
            "wasted-evaluations": run_twice,
        },
    ),
    "effective_depth": Answers(
        right=[depth_by_adding],
        wrong={
            "one-cycle": lambda T, n, layers_L, layers_H: n * layers_L + layers_H,
            "high-ticks-forgotten": lambda T, n, layers_L, layers_H: T * n * layers_L,
            "high-tick-counted-once": lambda T, n, layers_L, layers_H: T * n * layers_L + layers_H,
            "weights-not-evaluations": lambda T, n, layers_L, layers_H: layers_L + layers_H,
            "same-depth-assumed": lambda T, n, layers_L, layers_H: T * (n + 1) * layers_L,
            "both-at-every-tick": lambda T, n, layers_L, layers_H: T * (n + 1) * (layers_L + layers_H),
            "layers-exchanged": lambda T, n, layers_L, layers_H: T * (n * layers_H + layers_L),
        },
    ),
    "hrm_parameters": Answers(
        right=[weights_by_part],
        wrong={
            "multiplied-by-cycles": lambda D, F, V, layers, T, n: T * 2 * layers * layer_of(D, F) + ends_of(D, V),
            "cycles-for-networks": lambda D, F, V, layers, T, n: T * layers * layer_of(D, F) + ends_of(D, V),
            "multiplied-by-everything": lambda D, F, V, layers, T, n: weights_by_part(D, F, V, layers, T, n) * T,
            "multiplied-by-evaluations": lambda D, F, V, layers, T, n: (
                (T * n + T) * layers * layer_of(D, F) + ends_of(D, V)
            ),
            "one-network": lambda D, F, V, layers, T, n: layers * layer_of(D, F) + ends_of(D, V),
            "ends-doubled": lambda D, F, V, layers, T, n: 2 * (layers * layer_of(D, F) + ends_of(D, V)),
            "ends-forgotten": lambda D, F, V, layers, T, n: 2 * layers * layer_of(D, F),
            "bias-forgotten": lambda D, F, V, layers, T, n: 2 * layers * layer_of(D, F) + 2 * D * V + 2 * D,
            "token-table-shared": lambda D, F, V, layers, T, n: 2 * layers * layer_of(D, F) + D * V + 2 * D + 2,
            "swiglu-of-two": lambda D, F, V, layers, T, n: 2 * layers * (4 * D * D + 2 * D * F) + ends_of(D, V),
            "attention-of-three": lambda D, F, V, layers, T, n: 2 * layers * (3 * D * D + 3 * D * F) + ends_of(D, V),
        },
    ),
}
