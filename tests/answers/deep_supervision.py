"""Lesson 06: what people hand in."""

from __future__ import annotations

import math

import torch

from answers import Answers


def slot_mask(mask, tensor):
    return mask[(...,) + (None,) * (tensor.ndim - 1)]


# --- supervision_loop -------------------------------------------------------------------------------------------------


def loop_recursively(network, optimizer, x, state, target, n_supervision):
    if n_supervision == 0:
        return []
    optimizer.zero_grad(set_to_none=False)
    state, answer = network(x, state.detach())
    loss = torch.nn.functional.mse_loss(answer, target)
    loss.backward()
    optimizer.step()
    return [loss.detach(), *loop_recursively(network, optimizer, x, state, target, n_supervision - 1)]


def loop_with_keywords(network, optimizer, x, state, target, n_supervision):
    losses = torch.zeros(n_supervision, dtype=torch.float64)
    for i in range(n_supervision):
        state, answer = network(x=x, state=state)
        state = state.clone().detach()
        loss = ((target - answer) ** 2).sum() / len(x)
        network.zero_grad()
        loss.backward()
        losses[i] = loss.detach()
        optimizer.step()
    return losses


def no_detach(network, optimizer, x, state, target, n_supervision):
    losses = []
    for _ in range(n_supervision):
        state, answer = network(x, state)
        loss = ((answer - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def keeps_the_graph(network, optimizer, x, state, target, n_supervision):
    losses = []
    for _ in range(n_supervision):
        state, answer = network(x, state)
        loss = ((answer - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        optimizer.step()
        losses.append(loss.item())
    return losses


def one_backward(network, optimizer, x, state, target, n_supervision):
    losses = []
    for _ in range(n_supervision):
        state, answer = network(x, state)
        losses.append(((answer - target) ** 2).mean())
    optimizer.zero_grad()
    sum(losses).backward()
    optimizer.step()
    return [loss.item() for loss in losses]


def step_behind_the_loop(network, optimizer, x, state, target, n_supervision):
    losses = []
    optimizer.zero_grad()
    for _ in range(n_supervision):
        state, answer = network(x, state.detach())
        loss = ((answer - target) ** 2).mean()
        loss.backward()
        losses.append(loss.item())
    optimizer.step()
    return losses


def always_from_the_start(network, optimizer, x, state, target, n_supervision):
    losses = []
    for _ in range(n_supervision):
        _, answer = network(x, state)
        loss = ((answer - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def judged_at_the_end(network, optimizer, x, state, target, n_supervision):
    losses = []
    with torch.no_grad():
        for _ in range(n_supervision - 1):
            state, answer = network(x, state)
            losses.append(((answer - target) ** 2).mean().item())
    state, answer = network(x, state)
    loss = ((answer - target) ** 2).mean()
    loss.backward()
    optimizer.step()
    return [*losses, loss.item()]


def piles_up(network, optimizer, x, state, target, n_supervision):
    losses = []
    for _ in range(n_supervision):
        state, answer = network(x, state.detach())
        loss = ((answer - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def never_steps(network, optimizer, x, state, target, n_supervision):
    losses = []
    for _ in range(n_supervision):
        state, answer = network(x, state.detach())
        loss = ((answer - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
    return losses


# --- refill -----------------------------------------------------------------------------------------------------------


def refill_slot_by_slot(halted, new, old):
    slots = {key: tensor.clone() for key, tensor in old.items()}
    for slot in range(len(halted)):
        if halted[slot]:
            for key in slots:
                slots[key][slot] = new[key][slot]
    return slots


def refill_by_index(halted, new, old):
    slots = {}
    for key in ("age", "z", "y", "labels", "inputs"):
        slots[key] = old[key].clone()
        slots[key][halted] = new[key][halted]
    return slots


def refill_only(*keys):
    def answer(halted, new, old):
        slots = {key: tensor.clone() for key, tensor in old.items()}
        for key in keys:
            slots[key][halted] = new[key][halted]
        return slots

    return answer


def refill_upside_down(halted, new, old):
    return {key: torch.where(slot_mask(halted, old[key]), old[key], new[key]) for key in old}


def refill_all(halted, new, old):
    return {key: tensor.clone() for key, tensor in new.items()} if len(halted) else old


def refill_none(halted, new, old):
    return dict(old)


def refill_last_axis(halted, new, old):
    return {key: torch.where(halted, new[key], old[key]) for key in old}


# --- supervision_step -------------------------------------------------------------------------------------------------


def step_in_place(network, slots, new, n_supervision):
    slots = {key: tensor.clone() for key, tensor in slots.items()}
    for key in new:
        slots[key][slots["halted"]] = new[key][slots["halted"]]
    slots["age"] += 1
    y, logit = network(inputs=slots["inputs"], y=slots["y"])
    slots["y"] = y.detach()
    slots["halted"] = torch.logical_or(logit.detach() > 0, slots["age"] == n_supervision)
    return slots


def step_with(fault):
    """The same lines with one of them wrong, as people write them."""

    def answer(network, slots, new, n_supervision):
        halted = slots["halted"]
        inputs, y, age = slots["inputs"], slots["y"], slots["age"]
        if fault not in ("refill after", "no refill"):
            inputs = torch.where(halted, new["inputs"], inputs)
            y = torch.where(halted[:, None], new["y"], y)
            age = torch.where(halted, new["age"], age)
        y, logit = network(inputs, y)
        if fault != "no detach":
            y = y.detach()
        if fault != "no age":
            age = age + 1
        if fault == "zero age":
            age = age.masked_fill(halted, 0)
        now = {
            "late": (logit > 0) | (age > n_supervision),
            "no limit": logit > 0,
            "age only": age >= n_supervision,
            "and": (logit > 0) & (age >= n_supervision),
            "stays": halted | (logit > 0) | (age >= n_supervision),
        }.get(fault, (logit > 0) | (age >= n_supervision))
        if fault == "refill after":
            inputs = torch.where(halted, new["inputs"], inputs)
            y = torch.where(halted[:, None], new["y"], y)
            age = torch.where(halted, new["age"], age)
        return {"inputs": inputs, "y": y, "age": age, "halted": now}

    return answer


# --- simulate_ages ----------------------------------------------------------------------------------------------------


def ages_by_slot(halt_steps, n_calls, n_supervision):
    columns = []
    for steps in halt_steps:
        column = [age for stay in steps for age in range(1, min(stay, n_supervision) + 1)]
        columns.append(column[:n_calls])
    return torch.tensor(columns).T


def ages_with_waiting(halt_steps, n_calls, n_supervision):
    rows, ages, turn = [], [0] * len(halt_steps), 0
    for _ in range(n_calls):
        limits = [min(steps[turn], n_supervision) for steps in halt_steps]
        ages = [min(age + 1, limit) for age, limit in zip(ages, limits, strict=True)]
        rows.append(ages)
        if ages == limits:
            turn, ages = turn + 1, [0] * len(ages)
    return rows


def ages_from_zero(halt_steps, n_calls, n_supervision):
    return (ages_by_slot(halt_steps, n_calls, n_supervision) - 1).tolist()


def ages_without_limit(halt_steps, n_calls, n_supervision):
    return ages_by_slot(halt_steps, n_calls, 10**6)


def ages_without_refill(halt_steps, n_calls, n_supervision):
    return [[min(call, steps[0], n_supervision) for steps in halt_steps] for call in range(1, n_calls + 1)]


def ages_reset_at_once(halt_steps, n_calls, n_supervision):
    rows, turn, ages = [], [0] * len(halt_steps), [0] * len(halt_steps)
    for _ in range(n_calls):
        for slot, steps in enumerate(halt_steps):
            ages[slot] += 1
            if ages[slot] >= min(steps[turn[slot]], n_supervision):
                ages[slot], turn[slot] = 0, turn[slot] + 1
        rows.append(list(ages))
    return rows


def ages_with_a_lost_call(halt_steps, n_calls, n_supervision):
    rows, turn, ages, halted = [], [0] * len(halt_steps), [0] * len(halt_steps), [False] * len(halt_steps)
    for _ in range(n_calls):
        for slot, steps in enumerate(halt_steps):
            if halted[slot]:
                ages[slot], turn[slot], halted[slot] = 0, turn[slot] + 1, False
            else:
                ages[slot] += 1
                halted[slot] = ages[slot] >= min(steps[turn[slot]], n_supervision)
        rows.append(list(ages))
    return rows


ANSWERS = {
    "supervision_loop": Answers(
        right=[loop_recursively, loop_with_keywords],
        wrong={
            "not-detached": no_detach,
            "backprop-across-steps": one_backward,
            "one-optimizer-step": step_behind_the_loop,
            "state-reset": always_from_the_start,
            "last-loss-only": judged_at_the_end,
            "no-zero-grad": piles_up,
            "never-stepped": never_steps,
        },
    ),
    "refill": Answers(
        right=[refill_slot_by_slot, refill_by_index],
        wrong={
            "carry-not-reset": refill_only("inputs", "labels", "age"),
            "labels-not-refilled": refill_only("inputs", "y", "z", "age"),
            "mask-inverted": refill_upside_down,
            "age-not-reset": refill_only("inputs", "labels", "y", "z"),
            "all-slots-refilled": refill_all,
            "nothing-refilled": refill_none,
            "wrong-axis": refill_last_axis,
        },
    ),
    "supervision_step": Answers(
        right=[step_in_place, step_with("nothing")],
        wrong={
            "age-not-advanced": step_with("no age"),
            "refilled-age-zero": step_with("zero age"),
            "one-step-late": step_with("late"),
            "refill-after": step_with("refill after"),
            "not-refilled": step_with("no refill"),
            "no-limit": step_with("no limit"),
            "network-not-asked": step_with("age only"),
            "both-needed": step_with("and"),
            "stays-halted": step_with("stays"),
            "not-detached": step_with("no detach"),
        },
    ),
    "simulate_ages": Answers(
        right=[ages_by_slot],
        wrong={
            "slots-wait": ages_with_waiting,
            "ages-from-zero": ages_from_zero,
            "no-limit": ages_without_limit,
            "no-refill": ages_without_refill,
            "reset-at-once": ages_reset_at_once,
            "lost-call": ages_with_a_lost_call,
        },
    ),
    "optimizer_steps": Answers(
        right=[lambda epochs, puzzles, batch: math.floor(puzzles * epochs / batch)],
        wrong={
            "times-n-sup": lambda epochs, puzzles, batch: 16 * (epochs * puzzles // batch),
            "divided-by-n-sup": lambda epochs, puzzles, batch: epochs * puzzles // (16 * batch),
            "rounded-up": lambda epochs, puzzles, batch: -(-epochs * puzzles // batch),
            "rounded-every-epoch": lambda epochs, puzzles, batch: puzzles // batch * epochs,
            "rounded-up-every-epoch": lambda epochs, puzzles, batch: -(-puzzles // batch) * epochs,
            "fraction": lambda epochs, puzzles, batch: epochs * puzzles / batch,
            "batch-forgotten": lambda epochs, puzzles, batch: epochs * puzzles,
        },
    ),
    "reach_of_gradient": Answers(
        right=[lambda k, T, n, detached: (n + 1) * (k if T == 1 and not detached else 1)],
        wrong={
            "through-all-recursions": lambda k, T, n, detached: T * (n + 1),
            "through-everything": lambda k, T, n, detached: T * (n + 1) * k,
            "past-no-grad": lambda k, T, n, detached: (n + 1) * (1 if detached else k),
            "answer-not-counted": lambda k, T, n, detached: n * (k if T == 1 and not detached else 1),
            "never-further": lambda k, T, n, detached: n + 1,
            "one-evaluation": lambda k, T, n, detached: 1,
        },
    ),
}
