"""Lesson 08: what people hand in."""

from __future__ import annotations

import copy
import math
import statistics

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from answers import Answers
from trm_edu.intervals import difference_interval, mean_interval, t_quantile

# --- seed_summary -----------------------------------------------------------------------------------------------------


def summary_by_hand(values):
    mean = 0.0
    for value in values:
        mean += value / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    half = t_quantile(len(values) - 1) * spread / math.sqrt(len(values))
    return [mean, spread, mean - half, mean + half]


def summary_with_statistics(values):
    mean, spread = statistics.mean(values), statistics.stdev(values)
    error = spread * len(values) ** -0.5
    return torch.tensor(mean), spread, *(mean + sign * t_quantile(len(values) - 1.0) * error for sign in (-1, 1))


def summary_ddof_0(values):
    values = np.array(values)
    half = t_quantile(len(values) - 1) * values.std() / np.sqrt(len(values))
    return values.mean(), values.std(), values.mean() - half, values.mean() + half


def summary_196(values):
    mean, spread = np.mean(values), np.std(values, ddof=1)
    half = 1.96 * spread / np.sqrt(len(values))
    return mean, spread, mean - half, mean + half


def summary_spread_as_error(values):
    mean, spread = np.mean(values), np.std(values, ddof=1)
    half = t_quantile(len(values) - 1) * spread
    return mean, spread, mean - half, mean + half


def summary_error_shown(values):
    mean, error = np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))
    half = t_quantile(len(values) - 1) * error
    return mean, error, mean - half, mean + half


def summary_percent(values):
    return summary_by_hand([100 * value for value in values])


def summary_freedom_k(values):
    mean, spread = np.mean(values), np.std(values, ddof=1)
    half = t_quantile(len(values)) * spread / np.sqrt(len(values))
    return mean, spread, mean - half, mean + half


def summary_no_root(values):
    mean, spread = np.mean(values), np.std(values, ddof=1)
    half = t_quantile(len(values) - 1) * spread / len(values)
    return mean, spread, mean - half, mean + half


def summary_variance(values):
    mean, spread = np.mean(values), np.var(values, ddof=1)
    half = t_quantile(len(values) - 1) * spread / np.sqrt(len(values))
    return mean, spread, mean - half, mean + half


def summary_cut(values):
    low, high = mean_interval(values)
    return np.mean(values), np.std(values, ddof=1), low, high


# --- rung_difference --------------------------------------------------------------------------------------------------


def difference_of_library(before, after):
    low, high = difference_interval(before, after)
    return (low + high) / 2, low, high, not low <= 0 <= high


def difference_by_hand(before, after):
    total, below = 0.0, 0.0
    for values in (before, after):
        part = statistics.variance(values) / len(values)
        total, below = total + part, below + part * part / (len(values) - 1)
    middle = statistics.mean(after) - statistics.mean(before)
    reach = t_quantile(total * total / below) * math.sqrt(total)
    return [middle, middle - reach, middle + reach, abs(middle) > reach]


def difference_overlap(before, after):
    middle, low, high, _ = difference_of_library(before, after)
    (a, b), (c, d) = mean_interval(before), mean_interval(after)
    return middle, low, high, bool(b < c or d < a)


def difference_larger(before, after):
    middle, low, high, _ = difference_of_library(before, after)
    return middle, low, high, np.mean(after) > np.mean(before)


def difference_inverted(before, after):
    middle, low, high, _ = difference_of_library(before, after)
    return middle, low, high, low < 0 < high


def difference_paired(before, after):
    steps = [b - a for a, b in zip(before, after, strict=False)]
    middle, half = np.mean(steps), t_quantile(len(steps) - 1) * np.std(steps, ddof=1) / len(steps) ** 0.5
    return middle, middle - half, middle + half, abs(middle) > half


def difference_turned(before, after):
    return difference_by_hand(after, before)


def welch_with(before, after, ddof=1, freedom=None, added=False, reach=None):
    parts = [np.var(v, ddof=ddof) / len(v) for v in (before, after)]
    if freedom is None:
        freedom = sum(parts) ** 2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, (before, after), strict=True))
    error = np.sqrt(parts[0]) + np.sqrt(parts[1]) if added else np.sqrt(sum(parts))
    middle, half = np.mean(after) - np.mean(before), (reach or t_quantile(freedom)) * error
    return middle, middle - half, middle + half, bool(abs(middle) > half)


def difference_ddof_0(before, after):
    return welch_with(before, after, ddof=0)


def difference_pooled(before, after):
    return welch_with(before, after, freedom=len(before) + len(after) - 2)


def difference_errors_added(before, after):
    return welch_with(before, after, added=True)


def difference_196(before, after):
    return welch_with(before, after, reach=1.96)


def difference_of_ends(before, after):
    (a, b), (c, d) = mean_interval(before), mean_interval(after)
    return np.mean(after) - np.mean(before), c - b, d - a, c - b > 0 or d - a < 0


# --- steps_in_budget --------------------------------------------------------------------------------------------------


def steps_in_a_loop(budget, evaluation, batch, T, n, graded, q_learning):
    step = 0
    for i in range(T * (n + 1)):
        step += (3 if i >= T * (n + 1) - graded else 1) * evaluation * batch
    if q_learning:
        step += T * (n + 1) * evaluation * batch
    return math.floor(budget / step)


def steps_by_divmod(budget, evaluation, batch, T, n, graded, q_learning):
    forward = T * n + T
    return divmod(budget, evaluation * batch * (forward * (1 + q_learning) + 2 * graded))[0]


def steps_rounded_up(budget, evaluation, batch, T, n, graded, q_learning):
    passes = T * (n + 1)
    return math.ceil(budget / (evaluation * batch * (passes * (1 + q_learning) + 2 * graded)))


def steps_per_puzzle(budget, evaluation, batch, T, n, graded, q_learning):
    passes = T * (n + 1)
    return budget // (evaluation * (passes * (1 + q_learning) + 2 * graded))


def steps_without_second_pass(budget, evaluation, batch, T, n, graded, q_learning):
    return budget // (evaluation * batch * (T * (n + 1) + 2 * graded))


def steps_second_pass_graded(budget, evaluation, batch, T, n, graded, q_learning):
    step = T * (n + 1) + 2 * graded
    return budget // (evaluation * batch * (2 * step if q_learning else step))


def steps_forward_only(budget, evaluation, batch, T, n, graded, q_learning):
    return budget // (evaluation * batch * T * (n + 1) * (1 + q_learning))


def steps_backward_everywhere(budget, evaluation, batch, T, n, graded, q_learning):
    return budget // (evaluation * batch * T * (n + 1) * (3 + q_learning))


def steps_counted_four_times(budget, evaluation, batch, T, n, graded, q_learning):
    return budget // (evaluation * batch * (T * (n + 1) * (1 + q_learning) + 3 * graded))


def steps_answers_missing(budget, evaluation, batch, T, n, graded, q_learning):
    return budget // (evaluation * batch * (T * n * (1 + q_learning) + 2 * graded))


def steps_not_whole(budget, evaluation, batch, T, n, graded, q_learning):
    return budget / (evaluation * batch * (T * (n + 1) * (1 + q_learning) + 2 * graded))


# --- full_gradient ----------------------------------------------------------------------------------------------------


def gradient_by_condition(f_L, f_H, x, z_H, z_L, n, T):
    for cycle in range(T):
        with torch.set_grad_enabled(cycle == T - 1):
            for _ in range(n):
                z_L = f_L(z_L, z_H + x)
            z_H = f_H(z_H, z_L)
    return z_H, z_L


def gradient_by_detach(f_L, f_H, x, z_H, z_L, n, T):
    for _ in range(T):
        z_H, z_L = z_H.detach(), z_L.detach()
        for _ in range(n):
            z_L = f_L(z_L, x + z_H)
        z_H = f_H(z_H, z_L)
    return [z_H, z_L]


def gradient_one_step(f_L, f_H, x, z_H, z_L, n, T):
    with torch.no_grad():
        for _ in range(T - 1):
            for _ in range(n):
                z_L = f_L(z_L, z_H + x)
            z_H = f_H(z_H, z_L)
        for _ in range(n - 1):
            z_L = f_L(z_L, z_H + x)
    z_L = f_L(z_L, z_H + x)
    z_H = f_H(z_H, z_L)
    return z_H, z_L


def gradient_of_the_answer(f_L, f_H, x, z_H, z_L, n, T):
    with torch.no_grad():
        for _ in range(T - 1):
            for _ in range(n):
                z_L = f_L(z_L, z_H + x)
            z_H = f_H(z_H, z_L)
        for _ in range(n):
            z_L = f_L(z_L, z_H + x)
    return f_H(z_H, z_L), z_L


def gradient_of_all(f_L, f_H, x, z_H, z_L, n, T):
    for _ in range(T):
        for _ in range(n):
            z_L = f_L(z_L, z_H + x)
        z_H = f_H(z_H, z_L)
    return z_H, z_L


def gradient_nowhere(f_L, f_H, x, z_H, z_L, n, T):
    with torch.no_grad():
        return gradient_of_all(f_L, f_H, x, z_H, z_L, n, T)


def gradient_cut(f_L, f_H, x, z_H, z_L, n, T):
    with torch.no_grad():
        z_H, z_L = gradient_of_all(f_L, f_H, x, z_H, z_L, n, T - 1)
    for _ in range(n):
        z_L = f_L(z_L, z_H + x)
    return f_H(z_H, z_L.detach()), z_L


def gradient_left_off(f_L, f_H, x, z_H, z_L, n, T):
    torch.set_grad_enabled(False)
    return gradient_of_all(f_L, f_H, x, z_H, z_L, n, T)


def gradient_one_more(f_L, f_H, x, z_H, z_L, n, T):
    with torch.no_grad():
        for _ in range(T):
            z_H, z_L = gradient_of_all(f_L, f_H, x, z_H, z_L, n, 1)
    return gradient_of_all(f_L, f_H, x, z_H, z_L, n, 1)


def gradient_one_fewer(f_L, f_H, x, z_H, z_L, n, T):
    with torch.no_grad():
        for _ in range(T - 2):
            z_H, z_L = gradient_of_all(f_L, f_H, x, z_H, z_L, n, 1)
    return gradient_of_all(f_L, f_H, x, z_H, z_L, n, 1)


def gradient_swapped(f_L, f_H, x, z_H, z_L, n, T):
    z_H, z_L = gradient_by_condition(f_L, f_H, x, z_H, z_L, n, T)
    return z_L, z_H


def gradient_high_often(f_L, f_H, x, z_H, z_L, n, T):
    for cycle in range(T):
        with torch.set_grad_enabled(cycle == T - 1):
            for _ in range(n):
                z_L = f_L(z_L, z_H + x)
                z_H = f_H(z_H, z_L)
    return z_H, z_L


def gradient_x_above(f_L, f_H, x, z_H, z_L, n, T):
    return gradient_by_condition(f_L, lambda h, low: f_H(h, low + x), x, z_H, z_L, n, T)


def gradient_not_fed_back(f_L, f_H, x, z_H, z_L, n, T):
    for cycle in range(T):
        with torch.set_grad_enabled(cycle == T - 1):
            for _ in range(n):
                z_L = f_L(z_L, x)
            z_H = f_H(z_H, z_L)
    return z_H, z_L


# --- OneNetwork -------------------------------------------------------------------------------------------------------


class TwoNames(nn.Module):
    def __init__(self, network, n):
        super().__init__()
        self.n = n
        self.think = network
        self.answer = network

    def forward(self, x, y, z):
        for _ in range(self.n):
            z = self.think(z, x + y)
        return [self.answer(y, z), z]

    def size(self):
        return sum(weight.numel() for weight in self.parameters())


class ByLoop(TwoNames):
    def size(self):
        total = 0
        for _, weight in self.think.named_parameters():
            total += math.prod(weight.shape)
        return torch.tensor(total)


class CopyToAnswer(TwoNames):
    def __init__(self, network, n):
        super().__init__(network, n)
        self.answer = copy.deepcopy(network)


class CountedTwice(TwoNames):
    def size(self):
        return sum(p.numel() for net in (self.think, self.answer) for p in net.parameters())


class TensorsCounted(TwoNames):
    def size(self):
        return len(list(self.parameters()))


class EachCallCounted(TwoNames):
    def size(self):
        return sum(p.numel() for p in self.think.parameters()) * (self.n + 1)


class XInTheAnswer(TwoNames):
    def forward(self, x, y, z):
        for _ in range(self.n):
            z = self.think(z, x + y)
        return self.answer(y + x, z), z


class NotFedBack(TwoNames):
    def forward(self, x, y, z):
        for _ in range(self.n):
            z = self.think(z, x)
        return self.answer(y, z), z


class Swapped(TwoNames):
    def forward(self, x, y, z):
        return super().forward(x, y, z)[::-1]


class ThinksOnce(TwoNames):
    def forward(self, x, y, z):
        z = self.think(z, x + y)
        return self.answer(y, z), z


class AnswerFirst(TwoNames):
    def forward(self, x, y, z):
        y = self.answer(y, z)
        for _ in range(self.n):
            z = self.think(z, x + y)
        return y, z


# --- plain_halting ----------------------------------------------------------------------------------------------------

cross_entropy = F.binary_cross_entropy_with_logits


def bits(output, labels):
    return (output.logits.argmax(-1) == labels).all(-1).to(output.halt_logit.dtype)


def halting_with_softplus(model, inputs, labels, state, steps, limit):
    new, out = model(inputs, state)
    right = (out.logits.max(-1).indices != labels).sum(-1) == 0
    loss = torch.where(right, F.softplus(-out.halt_logit), F.softplus(out.halt_logit)).sum() / 2
    return [loss, new, torch.maximum((out.halt_logit > 0).int(), (steps >= limit).int()).bool()]


def halting_in_a_loop(model, inputs, labels, state, steps, limit):
    new, out = model(inputs, state)
    loss, stops = 0, []
    for q, target, age in zip(out.halt_logit, bits(out, labels), steps, strict=True):
        loss = loss + 0.5 * cross_entropy(q, target)
        stops.append(bool(q.sigmoid() > 0.5) or int(age) == limit)
    return loss, new, torch.tensor(stops)


def halting_second_pass(model, inputs, labels, state, steps, limit):
    new, out = model(inputs, state)
    with torch.no_grad():
        model(inputs, new)
    loss = cross_entropy(out.halt_logit, bits(out, labels), reduction="sum")
    return 0.5 * loss, new, (out.halt_logit > 0) | (steps >= limit)


def halting_and_continue(model, inputs, labels, state, steps, limit):
    new, out = model(inputs, state)
    with torch.no_grad():
        _, ahead = model(inputs, new)
        best = torch.maximum(ahead.halt_logit, ahead.continue_logit)
        target = torch.where(steps >= limit, ahead.halt_logit, best).sigmoid()
    loss = cross_entropy(out.halt_logit, bits(out, labels), reduction="sum")
    loss = loss + cross_entropy(out.continue_logit, target, reduction="sum")
    return 0.5 * loss, new, (out.halt_logit > 0) | (steps >= limit)


def halting_looks_ahead(model, inputs, labels, state, steps, limit):
    new, out = model(inputs, state)
    with torch.no_grad():
        _, ahead = model(inputs, new)
    best = torch.maximum(ahead.halt_logit, ahead.continue_logit)
    target = torch.where(steps >= limit, ahead.halt_logit, best).sigmoid()
    loss = cross_entropy(out.halt_logit, target, reduction="sum")
    return 0.5 * loss, new, (out.halt_logit > 0) | (steps >= limit)


def halting_with(target=bits, weight=0.5, reduction="sum", stop=None, detach=False, state_of=None):
    def answer(model, inputs, labels, state, steps, limit):
        new, out = model(inputs, state)
        q = out.halt_logit.detach() if detach else out.halt_logit
        loss = weight * cross_entropy(q, target(out, labels), reduction=reduction)
        stops = stop(out, steps, limit) if stop else (out.halt_logit > 0) | (steps >= limit)
        return loss, state_of(state, new, model, inputs) if state_of else new, stops

    return answer


def halting_per_cell(model, inputs, labels, state, steps, limit):
    new, out = model(inputs, state)
    right = (out.logits.argmax(-1) == labels).to(out.halt_logit.dtype)
    loss = 0.5 * cross_entropy(out.halt_logit.unsqueeze(1).expand_as(right), right, reduction="sum")
    return loss, new, (out.halt_logit > 0) | (steps >= limit)


# --- read_ladder ------------------------------------------------------------------------------------------------------


def ladder_by_index(rungs):
    result = {}
    for i in range(len(rungs) - 1, 0, -1):
        interval = difference_interval(rungs[i - 1][1], rungs[i][1])
        if interval is None:
            continue
        low, high = interval
        if low > 0:
            result[rungs[i][0]] = "up"
        elif high < 0:
            result[rungs[i][0]] = "down"
    return result


def ladder_from_below(rungs):
    steps = {b: difference_interval(after, before) for (_, before), (b, after) in zip(rungs, rungs[1:], strict=False)}
    ways = {name: (ends[0] > 0) - (ends[1] < 0) for name, ends in steps.items() if ends}
    return {name: {1: "down", -1: "up"}[way] for name, way in ways.items() if way}


def way(interval):
    return "up" if interval[0] > 0 else "down"


def ladder_from_the_first(rungs):
    found = {}
    for name, values in rungs[1:]:
        interval = difference_interval(rungs[0][1], values)
        if interval and (interval[0] > 0 or interval[1] < 0):
            found[name] = way(interval)
    return found


def ladder_of_means(rungs):
    found = {}
    for (_, before), (name, after) in zip(rungs[:-1], rungs[1:], strict=True):
        step = np.mean(after) - np.mean(before)
        if step != 0:
            found[name] = "up" if step > 0 else "down"
    return found


def ladder_with_lonely_seeds(rungs):
    found = {}
    for (_, before), (name, after) in zip(rungs[:-1], rungs[1:], strict=True):
        step = np.mean(after) - np.mean(before)
        interval = difference_interval(before, after) or (step, step)
        if interval[0] > 0 or interval[1] < 0:
            found[name] = way(interval)
    return found


def ladder_by_overlap(rungs):
    found = {}
    for (_, before), (name, after) in zip(rungs[:-1], rungs[1:], strict=True):
        first, second = mean_interval(before), mean_interval(after)
        if first and second and second[0] > first[1]:
            found[name] = "up"
        if first and second and second[1] < first[0]:
            found[name] = "down"
    return found


def ladder_of_ups(rungs):
    return {name: word for name, word in ladder_by_index(rungs).items() if word == "up"}


def ladder_turned(rungs):
    return {name: "down" if word == "up" else "up" for name, word in ladder_by_index(rungs).items()}


def ladder_named_before(rungs):
    found = {}
    for (name, before), (_, after) in zip(rungs[:-1], rungs[1:], strict=True):
        interval = difference_interval(before, after)
        if interval and (interval[0] > 0 or interval[1] < 0):
            found[name] = way(interval)
    return found


def ladder_says_equal(rungs):
    found = ladder_by_index(rungs)
    return {name: found.get(name, "not separated") for name, _ in rungs[1:]}


def ladder_names(rungs):
    return list(ladder_by_index(rungs))


ANSWERS = {
    "seed_summary": Answers(
        right=[summary_by_hand, summary_with_statistics, lambda values: np.array(summary_by_hand(values))],
        wrong={
            "divided-by-k": summary_ddof_0,
            "reach-of-many-seeds": summary_196,
            "spread-for-error": summary_spread_as_error,
            "error-for-spread": summary_error_shown,
            "percent": summary_percent,
            "freedom-k": summary_freedom_k,
            "divided-by-k-seeds": summary_no_root,
            "variance": summary_variance,
            "cut": summary_cut,
        },
    ),
    "rung_difference": Answers(
        right=[difference_of_library, difference_by_hand],
        wrong={
            "overlap-as-test": difference_overlap,
            "larger-mean-as-test": difference_larger,
            "separated-inverted": difference_inverted,
            "paired-by-seed": difference_paired,
            "sign-turned": difference_turned,
            "divided-by-k": difference_ddof_0,
            "pooled-freedom": difference_pooled,
            "errors-added": difference_errors_added,
            "reach-of-many-seeds": difference_196,
            "ends-subtracted": difference_of_ends,
        },
    ),
    "steps_in_budget": Answers(
        right=[steps_in_a_loop, steps_by_divmod],
        wrong={
            "rounded-up": steps_rounded_up,
            "per-puzzle": steps_per_puzzle,
            "second-pass-forgotten": steps_without_second_pass,
            "second-pass-graded": steps_second_pass_graded,
            "backward-forgotten": steps_forward_only,
            "backward-everywhere": steps_backward_everywhere,
            "graded-counted-four-times": steps_counted_four_times,
            "answers-not-counted": steps_answers_missing,
            "not-whole": steps_not_whole,
        },
    ),
    "full_gradient": Answers(
        right=[gradient_by_condition, gradient_by_detach],
        wrong={
            "one-step-gradient": gradient_one_step,
            "think-without-gradient": gradient_of_the_answer,
            "all-recursions": gradient_of_all,
            "no-gradient": gradient_nowhere,
            "cut-between": gradient_cut,
            "gradient-left-off": gradient_left_off,
            "one-recursion-too-many": gradient_one_more,
            "one-recursion-missing": gradient_one_fewer,
            "states-swapped": gradient_swapped,
            "high-at-every-tick": gradient_high_often,
            "x-in-the-high-update": gradient_x_above,
            "z_H-not-fed-back": gradient_not_fed_back,
        },
    ),
    "OneNetwork": Answers(
        right=[TwoNames, ByLoop],
        wrong={
            "copied-network": CopyToAnswer,
            "counted-twice": CountedTwice,
            "tensors-counted": TensorsCounted,
            "counted-each-call": EachCallCounted,
            "x-in-the-answer": XInTheAnswer,
            "y-not-fed-back": NotFedBack,
            "states-swapped": Swapped,
            "thinks-once": ThinksOnce,
            "answer-first": AnswerFirst,
        },
    ),
    "plain_halting": Answers(
        right=[halting_with_softplus, halting_in_a_loop, halting_with()],
        wrong={
            "second-pass": halting_second_pass,
            "continue-still-trained": halting_and_continue,
            "target-of-q-learning": halting_looks_ahead,
            "target-per-cell": halting_per_cell,
            "target-is-a-share": halting_with(
                lambda out, labels: (out.logits.argmax(-1) == labels).to(out.halt_logit.dtype).mean(-1)
            ),
            "weight-missing": halting_with(weight=1.0),
            "mean-instead-of-sum": halting_with(reduction="mean"),
            "target-inverted": halting_with(lambda out, labels: 1 - bits(out, labels)),
            "no-gradient": halting_with(detach=True),
            "old-state": halting_with(state_of=lambda old, new, model, inputs: old),
            "state-two-steps-ahead": halting_with(state_of=lambda old, new, model, inputs: model(inputs, new)[0]),
            "stops-as-before": halting_with(
                stop=lambda out, steps, limit: (out.halt_logit > out.continue_logit) | (steps >= limit)
            ),
            "limit-forgotten": halting_with(stop=lambda out, steps, limit: out.halt_logit > 0),
            "probability-above-0": halting_with(
                stop=lambda out, steps, limit: (out.halt_logit.sigmoid() > 0) | (steps >= limit)
            ),
            "limit-alone": halting_with(stop=lambda out, steps, limit: steps >= limit),
        },
    ),
    "read_ladder": Answers(
        right=[ladder_by_index, ladder_from_below],
        wrong={
            "against-the-first": ladder_from_the_first,
            "larger-mean": ladder_of_means,
            "one-seed-separated": ladder_with_lonely_seeds,
            "overlap-as-test": ladder_by_overlap,
            "ups-alone": ladder_of_ups,
            "directions-turned": ladder_turned,
            "name-of-the-rung-before": ladder_named_before,
            "equal-said": ladder_says_equal,
            "names-alone": ladder_names,
        },
    ),
}
