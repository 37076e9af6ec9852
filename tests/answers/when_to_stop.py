"""Lesson 07: what people hand in."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from answers import Answers

# --- halting_target ---------------------------------------------------------------------------------------------------


def target_in_a_loop(logits: Tensor, labels: Tensor) -> Tensor:
    bits = []
    for puzzle, truth in zip(logits, labels, strict=True):
        wrong = 0
        for cell, label in zip(puzzle, truth, strict=True):
            if label != -100 and int(cell.argmax()) != int(label):
                wrong += 1
        bits.append(1.0 if wrong == 0 else 0.0)
    return torch.tensor(bits)


def target_by_filling(logits: Tensor, labels: Tensor) -> Tensor:
    best = logits.max(dim=2).indices
    return (torch.where(labels == -100, best, labels) == best).all(dim=1)


def target_per_cell(logits: Tensor, labels: Tensor) -> Tensor:
    return ((logits.argmax(-1) == labels) | (labels == -100)).float()


def target_ignored_count(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(-1) == labels).all(-1).float()


def target_soft(logits: Tensor, labels: Tensor) -> Tensor:
    mask = labels != -100
    return ((logits.argmax(-1) == labels) & mask).float().sum(-1) / mask.sum(-1)


def target_wrong_axis(logits: Tensor, labels: Tensor) -> Tensor:
    return ((logits.argmax(1) == labels) | (labels == -100)).all(-1).float()


def target_of_the_batch(logits: Tensor, labels: Tensor) -> Tensor:
    return ((logits.argmax(-1) == labels) | (labels == -100)).all().float()


def target_any(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(-1) == labels).any(-1).float()


# --- halting_loss -----------------------------------------------------------------------------------------------------


def bits(logits: Tensor, labels: Tensor) -> Tensor:
    return ((logits.argmax(-1) == labels) | (labels == -100)).all(-1).float()


def loss_with_softplus(halt_logit: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    total = 0.0
    for q, right in zip(halt_logit, bits(logits, labels), strict=True):
        total = total + F.softplus(-q if right else q)
    return total / 2


def loss_per_cell(halt_logit: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    right = (logits.argmax(-1) == labels).float()
    q = halt_logit.unsqueeze(1).expand_as(right)
    return 0.5 * F.binary_cross_entropy_with_logits(q, right, reduction="sum")


def loss_sigmoid_twice(halt_logit: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    p = torch.sigmoid(halt_logit)
    return 0.5 * F.binary_cross_entropy_with_logits(p, bits(logits, labels), reduction="sum")


def loss_soft_target(halt_logit: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    sure = logits.softmax(-1).gather(-1, labels.clamp_min(0).unsqueeze(-1)).squeeze(-1)
    target = torch.where(labels == -100, 1.0, sure).prod(-1)
    return 0.5 * F.binary_cross_entropy_with_logits(halt_logit, target, reduction="sum")


def loss_weight_missing(halt_logit: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(halt_logit, bits(logits, labels), reduction="sum")


def loss_mean(halt_logit: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    return 0.5 * F.binary_cross_entropy_with_logits(halt_logit, bits(logits, labels))


def loss_not_summed(halt_logit: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    return 0.5 * F.binary_cross_entropy_with_logits(halt_logit, bits(logits, labels), reduction="none")


def loss_inverted(halt_logit: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    wrong = 1.0 - bits(logits, labels)
    return 0.5 * F.binary_cross_entropy_with_logits(halt_logit, wrong, reduction="sum")


def loss_ignored_count(halt_logit: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    right = (logits.argmax(-1) == labels).all(-1).float()
    return 0.5 * F.binary_cross_entropy_with_logits(halt_logit, right, reduction="sum")


def loss_saturated(halt_logit: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    p, right = halt_logit.sigmoid(), bits(logits, labels)
    return -0.5 * torch.sum(right * torch.log(p) + (1 - right) * torch.log(1 - p))


def loss_without_gradient(halt_logit: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    q = torch.tensor(halt_logit.tolist())
    return 0.5 * F.binary_cross_entropy_with_logits(q, bits(logits, labels), reduction="sum")


# --- halting_rule -----------------------------------------------------------------------------------------------------


def rule_in_a_loop(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    halts = []
    for q, age, draw, least in zip(halt_logit, steps, u, at_least, strict=True):
        if age >= n_supervision:
            halts.append(True)
        elif draw < 0.1 and age < least:
            halts.append(False)
        else:
            halts.append(bool(q > 0))
    return torch.tensor(halts)


def rule_as_published(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    minimum = (u < 0.1) * at_least
    halted = (steps >= n_supervision) | (halt_logit > 0)
    return halted & (steps >= torch.minimum(minimum, torch.tensor(n_supervision)))


def rule_probability(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    done = torch.sigmoid(halt_logit) > 0
    done = done & (steps >= torch.where(u < 0.1, at_least, 0))
    return done | (steps >= n_supervision)


def rule_inverted(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    done = (halt_logit > 0) & (steps >= torch.where(u > 0.1, at_least, 0))
    return done | (steps >= n_supervision)


def rule_everybody(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    return ((halt_logit > 0) & (steps >= at_least)) | (steps >= n_supervision)


def rule_nobody(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    return (halt_logit > 0) | (steps >= n_supervision)


def rule_late(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    done = (halt_logit > 0) & (steps >= (u < 0.1) * at_least)
    return done | (steps > n_supervision)


def rule_early(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    done = (halt_logit > 0) & (steps >= (u < 0.1) * at_least)
    return done | (steps == n_supervision - 1) | (steps == n_supervision)


def rule_forces(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    explores = u < 0.1
    return torch.where(explores, steps >= at_least, halt_logit > 0) | (steps >= n_supervision)


def rule_longer(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    too_young = (u < 0.1) & (steps <= at_least)
    return ((halt_logit > 0) & ~too_young) | (steps >= n_supervision)


def rule_unsure(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    done = (halt_logit < 0) & (steps >= (u < 0.1) * at_least)
    return done | (steps >= n_supervision)


def rule_zero(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    done = (halt_logit.sigmoid() >= 0.5) & (steps >= (u < 0.1) * at_least)
    return done | (steps >= n_supervision)


def rule_edge(halt_logit: Tensor, steps: Tensor, u: Tensor, at_least: Tensor, n_supervision: int) -> Tensor:
    done = (halt_logit > 0) & (steps >= (u <= 0.1) * at_least)
    return done | (steps >= n_supervision)


# --- q_continue_target ------------------------------------------------------------------------------------------------


def q_in_a_loop(model, inputs, state, output, steps, n_supervision):
    _, nxt = model(inputs, state)
    targets = []
    for halt, go_on, age in zip(nxt.halt_logit.tolist(), nxt.continue_logit.tolist(), steps.tolist(), strict=True):
        best = halt if age == n_supervision else max(halt, go_on)
        targets.append(1 / (1 + np.exp(-best)))
    return torch.tensor(targets)


def q_of_probabilities(model, inputs, state, output, steps, n_supervision):
    with torch.inference_mode():
        _, (_, halt, go_on) = model(inputs, state)
        halt, go_on = halt.sigmoid(), go_on.sigmoid() * (steps < n_supervision)
        return torch.stack((halt, go_on)).amax(0)


def q_current(model, inputs, state, output, steps, n_supervision):
    best = torch.maximum(output.halt_logit, output.continue_logit)
    return torch.where(steps >= n_supervision, output.halt_logit, best).sigmoid()


def q_max_always(model, inputs, state, output, steps, n_supervision):
    with torch.no_grad():
        _, nxt = model(inputs, state)
    return torch.maximum(nxt.halt_logit, nxt.continue_logit).sigmoid()


def q_with_gradient(model, inputs, state, output, steps, n_supervision):
    _, nxt = model(inputs, state)
    best = torch.maximum(nxt.halt_logit, nxt.continue_logit)
    return torch.sigmoid(torch.where(steps >= n_supervision, nxt.halt_logit, best))


def q_no_sigmoid(model, inputs, state, output, steps, n_supervision):
    with torch.no_grad():
        _, nxt = model(inputs, state)
    best = nxt.halt_logit.max(nxt.continue_logit)
    return torch.where(steps >= n_supervision, nxt.halt_logit, best)


def q_early(model, inputs, state, output, steps, n_supervision):
    with torch.no_grad():
        _, nxt = model(inputs, state)
    best = torch.maximum(nxt.halt_logit, nxt.continue_logit)
    return torch.where(steps + 1 >= n_supervision, nxt.halt_logit, best).sigmoid()


def q_halt_only(model, inputs, state, output, steps, n_supervision):
    with torch.no_grad():
        return model(inputs, state)[1].halt_logit.sigmoid()


def q_continue_only(model, inputs, state, output, steps, n_supervision):
    with torch.no_grad():
        return model(inputs, state)[1].continue_logit.sigmoid()


def q_last_continues(model, inputs, state, output, steps, n_supervision):
    with torch.no_grad():
        _, nxt = model(inputs, state)
    best = torch.maximum(nxt.halt_logit, nxt.continue_logit)
    return torch.where(steps >= n_supervision, nxt.continue_logit, best).sigmoid()


def q_smaller(model, inputs, state, output, steps, n_supervision):
    with torch.no_grad():
        _, nxt = model(inputs, state)
    worst = torch.min(nxt.halt_logit, nxt.continue_logit)
    return torch.where(steps >= n_supervision, nxt.halt_logit, worst).sigmoid()


def q_two_ahead(model, inputs, state, output, steps, n_supervision):
    with torch.no_grad():
        state, _ = model(inputs, state)
        _, nxt = model(inputs, state)
    best = torch.maximum(nxt.halt_logit, nxt.continue_logit)
    return torch.where(steps >= n_supervision, nxt.halt_logit, best).sigmoid()


def q_fresh(model, inputs, state, output, steps, n_supervision):
    with torch.no_grad():
        _, nxt = model(inputs, torch.zeros_like(state))
    best = torch.maximum(nxt.halt_logit, nxt.continue_logit)
    return torch.where(steps >= n_supervision, nxt.halt_logit, best).sigmoid()


def q_called_twice(model, inputs, state, output, steps, n_supervision):
    with torch.no_grad():
        halt = model(inputs, state)[1].halt_logit
        go_on = model(inputs, state)[1].continue_logit
    return torch.where(steps >= n_supervision, halt, torch.maximum(halt, go_on)).sigmoid()


# --- calibration ------------------------------------------------------------------------------------------------------


def bins_by_comparison(probability, right, bins):
    rows = []
    for i in range(bins):
        low, high = i / bins, (i + 1) / bins
        inside = (probability >= low) & ((probability < high) | (i == bins - 1))
        if inside.any():
            rows.append((inside.sum(), probability[inside].mean(), right[inside].mean()))
    return rows


def bins_as_a_table(probability, right, bins):
    place = np.digitize(probability, np.linspace(0, 1, bins + 1)[1:-1])
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    stated = np.bincount(place, probability, bins)[filled] / count[filled]
    share = np.bincount(place, right, bins)[filled] / count[filled]
    return np.column_stack((count[filled], stated, share))


def bins_swapped(probability, right, bins):
    return [(n, share, stated) for n, stated, share in bins_by_comparison(probability, right, bins)]


def bins_with_middles(probability, right, bins):
    place = np.clip(np.floor(probability * bins).astype(int), 0, bins - 1)
    return [(np.sum(place == i), (i + 0.5) / bins, right[place == i].mean()) for i in np.unique(place)]


def bins_empty_zero(probability, right, bins):
    place = np.digitize(probability, np.linspace(0, 1, bins + 1)[1:-1])
    rows = []
    for i in range(bins):
        stated, hits = probability[place == i], right[place == i]
        rows.append((len(stated), stated.sum() / max(1, len(stated)), hits.sum() / max(1, len(stated))))
    return rows


def bins_hits_for_count(probability, right, bins):
    place = np.digitize(probability, np.linspace(0, 1, bins + 1)[1:-1])
    rows = [(place == i, right & (place == i)) for i in range(bins)]
    return [(hit.sum(), probability[m].mean(), hit.sum() / m.sum()) for m, hit in rows if m.any()]


def bins_share_of_all(probability, right, bins):
    place = np.digitize(probability, np.linspace(0, 1, bins + 1)[1:-1])
    rows = [place == i for i in range(bins)]
    return [(m.sum(), probability[m].mean(), (right & m).mean()) for m in rows if m.any()]


def bins_number_right(probability, right, bins):
    place = np.digitize(probability, np.linspace(0, 1, bins + 1)[1:-1])
    rows = [place == i for i in range(bins)]
    return [(m.sum(), probability[m].mean(), right[m].sum()) for m in rows if m.any()]


def bins_lose_the_sure(probability, right, bins):
    edges = np.linspace(0, 1, bins + 1)
    rows = [(probability >= low) & (probability < high) for low, high in zip(edges[:-1], edges[1:], strict=True)]
    return [(m.sum(), probability[m].mean(), right[m].mean()) for m in rows if m.any()]


def bins_edge_below(probability, right, bins):
    place = np.digitize(probability, np.linspace(0, 1, bins + 1)[1:-1], right=True)
    rows = [place == i for i in range(bins)]
    return [(m.sum(), probability[m].mean(), right[m].mean()) for m in rows if m.any()]


# --- early_stop -------------------------------------------------------------------------------------------------------


def stop_in_a_loop(halt_logit: Tensor, right: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    used, solved = [], []
    for puzzle in range(halt_logit.shape[1]):
        for step in range(len(halt_logit)):
            if halt_logit[step, puzzle] > threshold:
                break
        used.append(step + 1)
        solved.append(bool(right[step, puzzle]))
    return torch.tensor(used), torch.tensor(solved)


def stop_by_counting(halt_logit: Tensor, right: Tensor, threshold: float) -> list[np.ndarray]:
    waited = (halt_logit <= threshold).long().cumprod(0).sum(0)  # steps that did not suffice, from the first on
    place = waited.clamp_max(len(halt_logit) - 1)
    return [(place + 1).numpy(), right.gather(0, place[None])[0].numpy()]


def at(right: Tensor, place: Tensor) -> Tensor:
    return right[place, torch.arange(right.shape[1])]


def stop_at_the_last(halt_logit: Tensor, right: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    over = halt_logit > threshold
    place = len(over) - 1 - over.flip(0).int().argmax(0)
    return place + 1, at(right, place)


def stop_from_zero(halt_logit: Tensor, right: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    over = halt_logit > threshold
    place = torch.where(over.any(0), over.int().argmax(0), len(over) - 1)
    return place, at(right, place)


def stop_argmax_alone(halt_logit: Tensor, right: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    place = (halt_logit > threshold).int().argmax(0)
    return place + 1, at(right, place)


def stop_last_answer(halt_logit: Tensor, right: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    over = halt_logit > threshold
    return torch.where(over.any(0), over.int().argmax(0), len(over) - 1) + 1, right[-1]


def stop_ever_right(halt_logit: Tensor, right: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    over = halt_logit > threshold
    return torch.where(over.any(0), over.int().argmax(0), len(over) - 1) + 1, right.any(0)


def stop_on_probability(halt_logit: Tensor, right: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    return stop_in_a_loop(halt_logit.sigmoid(), right, threshold)


def stop_at_the_surest(halt_logit: Tensor, right: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    place = halt_logit.argmax(0)
    return place + 1, at(right, place)


def stop_one_too_many(halt_logit: Tensor, right: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    over = torch.cat((halt_logit > threshold, torch.ones(1, halt_logit.shape[1]).bool()))
    place = over.int().argmax(0)
    return place + 1, at(right, place.clamp_max(len(right) - 1))


def stop_on_the_threshold(halt_logit: Tensor, right: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    over = halt_logit >= threshold
    place = torch.where(over.any(0), over.int().argmax(0), len(over) - 1)
    return place + 1, at(right, place)


ANSWERS = {
    "halting_target": Answers(
        right=[target_in_a_loop, target_by_filling],
        wrong={
            "one-bit-per-cell": target_per_cell,
            "ignored-cells-count": target_ignored_count,
            "cell-accuracy": target_soft,
            "argmax-over-cells": target_wrong_axis,
            "one-bit-for-the-batch": target_of_the_batch,
            "one-cell-suffices": target_any,
        },
    ),
    "halting_loss": Answers(
        right=[loss_with_softplus],
        wrong={
            "target-per-cell": loss_per_cell,
            "sigmoid-twice": loss_sigmoid_twice,
            "gradient-through-the-target": loss_soft_target,
            "weight-missing": loss_weight_missing,
            "mean-instead-of-sum": loss_mean,
            "not-summed": loss_not_summed,
            "target-inverted": loss_inverted,
            "ignored-cells-count": loss_ignored_count,
            "saturated": loss_saturated,
            "no-gradient": loss_without_gradient,
        },
    ),
    "halting_rule": Answers(
        right=[rule_in_a_loop, rule_as_published],
        wrong={
            "probability-above-zero": rule_probability,
            "exploration-inverted": rule_inverted,
            "everybody-explores": rule_everybody,
            "nobody-explores": rule_nobody,
            "limit-too-late": rule_late,
            "limit-too-early": rule_early,
            "age-forces-a-halt": rule_forces,
            "one-step-longer": rule_longer,
            "halts-when-unsure": rule_unsure,
            "zero-is-done": rule_zero,
            "edge-explores": rule_edge,
        },
    ),
    "q_continue_target": Answers(
        right=[q_in_a_loop, q_of_probabilities],
        wrong={
            "current-step": q_current,
            "max-at-the-last-step": q_max_always,
            "gradient-kept": q_with_gradient,
            "no-sigmoid": q_no_sigmoid,
            "last-comes-early": q_early,
            "halt-only": q_halt_only,
            "continue-only": q_continue_only,
            "last-step-continues": q_last_continues,
            "smaller-instead-of-larger": q_smaller,
            "two-steps-ahead": q_two_ahead,
            "fresh-state": q_fresh,
            "wasted-passes": q_called_twice,
        },
    ),
    "calibration": Answers(
        right=[bins_by_comparison, bins_as_a_table],
        wrong={
            "columns-swapped": bins_swapped,
            "edge-for-mean": bins_with_middles,
            "empty-bin": bins_empty_zero,
            "hits-for-count": bins_hits_for_count,
            "share-of-all": bins_share_of_all,
            "number-right": bins_number_right,
            "sure-ones-lost": bins_lose_the_sure,
            "edge-below": bins_edge_below,
        },
    ),
    "early_stop": Answers(
        right=[stop_in_a_loop, stop_by_counting],
        wrong={
            "last-over-the-threshold": stop_at_the_last,
            "counted-from-zero": stop_from_zero,
            "never-sure-means-first": stop_argmax_alone,
            "answer-of-the-last-step": stop_last_answer,
            "solved-at-any-step": stop_ever_right,
            "probability-against-logit": stop_on_probability,
            "surest-step": stop_at_the_surest,
            "steps-of-the-last": stop_one_too_many,
            "on-the-threshold": stop_on_the_threshold,
        },
    ),
}
