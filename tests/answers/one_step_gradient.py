"""Lesson 05: what people hand in."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from answers import Answers

# --- residual ---------------------------------------------------------------------------------------------------------


def residual_in_a_loop(f, z, x):
    new = f(z, x)
    return torch.stack([torch.dist(b, a) / torch.linalg.vector_norm(a) for a, b in zip(z, new, strict=True)])


def residual_by_rows(f, z, x):
    change = (f(z, x) - z).reshape(len(z), -1)
    return change.norm(dim=-1) / z.reshape(len(z), -1).norm(dim=-1)


def residual_not_divided(f, z, x):
    return (f(z, x) - z).norm(dim=(1, 2))


def residual_by_the_new(f, z, x):
    new = f(z, x)
    return (new - z).flatten(1).norm(dim=1) / new.flatten(1).norm(dim=1)


def residual_by_x(f, z, x):
    return (f(z, x) - z).flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1)


def residual_of_the_batch(f, z, x):
    return (f(z, x) - z).norm() / z.norm()


def residual_same_for_all(f, z, x):
    return torch.full((len(z),), ((f(z, x) - z).norm() / z.norm()).item())


def residual_batch_below(f, z, x):
    return (f(z, x) - z).flatten(1).norm(dim=1) / z.norm()


def residual_by_position(f, z, x):
    return (f(z, x) - z).norm(dim=-1) / z.norm(dim=-1)


def residual_mean_of_positions(f, z, x):
    return ((f(z, x) - z).norm(dim=-1) / z.norm(dim=-1)).mean(dim=-1)


def residual_squared(f, z, x):
    return (f(z, x) - z).square().sum((1, 2)) / z.square().sum((1, 2))


def residual_against_x(f, z, x):
    return (z - x).flatten(1).norm(dim=1) / z.flatten(1).norm(dim=1)


def residual_swapped(f, z, x):
    return (f(x, z) - z).flatten(1).norm(dim=1) / z.flatten(1).norm(dim=1)


def residual_new_against_x(f, z, x):
    return (f(z, x) - x).flatten(1).norm(dim=1) / z.flatten(1).norm(dim=1)


def residual_in_place(f, z, x):
    old = z.flatten(1).norm(dim=1)
    z -= f(z, x)
    return z.flatten(1).norm(dim=1) / old


# --- exact_gradient_at_fixed_point ------------------------------------------------------------------------------------


def exact_by_series(A, c):
    total, term = torch.zeros_like(c), c
    for _ in range(500):
        total, term = total + term, A.T @ term
    return total


def exact_by_autograd(A, c):
    b = torch.zeros_like(c, requires_grad=True)
    z = torch.zeros_like(c)
    for _ in range(500):
        z = A @ z + b
    return torch.autograd.grad(c @ z, b)[0]


def exact_one_step(A, c):
    return c.clone()


def exact_two_steps(A, c):
    return (torch.eye(len(A)) + A).T @ c


def exact_transposed(A, c):
    return torch.linalg.inv(torch.eye(len(A)) - A) @ c


def exact_plus(A, c):
    return torch.linalg.inv(torch.eye(len(A)) + A).T @ c


def exact_not_inverted(A, c):
    return (torch.eye(len(A)) - A).T @ c


# --- cosine -----------------------------------------------------------------------------------------------------------


def cosine_of_sums(a, b):
    dot = aa = bb = 0.0
    for p, q in zip(a, b, strict=True):
        dot += (p * q).sum()
        aa += p.pow(2).sum()
        bb += q.pow(2).sum()
    return float(dot / (aa * bb) ** 0.5)


def cosine_in_numpy(a, b):
    u, v = (np.concatenate([t.numpy().ravel() for t in tensors]) for tensors in (a, b))
    return u @ v / np.linalg.norm(u) / np.linalg.norm(v)


def cosine_mean(a, b):
    return torch.stack([F.cosine_similarity(p.flatten(), q.flatten(), dim=0) for p, q in zip(a, b, strict=True)]).mean()


def cosine_weighted_mean(a, b):
    each = [F.cosine_similarity(p.flatten(), q.flatten(), dim=0) * p.numel() for p, q in zip(a, b, strict=True)]
    return sum(each) / sum(p.numel() for p in a)


def cosine_without_sign(a, b):
    return abs(cosine_of_sums(a, b))


def cosine_squared(a, b):
    dot = sum((p * q).sum() for p, q in zip(a, b, strict=True))
    return dot**2 / (sum((p**2).sum() for p in a) * sum((q**2).sum() for q in b))


def cosine_without_roots(a, b):
    dot = sum((p * q).sum() for p, q in zip(a, b, strict=True))
    return dot / (sum((p**2).sum() for p in a) * sum((q**2).sum() for q in b))


def cosine_not_divided(a, b):
    return sum((p * q).sum() for p, q in zip(a, b, strict=True))


def cosine_lengths_added(a, b):
    dot = sum((p * q).sum() for p, q in zip(a, b, strict=True))
    return dot / sum(p.norm() * q.norm() for p, q in zip(a, b, strict=True))


# --- one_step_gradient ------------------------------------------------------------------------------------------------


def one_step_by_detach(net, x, y, z, n):
    for _ in range(n):
        z = net(z.detach(), y + x)
    return net(y, z), z


def one_step_by_mode(net, x, y, z, n):
    for i in range(n):
        with torch.set_grad_enabled(i == n - 1):
            z = net(z, y + x)
    y = net(y, z)
    return [y, z]


def one_step_full(net, x, y, z, n):
    for _ in range(n):
        z = net(z, y + x)
    y = net(y, z)
    return y, z


def one_step_no_grad(net, x, y, z, n):
    with torch.no_grad():
        for _ in range(n):
            z = net(z, y + x)
        y = net(y, z)
    return y, z


def one_step_left_off(net, x, y, z, n):
    torch.set_grad_enabled(False)
    for _ in range(n - 1):
        z = net(z, y + x)
    z = net(z, y + x)
    y = net(y, z)
    return y, z


def one_step_wrong_state(net, x, y, z, n):
    for _ in range(n):
        z = net(z, y + x)
    y = net(y, z.detach())
    return y, z


def one_step_two_updates(net, x, y, z, n):
    with torch.no_grad():
        for _ in range(n - 2):
            z = net(z, y + x)
    for _ in range(min(n, 2)):
        z = net(z, y + x)
    return net(y, z), z


def one_step_too_many(net, x, y, z, n):
    with torch.no_grad():
        for _ in range(n):
            z = net(z, y + x)
    z = net(z, y + x)
    y = net(y, z)
    return y, z


def one_step_with_x(net, x, y, z, n):
    with torch.no_grad():
        for _ in range(n - 1):
            z = net(z, y + x)
    z = net(z, y + x)
    return net(y, z + x), z


def one_step_swapped(net, x, y, z, n):
    return tuple(reversed(one_step_by_detach(net, x, y, z, n)))


def one_step_only_y(net, x, y, z, n):
    return one_step_by_detach(net, x, y, z, n)[0]


def one_step_z_detached(net, x, y, z, n):
    y, z = one_step_by_detach(net, x, y, z, n)
    return y, z.detach()


# --- deep_recursion ---------------------------------------------------------------------------------------------------


def deep_by_detach(recursion, x, y, z, T):
    for _ in range(T):
        y, z = recursion(x, y.detach(), z.detach())
    return (y.detach(), z.detach()), y


def deep_by_mode(recursion, x, y, z, T):
    for i in range(T):
        with torch.set_grad_enabled(i + 1 == T):
            y, z = recursion(x=x, y=y, z=z)
    answer = y
    return [y.detach(), z.detach()], answer


def deep_through_all(recursion, x, y, z, T):
    for _ in range(T):
        y, z = recursion(x, y, z)
    return (y.detach(), z.detach()), y


def deep_no_grad(recursion, x, y, z, T):
    with torch.no_grad():
        for _ in range(T):
            y, z = recursion(x, y, z)
    return (y, z), y


def deep_carry_attached(recursion, x, y, z, T):
    with torch.no_grad():
        for _ in range(T - 1):
            y, z = recursion(x, y, z)
    y, z = recursion(x, y, z)
    return (y, z), y


def deep_only_y_detached(recursion, x, y, z, T):
    with torch.no_grad():
        for _ in range(T - 1):
            y, z = recursion(x, y, z)
    y, z = recursion(x, y, z)
    return (y.detach(), z), y


def deep_too_many(recursion, x, y, z, T):
    with torch.no_grad():
        for _ in range(T):
            y, z = recursion(x, y, z)
    y, z = recursion(x, y, z)
    return (y.detach(), z.detach()), y


def deep_too_few(recursion, x, y, z, T):
    with torch.no_grad():
        for _ in range(T - 2):
            y, z = recursion(x, y, z)
    y, z = recursion(x, y, z)
    return (y.detach(), z.detach()), y


def deep_from_the_start(recursion, x, y, z, T):
    with torch.no_grad():
        for _ in range(T - 1):
            recursion(x, y, z)
    y, z = recursion(x, y, z)
    return (y.detach(), z.detach()), y


def deep_without_carry(recursion, x, y, z, T):
    with torch.no_grad():
        for _ in range(T - 1):
            y, z = recursion(x, y, z)
    return recursion(x, y, z)


def deep_answer_detached(recursion, x, y, z, T):
    with torch.no_grad():
        for _ in range(T - 1):
            y, z = recursion(x, y, z)
    y, z = recursion(x, y, z)
    y, z = y.detach(), z.detach()
    return (y, z), y


# --- saved_evaluations ------------------------------------------------------------------------------------------------


def saved(last=lambda T, n: n + 1, one=lambda T, n: 2, every=lambda T, n: T * (n + 1)):
    def saved_evaluations(T, n, gradient):
        if gradient == "one":
            return one(T, n)
        return last(T, n) if gradient == "last" else every(T, n)

    return saved_evaluations


def saved_by_counting(T, n, gradient):
    count = 0
    for recursion in range(T):
        for update in range(n + 1):
            last = recursion == T - 1
            count += {"one": last and update >= n - 1, "last": last, "all": True}[gradient]
    return count


ANSWERS = {
    "residual": Answers(
        right=[residual_in_a_loop, residual_by_rows],
        wrong={
            "not-divided": residual_not_divided,
            "divided-by-the-new": residual_by_the_new,
            "divided-by-x": residual_by_x,
            "arguments-swapped": residual_swapped,
            "whole-batch": residual_of_the_batch,
            "same-for-all": residual_same_for_all,
            "batch-below-the-line": residual_batch_below,
            "by-position": residual_by_position,
            "mean-of-positions": residual_mean_of_positions,
            "squared": residual_squared,
            "compared-with-x": residual_against_x,
            "new-against-x": residual_new_against_x,
            "input-changed": residual_in_place,
        },
    ),
    "exact_gradient_at_fixed_point": Answers(
        right=[exact_by_series, exact_by_autograd],
        wrong={
            "one-step": exact_one_step,
            "two-steps": exact_two_steps,
            "transposed": exact_transposed,
            "plus-instead-of-minus": exact_plus,
            "not-inverted": exact_not_inverted,
        },
    ),
    "cosine": Answers(
        right=[cosine_of_sums, cosine_in_numpy],
        wrong={
            "mean-of-cosines": cosine_mean,
            "weighted-mean-of-cosines": cosine_weighted_mean,
            "sign-lost": cosine_without_sign,
            "squared": cosine_squared,
            "not-rooted": cosine_without_roots,
            "not-divided": cosine_not_divided,
            "lengths-added": cosine_lengths_added,
        },
    ),
    "one_step_gradient": Answers(
        right=[one_step_by_detach, one_step_by_mode],
        wrong={
            "full-gradient": one_step_full,
            "no-gradient-at-all": one_step_no_grad,
            "gradient-left-off": one_step_left_off,
            "last-z-cut": one_step_wrong_state,
            "two-updates-of-z": one_step_two_updates,
            "one-update-too-many": one_step_too_many,
            "x-in-the-answer": one_step_with_x,
            "swapped": one_step_swapped,
            "no-pair": one_step_only_y,
            "z-detached-on-return": one_step_z_detached,
        },
    ),
    "deep_recursion": Answers(
        right=[deep_by_detach, deep_by_mode],
        wrong={
            "gradient-through-all": deep_through_all,
            "answer-never-attached": deep_no_grad,
            "carry-not-detached": deep_carry_attached,
            "only-one-state-detached": deep_only_y_detached,
            "one-recursion-too-many": deep_too_many,
            "one-recursion-too-few": deep_too_few,
            "always-from-the-start": deep_from_the_start,
            "no-carry": deep_without_carry,
            "answer-detached": deep_answer_detached,
        },
    ),
    "saved_evaluations": Answers(
        right=[saved(), saved_by_counting],
        wrong={
            "all-recursions": saved(last=lambda T, n: T * (n + 1)),
            "answer-forgotten": saved(last=lambda T, n: n),
            "the-last-update-only": saved(last=lambda T, n: 1),
            "one-step-for-last": saved(last=lambda T, n: 2),
            "one-is-one": saved(one=lambda T, n: 1),
            "one-in-each-recursion": saved(one=lambda T, n: 2 * T),
            "answers-forgotten": saved(every=lambda T, n: T * n),
            "answer-counted-once": saved(every=lambda T, n: T * n + 1),
        },
    ),
}
