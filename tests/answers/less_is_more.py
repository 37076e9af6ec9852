"""Lesson 09: what people hand in."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from answers import Answers
from trm_edu.intervals import difference_interval, mean_interval
from trm_edu.optim import EMA

# --- train_with_average -----------------------------------------------------------------------------------------------


def average_in_a_second_model(model, optimizer, losses, decay):
    second = copy.deepcopy(model)
    for loss in losses:
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()
        for slow, fast in zip(second.parameters(), model.parameters(), strict=True):
            slow.data = decay * slow.data + (1 - decay) * fast.data
    for slow, fast in zip(second.buffers(), model.buffers(), strict=True):
        slow.copy_(fast)
    return second.state_dict()


def average_of_the_library(model, optimizer, losses, decay):
    ema = EMA(model, decay)
    for loss in losses:
        loss(model).backward()
        optimizer.step()
        model.zero_grad()
        ema.update()
    return dict(model.named_buffers()) | ema.state_dict()


def average_decay_swapped(model, optimizer, losses, decay):
    return average_in_a_second_model(model, optimizer, losses, 1 - decay)


def average_too_early(model, optimizer, losses, decay):
    ema = EMA(model, decay)
    for loss in losses:
        loss(model).backward()
        ema.update()
        optimizer.step()
        optimizer.zero_grad()
    return dict(model.named_buffers()) | ema.state_dict()


def average_lerp_of_itself(model, optimizer, losses, decay):
    average = [weight.detach() for weight in model.parameters()]
    for loss in losses:
        loss(model).backward()
        optimizer.step()
        optimizer.zero_grad()
        for slow, weight in zip(average, model.parameters(), strict=True):
            slow.lerp_(weight.detach(), 1 - decay)
    return model.state_dict() | {n: a for (n, _), a in zip(model.named_parameters(), average, strict=True)}


def average_shrinks_the_weights(model, optimizer, losses, decay):
    average = model.state_dict()
    for loss in losses:
        loss(model).backward()
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            for name, weight in model.named_parameters():
                average[name].mul_(decay).add_(weight, alpha=1 - decay)
    return average


def average_forgets_the_first(model, optimizer, losses, decay):
    average = {name: weight.detach() for name, weight in model.named_parameters()}
    for loss in losses:
        loss(model).backward()
        optimizer.step()
        optimizer.zero_grad()
        for name, weight in model.named_parameters():
            average[name] = decay * average[name] + (1 - decay) * weight.detach()
    return model.state_dict() | average


def average_from_zero(model, optimizer, losses, decay):
    average = {name: torch.zeros_like(weight) for name, weight in model.named_parameters()}
    for loss in losses:
        loss(model).backward()
        optimizer.step()
        optimizer.zero_grad()
        average = {n: decay * average[n] + (1 - decay) * w.detach() for n, w in model.named_parameters()}
    return model.state_dict() | average


def average_gradients_pile_up(model, optimizer, losses, decay):
    ema = EMA(model, decay)
    for loss in losses:
        loss(model).backward()
        optimizer.step()
        ema.update()
    return dict(model.named_buffers()) | ema.state_dict()


def average_without_buffers(model, optimizer, losses, decay):
    ema = EMA(model, decay)
    for loss in losses:
        loss(model).backward()
        optimizer.step()
        optimizer.zero_grad()
        ema.update()
    return ema.state_dict()


def average_of_everything(model, optimizer, losses, decay):
    average = copy.deepcopy(model.state_dict())
    for loss in losses:
        loss(model).backward()
        optimizer.step()
        optimizer.zero_grad()
        for name, value in model.state_dict().items():
            average[name] = decay * average[name] + (1 - decay) * value
    return average


def average_with_old_buffers(model, optimizer, losses, decay):
    average = copy.deepcopy(model.state_dict())
    for loss in losses:
        loss(model).backward()
        optimizer.step()
        optimizer.zero_grad()
        for name, weight in model.named_parameters():
            average[name] = decay * average[name] + (1 - decay) * weight.detach()
    return average


def average_loaded_into_the_model(model, optimizer, losses, decay):
    average = copy.deepcopy(average_of_the_library(model, optimizer, losses, decay))
    model.load_state_dict(average)
    return average


# --- without_the_start ------------------------------------------------------------------------------------------------


def start_in_a_loop(average, first, decay, steps):
    share = 1.0
    for _ in range(steps):
        share *= decay
    others = sum((1 - decay) * decay**k for k in range(steps))
    return [1 / (1 - decay), share, average / others - first * share / others]


def start_in_numpy(average, first, decay, steps):
    share = np.power(decay, steps)
    mean = (average.numpy() - share * first.numpy()) / (1 - share)
    return 1 / (1 - decay), share, torch.from_numpy(mean)


def start_horizon_of_decay(average, first, decay, steps):
    return 1 / decay, decay**steps, (average - decay**steps * first) / (1 - decay**steps)


def start_one_early(average, first, decay, steps):
    share = decay ** (steps - 1)
    return 1 / (1 - decay), share, (average - share * first) / (1 - share)


def start_one_late(average, first, decay, steps):
    share = decay ** (steps + 1)
    return 1 / (1 - decay), share, (average - share * first) / (1 - share)


def start_linear(average, first, decay, steps):
    share = 1 - (1 - decay) * steps
    return 1 / (1 - decay), share, (average - share * first) / (1 - share)


def start_the_rest(average, first, decay, steps):
    share = 1 - decay**steps
    return 1 / (1 - decay), share, (average - (1 - share) * first) / share


def start_as_adam(average, first, decay, steps):
    return 1 / (1 - decay), decay**steps, average / (1 - decay**steps)


def start_not_rescaled(average, first, decay, steps):
    return 1 / (1 - decay), decay**steps, average - decay**steps * first


# --- variant_cost -----------------------------------------------------------------------------------------------------


def cost_in_a_loop(L, D, inner_L, inner_D, layers, T, n):
    weights = depth = operations = 0
    for _ in range(layers):
        weights += 2 * D * inner_D + inner_D * D + 2 * L * inner_L + inner_L * L
    for recursion in range(T):
        for _ in range(n + 1):
            depth += layers
            once = layers * (6 * D * inner_D * L + 6 * L * inner_L * D)
            operations += once if recursion < T - 1 else 3 * once
    return weights, depth, operations


def cost_with(
    L,
    D,
    inner_L,
    inner_D,
    layers,
    T,
    n,
    *,
    uses=None,
    matrices=3,
    evaluations=None,
    equivalents=None,
    depth=None,
    weights=None,
    each=2,
):
    """The right count, with one part replaced."""
    per_cell, per_channel = uses or (L, D)
    evaluations = evaluations or T * (n + 1)
    equivalents = equivalents or evaluations + 2 * (evaluations // T)
    channels, positions = matrices * D * inner_D, matrices * L * inner_L
    operations = layers * each * (channels * per_cell + positions * per_channel) * equivalents
    return weights or layers * (channels + positions), depth or layers * evaluations, operations


def cost_recursion_as_weights(L, D, inner_L, inner_D, layers, T, n):
    weights = T * (n + 1) * layers * (3 * D * inner_D + 3 * L * inner_L)
    return cost_with(L, D, inner_L, inner_D, layers, T, n, weights=weights)


def cost_one_layer(L, D, inner_L, inner_D, layers, T, n):
    return cost_with(L, D, inner_L, inner_D, layers, T, n, weights=3 * D * inner_D + 3 * L * inner_L)


def cost_two_matrices(L, D, inner_L, inner_D, layers, T, n):
    return cost_with(L, D, inner_L, inner_D, layers, T, n, matrices=2)


def cost_without_y(L, D, inner_L, inner_D, layers, T, n):
    return cost_with(L, D, inner_L, inner_D, layers, T, n, evaluations=T * n)


def cost_depth_of_gradient(L, D, inner_L, inner_D, layers, T, n):
    return cost_with(L, D, inner_L, inner_D, layers, T, n, depth=(n + 1) * layers)


def cost_depth_in_evaluations(L, D, inner_L, inner_D, layers, T, n):
    return cost_with(L, D, inner_L, inner_D, layers, T, n, depth=T * (n + 1))


def cost_per_token(L, D, inner_L, inner_D, layers, T, n):
    return cost_with(L, D, inner_L, inner_D, layers, T, n, uses=(1, 1))


def cost_all_per_cell(L, D, inner_L, inner_D, layers, T, n):
    return cost_with(L, D, inner_L, inner_D, layers, T, n, uses=(L, L))


def cost_all_per_channel(L, D, inner_L, inner_D, layers, T, n):
    return cost_with(L, D, inner_L, inner_D, layers, T, n, uses=(D, D))


def cost_multiplications(L, D, inner_L, inner_D, layers, T, n):
    return cost_with(L, D, inner_L, inner_D, layers, T, n, each=1)


def cost_forward(L, D, inner_L, inner_D, layers, T, n):
    return cost_with(L, D, inner_L, inner_D, layers, T, n, equivalents=T * (n + 1))


def cost_all_backward(L, D, inner_L, inner_D, layers, T, n):
    return cost_with(L, D, inner_L, inner_D, layers, T, n, equivalents=3 * T * (n + 1))


def cost_last_recursion(L, D, inner_L, inner_D, layers, T, n):
    return cost_with(L, D, inner_L, inner_D, layers, T, n, equivalents=3 * (n + 1))


# --- stop_training ----------------------------------------------------------------------------------------------------


def stop_in_a_loop(steps, seen, validation, test):
    best = 0
    for i in range(1, len(steps)):
        if validation[i] > validation[best]:
            best = i
    return [steps[best], seen[best] - test[best], test[best]]


def stop_by_sorting(steps, seen, validation, test):
    rows = sorted(zip(-validation, steps, seen - test, test, strict=True))
    return rows[0][1:]


def stop_at(i, steps, seen, test):
    return steps[i], seen[i] - test[i], test[i]


def stop_on_test(steps, seen, validation, test):
    return stop_at(test.argmax(), steps, seen, test)


def stop_last(steps, seen, validation, test):
    return stop_at(-1, steps, seen, test)


def stop_on_seen(steps, seen, validation, test):
    return stop_at(seen.argmax(), steps, seen, test)


def stop_index(steps, seen, validation, test):
    i = validation.argmax()
    return i, seen[i] - test[i], test[i]


def stop_reports_validation(steps, seen, validation, test):
    i = validation.argmax()
    return steps[i], seen[i] - test[i], validation.max()


def stop_gap_to_validation(steps, seen, validation, test):
    i = validation.argmax()
    return steps[i], seen[i] - validation[i], test[i]


def stop_negative_gap(steps, seen, validation, test):
    i = validation.argmax()
    return steps[i], test[i] - seen[i], test[i]


def stop_gap_at_end(steps, seen, validation, test):
    i = validation.argmax()
    return steps[i], seen[-1] - test[-1], test[i]


def stop_latest(steps, seen, validation, test):
    return stop_at(np.flatnonzero(validation == validation.max())[-1], steps, seen, test)


# --- best_cells -------------------------------------------------------------------------------------------------------


def cells_in_a_loop(results, cost, budget):
    best, found = None, []
    for cell, seeds in results.items():
        if cost[cell] <= budget and (best is None or sum(seeds) / len(seeds) > np.mean(results[best])):
            best = cell
    for cell in results:
        if cost[cell] > budget:
            continue
        interval = difference_interval(results[best], results[cell])
        if cell == best or not interval or min(interval) <= 0 <= max(interval):
            found.append((cost[cell], cell))
    return tuple(cell for _, cell in sorted(found))


def cells_with(results, cost, budget, *, pool=None, reference=None, separated=None, order=None):
    """The right way, with one part replaced."""
    pool = [c for c in results if cost[c] <= budget] if pool is None else pool
    best = max(pool if reference is None else reference, key=lambda c: np.mean(results[c]))

    def apart(cell):
        interval = difference_interval(results[cell], results[best])
        return interval is not None and not interval[0] <= 0 <= interval[1]

    found = [c for c in pool if c == best or not (separated or apart)(*(c, best)[: 2 if separated else 1])]
    return sorted(found, key=order or cost.get)


def cells_any_price(results, cost, budget):
    return cells_with(results, cost, budget, pool=list(results))


def cells_against_the_unpayable(results, cost, budget):
    return cells_with(results, cost, budget, reference=list(results))


def cells_best_alone(results, cost, budget):
    return [max((c for c in results if cost[c] <= budget), key=lambda c: np.mean(results[c]))]


def cells_overlap(results, cost, budget):
    def apart(cell, best):
        one, other = mean_interval(results[cell]), mean_interval(results[best])
        return one is not None and other is not None and (one[1] < other[0] or other[1] < one[0])

    return cells_with(results, cost, budget, separated=apart)


def cells_need_seeds(results, cost, budget):
    def apart(cell, best):
        interval = difference_interval(results[cell], results[best])
        return interval is None or interval[0] > 0 or interval[1] < 0

    return cells_with(results, cost, budget, separated=apart)


def cells_strictly_below(results, cost, budget):
    return cells_with(results, cost, budget, pool=[c for c in results if cost[c] < budget])


def cells_all_payable(results, cost, budget):
    return cells_with(results, cost, budget, separated=lambda cell, best: False)


def cells_as_they_come(results, cost, budget):
    found = cells_with(results, cost, budget)
    return [cell for cell in results if cell in found]


def cells_by_mean(results, cost, budget):
    return cells_with(results, cost, budget, order=lambda c: -np.mean(results[c]))


# --- confounders ------------------------------------------------------------------------------------------------------


def confounders_in_a_loop(a, b, varied):
    found = []
    for name in sorted(set(a) | set(b)):
        if name in varied or name in ("seed", "exact"):
            continue
        if name not in a or name not in b:
            found.append(name)
        elif name == "flops":
            if abs(a[name] - b[name]) / max(a[name], b[name]) > 0.05:
                found.append(name)
        elif a[name] != b[name]:
            found.append(name)
    return found


def confounders_by_items(a, b, varied):
    a, b = ({k: v for k, v in run.items() if k not in varied | {"seed", "exact"}} for run in (a, b))
    low, high = sorted((a["flops"], b["flops"]))
    if low >= 0.95 * high:
        a["flops"] = b["flops"] = high
    return {name for name, _ in a.items() ^ b.items()}


def confounders_all_that_differs(a, b, varied):
    return confounders_by_items(a, b, set())


def confounders_with_seed(a, b, varied):
    return confounders_by_items(a, b, varied) | {"seed" for _ in [0] if a["seed"] != b["seed"]}


def confounders_with_result(a, b, varied):
    return confounders_by_items(a, b, varied) | {"exact" for _ in [0] if a["exact"] != b["exact"]}


def confounders_exact_flops(a, b, varied):
    return {name for name in a.keys() | b.keys() if a.get(name) != b.get(name)} - varied - {"seed", "exact"}


def confounders_equal_steps(a, b, varied):
    return (
        confounders_by_items(a, b, varied | {"flops"})
        if "flops" in varied
        else confounders_by_items(a | {"flops": 1.0}, b | {"flops": 1.0}, varied)
    )


def confounders_fields_of_a(a, b, varied):
    return {name for name in confounders_by_items(a, b, varied) if name in a}


def confounders_that_agree(a, b, varied):
    return {name for name in a if a[name] == b.get(name)} - varied - {"seed", "exact"}


def confounders_first(a, b, varied):
    return confounders_in_a_loop(a, b, varied)[:1]


def confounders_as_text(a, b, varied):
    return ", ".join(confounders_in_a_loop(a, b, varied))


# --- find_the_flaws ---------------------------------------------------------------------------------------------------

FIELDS = {"parameters": "parameters", "data": "data", "ema": "ema", "rates_tried": "rates"}


def flaws_in_a_list(study, *, without: str | None = None, slack: float = 0.05, rounding: float = 1e-3) -> list[str]:
    flaws: list[str] = []
    scores: dict[str, Any] = {}
    for name in ("ours", "theirs"):
        scores[name] = np.array([run["exact"] for run in study[name]])
        if len(scores[name]) == 1:
            flaws.append("one seed")
        if not abs(study["reported"][name] - scores[name].mean()) <= rounding:
            flaws.append("best of seeds")
    if study["chosen_on"] == "test":
        flaws.append("chosen on test")
    gap = difference_interval(scores["theirs"], scores["ours"])
    if study["claim"] != "no difference" and (not gap or gap[0] <= 0 <= gap[1]):
        flaws.append("not separated")
    one, other = study["ours"][0], study["theirs"][0]
    low, high = sorted((one["flops"], other["flops"]))
    if (high - low) / high > slack and "flops" not in study["varied"]:
        flaws.append("compute")
    flaws += [flaw for name, flaw in FIELDS.items() if one[name] != other[name] and name not in study["varied"]]
    return [flaw for flaw in flaws if flaw != without]


def flaws_by_rules(study):
    def fields(name):
        return tuple(side[0][name] for side in (study["ours"], study["theirs"]))

    scores = [[run["exact"] for run in study[name]] for name in ("theirs", "ours")]
    interval = difference_interval(*scores) or (-1, 1)
    rules = {
        "one seed": min(map(len, scores)) < 2,
        "best of seeds": any(
            abs(np.mean(found) - study["reported"][name]) > 0.001
            for name, found in zip(("theirs", "ours"), scores, strict=True)
        ),
        "chosen on test": study["chosen_on"] == "test",
        "not separated": study["claim"] == "better" and interval[0] * interval[1] <= 0,
        "compute": min(fields("flops")) < 0.95 * max(fields("flops")) and "flops" not in study["varied"],
    }
    for name, flaw in FIELDS.items():
        rules[flaw] = len(set(fields(name))) == 2 and name not in study["varied"]
    return {flaw for flaw, found in rules.items() if found}


def flaws_without(flaw):
    return lambda study: set(flaws_in_a_list(study, without=flaw))


def flaws_mean_decides(study):
    found = set(flaws_in_a_list(study, without="not separated"))
    ours, theirs = ([run["exact"] for run in study[name]] for name in ("ours", "theirs"))
    return found | ({"not separated"} if np.mean(ours) <= np.mean(theirs) else set())


def flaws_all_parameters(study):
    differ = study["ours"][0]["parameters"] != study["theirs"][0]["parameters"]
    return set(flaws_in_a_list(study)) | ({"parameters"} if differ else set())


def flaws_all_ema(study):
    return set(flaws_in_a_list(study)) | ({"ema"} if study["ours"][0]["ema"] != study["theirs"][0]["ema"] else set())


def flaws_exact_compute(study):
    return flaws_in_a_list(study, slack=0.0)


def flaws_every_claim(study):
    return flaws_in_a_list(study | {"claim": "better"})


def flaws_exact_mean(study):
    return flaws_in_a_list(study, rounding=-1.0)


def flaws_every_field(study):
    found = set(flaws_in_a_list(study))
    return found | ({"data"} if study["ours"][0]["layers"] != study["theirs"][0]["layers"] else set())


def flaws_fields_named(study):
    return {flaw.replace("compute", "flops") for flaw in flaws_in_a_list(study)}


def flaws_the_first(study):
    found = flaws_in_a_list(study)
    return found[0] if found else None


ANSWERS = {
    "train_with_average": Answers(
        right=[average_in_a_second_model, average_of_the_library],
        wrong={
            "decay-on-the-wrong-side": average_decay_swapped,
            "before-the-step": average_too_early,
            "nothing-averaged": average_lerp_of_itself,
            "training-disturbed": average_shrinks_the_weights,
            "first-weights-lost": average_forgets_the_first,
            "starts-at-zero": average_from_zero,
            "gradients-add-up": average_gradients_pile_up,
            "buffers-missing": average_without_buffers,
            "buffers-averaged": average_of_everything,
            "buffers-of-the-start": average_with_old_buffers,
            "model-overwritten": average_loaded_into_the_model,
        },
    ),
    "without_the_start": Answers(
        right=[start_in_a_loop, start_in_numpy],
        wrong={
            "horizon-upside-down": start_horizon_of_decay,
            "one-step-early": start_one_early,
            "one-step-late": start_one_late,
            "straight-line": start_linear,
            "share-of-the-rest": start_the_rest,
            "start-not-subtracted": start_as_adam,
            "not-rescaled": start_not_rescaled,
        },
    ),
    "variant_cost": Answers(
        right=[cost_in_a_loop],
        wrong={
            "recursion-costs-weights": cost_recursion_as_weights,
            "layers-share-weights": cost_one_layer,
            "two-matrices": cost_two_matrices,
            "answer-update-forgotten": cost_without_y,
            "depth-of-the-gradient": cost_depth_of_gradient,
            "layers-not-in-depth": cost_depth_in_evaluations,
            "per-token": cost_per_token,
            "mixer-per-cell": cost_all_per_cell,
            "channels-per-channel": cost_all_per_channel,
            "adding-is-free": cost_multiplications,
            "backward-forgotten": cost_forward,
            "everything-backward": cost_all_backward,
            "only-the-last-recursion": cost_last_recursion,
        },
    ),
    "stop_training": Answers(
        right=[stop_in_a_loop, stop_by_sorting],
        wrong={
            "chosen-on-test": stop_on_test,
            "last-step": stop_last,
            "chosen-on-seen": stop_on_seen,
            "index-for-step": stop_index,
            "validation-reported": stop_reports_validation,
            "gap-to-validation": stop_gap_to_validation,
            "gap-turned-round": stop_negative_gap,
            "gap-at-the-end": stop_gap_at_end,
            "latest-of-equals": stop_latest,
        },
    ),
    "best_cells": Answers(
        right=[cells_in_a_loop],
        wrong={
            "budget-ignored": cells_any_price,
            "best-of-all-cells": cells_against_the_unpayable,
            "best-alone": cells_best_alone,
            "overlap-as-a-test": cells_overlap,
            "one-seed-separated": cells_need_seeds,
            "budget-not-used-up": cells_strictly_below,
            "all-that-can-be-paid": cells_all_payable,
            "order-of-the-means": cells_by_mean,
            "not-sorted": cells_as_they_come,
        },
    ),
    "confounders": Answers(
        right=[confounders_in_a_loop, confounders_by_items],
        wrong={
            "varied-called-a-flaw": confounders_all_that_differs,
            "seed-counted": confounders_with_seed,
            "result-counted": confounders_with_result,
            "rounding-counted": confounders_exact_flops,
            "compute-accepted": confounders_equal_steps,
            "one-side-only": confounders_fields_of_a,
            "what-agrees": confounders_that_agree,
            "first-one-only": confounders_first,
            "no-set-of-names": confounders_as_text,
        },
    ),
    "find_the_flaws": Answers(
        right=[flaws_in_a_list, flaws_by_rules],
        wrong={
            "best-of-seeds-missed": flaws_without("best of seeds"),
            "compute-missed": flaws_without("compute"),
            "parameters-missed": flaws_without("parameters"),
            "one-seed-missed": flaws_without("one seed"),
            "ema-missed": flaws_without("ema"),
            "tuning-missed": flaws_without("rates"),
            "data-missed": flaws_without("data"),
            "test-set-missed": flaws_without("chosen on test"),
            "not-separated-missed": flaws_mean_decides,
            "varied-parameters-called-a-flaw": flaws_all_parameters,
            "varied-ema-called-a-flaw": flaws_all_ema,
            "rounding-called-a-flaw": flaws_exact_compute,
            "honest-claim-called-a-flaw": flaws_every_claim,
            "mean-called-best": flaws_exact_mean,
            "false-alarm": flaws_every_field,
            "unknown-name": flaws_fields_named,
            "no-set-of-names": flaws_the_first,
        },
    ),
}
