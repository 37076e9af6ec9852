"""Lesson 11: what people hand in."""

from __future__ import annotations

import copy
import math
import statistics

import numpy as np
import torch

from answers import Answers

# --- learning_rate ----------------------------------------------------------------------------------------------------


def rate_with_numpy(step, base, warmup, total, min_ratio):
    if step < warmup:
        return float(np.interp(step, [0, warmup], [0, base]))
    angle = np.pi * np.clip((step - warmup) / (total - warmup), 0, 1)
    low, high = min_ratio * base, base
    return low + (high - low) * (1 + np.cos(angle)) / 2


def rate_as_a_product(step, base, warmup, total, min_ratio):
    rising = min(1.0, step / warmup) if warmup else 1.0
    done = min(max(step - warmup, 0), total - warmup) / (total - warmup)
    return torch.tensor(base * rising * (1 - (1 - min_ratio) * math.sin(math.pi * done / 2) ** 2), dtype=torch.float64)


def rate_no_warmup(step, base, warmup, total, min_ratio):
    progress = min(1.0, (step - warmup) / (total - warmup))
    return base * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * progress)))


def rate_flat(step, base, warmup, total, min_ratio):
    progress = max(0.0, min(1.0, (step - warmup) / (total - warmup)))
    return base * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * progress)))


def rate_one_ahead(step, base, warmup, total, min_ratio):
    if step < warmup:
        return base * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))
    return base * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * progress)))


def rate_always_warming(step, base, warmup, total, min_ratio):
    progress = max(0.0, min(1.0, (step - warmup) / (total - warmup)))
    falling = min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * progress))
    return base * min(1.0, step / max(1, warmup)) * falling


def rate_to_one(step, base, warmup, total, min_ratio):
    if step < warmup:
        return step / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))
    return base * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * progress)))


def rate_from_zero(step, base, warmup, total, min_ratio):
    if step < warmup:
        return base * step / warmup
    progress = min(1.0, step / total)
    return base * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * progress)))


def rate_up_again(step, base, warmup, total, min_ratio):
    if step < warmup:
        return base * step / warmup
    progress = (step - warmup) / (total - warmup)
    return base * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * progress)))


def rate_to_zero(step, base, warmup, total, min_ratio):
    if step < warmup:
        return base * step / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))
    return base * 0.5 * (1 + math.cos(math.pi * progress))


def rate_absolute_floor(step, base, warmup, total, min_ratio):
    if step < warmup:
        return base * step / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))
    return min_ratio + (base - min_ratio) * 0.5 * (1 + math.cos(math.pi * progress))


def rate_cut(step, base, warmup, total, min_ratio):
    if step < warmup:
        return base * step / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))
    return max(min_ratio * base, base * 0.5 * (1 + math.cos(math.pi * progress)))


def rate_added(step, base, warmup, total, min_ratio):
    if step < warmup:
        return base * step / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))
    return base * (min_ratio + 0.5 * (1 + math.cos(math.pi * progress)))


def rate_straight(step, base, warmup, total, min_ratio):
    if step < warmup:
        return base * step / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))
    return base * (1 - (1 - min_ratio) * progress)


def rate_without_pi(step, base, warmup, total, min_ratio):
    if step < warmup:
        return base * step / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))
    return base * (min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(progress)))


# --- training_step_flops ----------------------------------------------------------------------------------------------


def flops_by_products(B, S, D, W_cells, W, layers, T, n):
    swiglus = [(D, S, W_cells), (S, D, W)]  # vectors, how long, inner width
    one = 0
    for _ in range(layers):
        for vectors, size, width in swiglus:
            for inner, outer in ((size, width), (size, width), (width, size)):
                one += 2 * vectors * inner * outer
    total = 0
    for recursion in range(T):
        for _ in range(n + 1):
            total += one if recursion < T - 1 else 3 * one
    return B * total


def flops_as_float(B, S, D, W_cells, W, layers, T, n):
    return 6.0 * B * S * D * layers * (W_cells + W) * (n + 1) * (T + 2)


def one_evaluation(S, D, W_cells, W, layers):
    return layers * (6 * S * W_cells * D + 6 * D * W * S)


def flops_all_three(B, S, D, W_cells, W, layers, T, n):
    return B * 3 * T * (n + 1) * one_evaluation(S, D, W_cells, W, layers)


def flops_forward(B, S, D, W_cells, W, layers, T, n):
    return B * T * (n + 1) * one_evaluation(S, D, W_cells, W, layers)


def flops_backward_one(B, S, D, W_cells, W, layers, T, n):
    return B * (T + 1) * (n + 1) * one_evaluation(S, D, W_cells, W, layers)


def flops_macs(B, S, D, W_cells, W, layers, T, n):
    one = layers * (3 * S * W_cells * D + 3 * D * W * S)
    return B * one * ((T - 1) * (n + 1) + 3 * (n + 1))


def flops_n(B, S, D, W_cells, W, layers, T, n):
    return B * one_evaluation(S, D, W_cells, W, layers) * ((T - 1) * n + 3 * n)


def flops_batch_twice(B, S, D, W_cells, W, layers, T, n):
    one = B * one_evaluation(S, D, W_cells, W, layers)
    return B * one * ((T - 1) * (n + 1) + 3 * (n + 1))


def flops_one_puzzle(B, S, D, W_cells, W, layers, T, n):
    return one_evaluation(S, D, W_cells, W, layers) * ((T - 1) * (n + 1) + 3 * (n + 1))


def flops_two_matrices(B, S, D, W_cells, W, layers, T, n):
    one = layers * (2 * 2 * S * W_cells * D + 2 * 2 * D * W * S)
    return B * one * ((T - 1) * (n + 1) + 3 * (n + 1))


def flops_one_layer(B, S, D, W_cells, W, layers, T, n):
    return B * one_evaluation(S, D, W_cells, W, 1) * ((T - 1) * (n + 1) + 3 * (n + 1))


def flops_without_mixer(B, S, D, W_cells, W, layers, T, n):
    return B * layers * 6 * D * W * S * ((T - 1) * (n + 1) + 3 * (n + 1))


def flops_last_recursion(B, S, D, W_cells, W, layers, T, n):
    return B * one_evaluation(S, D, W_cells, W, layers) * 3 * (n + 1)


# --- optimizer_steps --------------------------------------------------------------------------------------------------


def steps_in_a_loop(epochs, puzzles, batch):
    steps, waiting = 0, 0
    for _ in range(epochs):
        waiting += puzzles
        steps += waiting // batch
        waiting %= batch
    return steps


def steps_with_floor(epochs, puzzles, batch):
    return math.floor(epochs * puzzles / batch)


# --- share_of_peak ----------------------------------------------------------------------------------------------------


def share_with_torch(flops, seconds, peak):
    return flops / (torch.tensor(seconds[1:], dtype=torch.float64).median() * peak)


def share_by_sorting(flops, seconds, peak):
    later = sorted(seconds[1:])
    return flops / later[len(later) // 2] / peak


def share_with_first(flops, seconds, peak):
    return flops / statistics.median(seconds) / peak


def share_with_first_lower(flops, seconds, peak):
    return flops / statistics.median_low(seconds) / peak


# --- hand_over --------------------------------------------------------------------------------------------------------


def over_by_file_like_copy(old, new):
    state = copy.deepcopy((old.model.state_dict(), old.optimizer.state_dict()))
    new.steps_done = old.steps_done
    new.generator.set_state(old.generator.get_state())
    new.carry = old.carry.clone()
    new.average.copy_(old.average)
    new.model.load_state_dict(state[0])
    new.optimizer.load_state_dict(state[1])


def over_by_new_parts(old, new):
    new.model = copy.deepcopy(old.model)
    new.optimizer = torch.optim.AdamW(new.model.parameters(), lr=0.0)
    new.optimizer.load_state_dict(copy.deepcopy(old.optimizer.state_dict()))
    new.generator = torch.Generator()
    new.generator.set_state(old.generator.get_state())
    new.average, new.carry, new.steps_done = old.average.clone(), old.carry.clone(), old.steps_done


def over_without_weights(old, new):
    new.optimizer.load_state_dict(copy.deepcopy(old.optimizer.state_dict()))
    new.generator.set_state(old.generator.get_state())
    new.average, new.carry, new.steps_done = old.average.clone(), old.carry.clone(), old.steps_done


def over_without_moments(old, new):
    new.model.load_state_dict(old.model.state_dict())
    new.generator.set_state(old.generator.get_state())
    new.average, new.carry, new.steps_done = old.average.clone(), old.carry.clone(), old.steps_done


def over_without_average(old, new):
    over_by_file_like_copy(old, new)
    new.average = type(new)(1).average


def over_with_new_average(old, new):
    over_by_file_like_copy(old, new)
    new.average = new.model.weight.detach().clone()


def over_without_step(old, new):
    over_by_file_like_copy(old, new)
    new.steps_done = 0


def over_without_generator(old, new):
    generator = new.generator.get_state()
    over_by_file_like_copy(old, new)
    new.generator.set_state(generator)


def over_with_global_generator(old, new):
    over_without_generator(old, new)
    torch.set_rng_state(torch.get_rng_state())


def over_reseeded(old, new):
    over_by_file_like_copy(old, new)
    new.generator.manual_seed(old.generator.initial_seed())


def over_without_carry(old, new):
    over_by_file_like_copy(old, new)
    new.carry = torch.zeros_like(old.carry)


def over_shared_moments(old, new):
    over_by_file_like_copy(old, new)
    new.optimizer.load_state_dict(old.optimizer.state_dict())


def over_other_model(old, new):
    over_by_file_like_copy(old, new)
    new.model = copy.deepcopy(old.model)


def over_with_other_settings(old, new):
    over_by_file_like_copy(old, new)
    optimizer = torch.optim.AdamW(new.model.parameters(), lr=0.1, betas=(0.9, 0.95))
    optimizer.state = new.optimizer.state
    new.optimizer = optimizer


def over_backwards(old, new):
    over_by_file_like_copy(new, old)


def over_with_a_step_of_old(old, new):
    old.step()
    over_by_file_like_copy(old, new)


# --- average_gradient -------------------------------------------------------------------------------------------------


def gradient_in_a_loop(gradients, counts):
    total = torch.zeros_like(gradients[0])
    for gradient, count in zip(gradients, counts, strict=True):
        total += gradient * count
    return total / sum(counts)


def gradient_with_shares(gradients, counts):
    shares = torch.tensor(counts, dtype=gradients[0].dtype) / sum(counts)
    return torch.einsum("p,p...->...", shares, torch.stack(gradients))


def weighted_sum(gradients, counts):
    return sum(g * c for g, c in zip(gradients, counts, strict=True))


ANSWERS = {
    "learning_rate": Answers(
        right=[rate_with_numpy, rate_as_a_product],
        wrong={
            "no-warmup": rate_no_warmup,
            "flat-warmup": rate_flat,
            "counted-from-one": rate_one_ahead,
            "warmup-of-nothing": rate_always_warming,
            "warmup-to-one": rate_to_one,
            "cosine-from-step-zero": rate_from_zero,
            "comes-up-again": rate_up_again,
            "ratio-ignored": rate_to_zero,
            "floor-is-no-ratio": rate_absolute_floor,
            "cut-at-the-floor": rate_cut,
            "added-to-the-floor": rate_added,
            "straight-line": rate_straight,
            "degrees": rate_without_pi,
        },
    ),
    "training_step_flops": Answers(
        right=[flops_by_products, flops_as_float],
        wrong={
            "three-for-all": flops_all_three,
            "forward-only": flops_forward,
            "backward-costs-one": flops_backward_one,
            "multiply-add-is-one": flops_macs,
            "n-evaluations": flops_n,
            "batch-twice": flops_batch_twice,
            "batch-missing": flops_one_puzzle,
            "two-matrices": flops_two_matrices,
            "one-layer": flops_one_layer,
            "mixer-forgotten": flops_without_mixer,
            "one-recursion": flops_last_recursion,
        },
    ),
    "optimizer_steps": Answers(
        right=[steps_in_a_loop, steps_with_floor],
        wrong={
            "rest-thrown-away": lambda epochs, puzzles, batch: epochs * (puzzles // batch),
            "rest-is-a-step": lambda epochs, puzzles, batch: epochs * -(-puzzles // batch),
            "rounded-up": lambda epochs, puzzles, batch: -(-epochs * puzzles // batch),
            "not-whole": lambda epochs, puzzles, batch: epochs * puzzles / batch,
            "epochs-are-steps": lambda epochs, puzzles, batch: epochs,
            "batch-forgotten": lambda epochs, puzzles, batch: epochs * puzzles,
            "times-supervision": lambda epochs, puzzles, batch: epochs * puzzles // batch * 16,
            "divided-by-supervision": lambda epochs, puzzles, batch: epochs * puzzles // batch // 16,
        },
    ),
    "share_of_peak": Answers(
        right=[share_with_torch, share_by_sorting],
        wrong={
            "first-step-counted": share_with_first,
            "mean-with-the-first": lambda flops, seconds, peak: flops / np.mean(seconds) / peak,
            "mean-instead-of-median": lambda flops, seconds, peak: flops / np.mean(seconds[1:]) / peak,
            "fastest-step": lambda flops, seconds, peak: flops / min(seconds[1:]) / peak,
            "upside-down": lambda flops, seconds, peak: peak * np.median(seconds[1:]) / flops,
            "percent": lambda flops, seconds, peak: 100 * flops / np.median(seconds[1:]) / peak,
            "rate-not-share": lambda flops, seconds, peak: flops / np.median(seconds[1:]),
            "peak-multiplied": lambda flops, seconds, peak: flops * np.median(seconds[1:]) / peak,
        },
    ),
    "hours_to_train": Answers(
        right=[
            lambda flops, steps, peak, share: steps / (share * peak / flops) / 60 / 60,
            lambda flops, steps, peak, share: np.float64(flops) * steps / peak / share / 3600,
        ],
        wrong={
            "share-inverted": lambda flops, steps, peak, share: flops * steps / peak * share / 3600,
            "share-forgotten": lambda flops, steps, peak, share: flops * steps / peak / 3600,
            "seconds": lambda flops, steps, peak, share: flops * steps / (peak * share),
            "minutes": lambda flops, steps, peak, share: flops * steps / (peak * share) / 60,
            "one-step": lambda flops, steps, peak, share: flops / (peak * share) / 3600,
            "backward-again": lambda flops, steps, peak, share: 3 * flops * steps / (peak * share) / 3600,
            "share-lost": lambda flops, steps, peak, share: flops * steps / (peak * (1 - share)) / 3600,
        },
    ),
    "hand_over": Answers(
        right=[over_by_file_like_copy, over_by_new_parts],
        wrong={
            "weights-forgotten": over_without_weights,
            "moments-forgotten": over_without_moments,
            "average-forgotten": over_without_average,
            "average-begins-anew": over_with_new_average,
            "settings-forgotten": over_with_other_settings,
            "step-forgotten": over_without_step,
            "generator-forgotten": over_with_global_generator,
            "generator-begins-again": over_reseeded,
            "carry-forgotten": over_without_carry,
            "shared-not-copied": over_shared_moments,
            "optimizer-of-other-weights": over_other_model,
            "wrong-direction": over_backwards,
            "old-loop-changed": over_with_a_step_of_old,
        },
    ),
    "average_gradient": Answers(
        right=[gradient_in_a_loop, gradient_with_shares],
        wrong={
            "sum": lambda gradients, counts: sum(gradients),
            "plain-mean": lambda gradients, counts: torch.stack(gradients).mean(0),
            "sum-over-puzzles": weighted_sum,
            "divided-by-processes": lambda gradients, counts: weighted_sum(gradients, counts) / len(counts),
            "divided-instead-of-weighted": lambda gradients, counts: sum(
                g / c for g, c in zip(gradients, counts, strict=True)
            ),
            "mean-of-the-means-again": lambda gradients, counts: sum(gradients) / sum(counts),
            "first-process-only": lambda gradients, counts: gradients[0],
            "over-the-weights": lambda gradients, counts: weighted_sum(gradients, counts).sum() / sum(counts),
        },
    ),
}
