"""Checks of lesson 05: residuals, the gradient at a fixed point, and what is cut out of a recursion's gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from trm_edu.checks.teacher import Mistake, judge, passed, refuse, run

__all__ = [
    "residual",
    "exact_gradient_at_fixed_point",
    "cosine",
    "one_step_gradient",
    "deep_recursion",
    "saved_evaluations",
]


def draw(*shape: int, seed: int) -> Tensor:
    """Normal numbers from a generator of their own."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def lengths(tensor: Tensor) -> Tensor:
    """The length of each puzzle's whole state [B]."""
    return tensor.flatten(1).square().sum(1).sqrt()


def residual(answer: Callable[[Callable, Tensor, Tensor], Tensor]) -> None:
    """|f(z, x) - z| / |z|, a number for each puzzle."""

    def half_way(z: Tensor, x: Tensor) -> Tensor:
        return z / 2 + x

    for count, cells, width in ((3, 2, 4), (2, 5, 3)):
        z, x = draw(count, cells, width, seed=count), draw(count, cells, width, seed=count + 10)
        z = z * torch.arange(1, count + 1).view(-1, 1, 1)  # puzzles of different sizes
        new = half_way(z, x)
        right = lengths(new - z) / lengths(z)
        by_position = (new - z).norm(dim=-1) / z.norm(dim=-1)
        whole = (new - z).norm() / z.norm()
        judge(
            run(answer, half_way, z, x),
            right,
            given=f"residual(f, z, x) with f(z, x) = z / 2 + x and z of shape {list(z.shape)}",
            mistakes=[
                Mistake(
                    "not-divided",
                    lengths(new - z),
                    "This is the size of the change itself, not yet relative to z.",
                    "A change of 1 is much for a short z and little for a long one: divide by the length of z.",
                ),
                Mistake(
                    "divided-by-the-new",
                    lengths(new - z) / lengths(new),
                    "The change was divided by the length of f(z, x).",
                    "The question is how far z moves compared with where it stood: the old z goes below the line.",
                ),
                Mistake(
                    "divided-by-x",
                    lengths(new - z) / lengths(x),
                    "The change was divided by the length of x.",
                    "x is the question. Which state moved, and how long was that one?",
                ),
                Mistake(
                    "arguments-swapped",
                    lengths(half_way(x, z) - z) / lengths(z),
                    "f was called with x first.",
                    "f(z, x): the state that is renewed comes first, then the question.",
                ),
                Mistake(
                    "whole-batch",
                    whole,
                    "All puzzles became one number.",
                    "One puzzle may be at rest while another moves: flatten all axes but the first.",
                ),
                Mistake(
                    "same-for-all",
                    whole.expand(count),
                    "Every puzzle got the same number: that of the whole batch.",
                    "Take the length along one axis, after flattening each puzzle to a row.",
                ),
                Mistake(
                    "batch-below-the-line",
                    lengths(new - z) / z.norm(),
                    "The change of one puzzle was divided by the length of the whole batch.",
                    "Both lengths must be those of the same puzzle.",
                ),
                Mistake(
                    "by-position",
                    by_position,
                    "There is a number for each position, not one for each puzzle.",
                    "The state of a puzzle is all its positions together: one long vector of S x D numbers.",
                ),
                Mistake(
                    "mean-of-positions",
                    by_position.mean(1),
                    "You took the residual of each position, then the mean over the positions.",
                    "First the two lengths over all numbers of a puzzle, then one division: a mean of ratios differs.",
                ),
                Mistake(
                    "squared",
                    right.square(),
                    "This is the square of the residual.",
                    "A length is the root of the sum of squares. Is a root missing?",
                ),
                Mistake(
                    "compared-with-x",
                    lengths(z - x) / lengths(z),
                    "You compared z with x.",
                    "A fixed point is a z that f leaves where it is. Which two states have to be compared?",
                ),
                Mistake(
                    "new-against-x",
                    lengths(new - x) / lengths(z),
                    "You compared f(z, x) with x.",
                    "f renews z, not x: what has to be taken away from f(z, x)?",
                ),
            ],
            where="By hand, with one puzzle of one number: z = 4 and f(z, x) = 5 give 1 / 4.",
        )
    passed("residual", "two batches of different shapes, with puzzles of different sizes")


def exact_gradient_at_fixed_point(answer: Callable[[Tensor, Tensor], Tensor]) -> None:
    """(I - A^T)^-1 c: what the loss c . z* has for a gradient with respect to b, where z* = A z* + b."""
    for A, c in (
        (torch.tensor([[0.5, 0.25], [0.0, 0.5]]), torch.tensor([1.0, 0.0])),
        (0.25 * draw(3, 3, seed=3).float(), draw(3, seed=4).float()),
        (torch.tensor([[0.9]]), torch.tensor([2.0])),
    ):
        one = torch.eye(len(c))
        judge(
            run(answer, A, c),
            torch.linalg.solve(one - A.T, c),
            given=f"exact_gradient_at_fixed_point(A, c) with A = {A.tolist()} and c = {c.tolist()}",
            mistakes=[
                Mistake(
                    "one-step",
                    c,
                    "This is the one-step gradient: the inverse was replaced by I.",
                    "b is added at every step, not only at the last one. What do the earlier steps contribute?",
                ),
                Mistake(
                    "two-steps",
                    c + A.T @ c,
                    "I + A is only the beginning of the series: these are the last two steps.",
                    "The series goes on without end: I + A + A A + ... Which matrix is that?",
                ),
                Mistake(
                    "transposed",
                    torch.linalg.solve(one - A, c),
                    "The inverse is the right one, but it acts from the wrong side.",
                    "This is how z* itself follows from b. A gradient walks backwards: A is transposed.",
                ),
                Mistake(
                    "plus-instead-of-minus",
                    torch.linalg.solve(one + A.T, c),
                    "The inverse of I + A was used.",
                    "z* = A z* + b. Bring A z* to the other side, and look at its sign.",
                ),
                Mistake(
                    "not-inverted",
                    c - A.T @ c,
                    "I - A was applied, and not its inverse.",
                    "With one number: 1 / (1 - a), and not 1 - a. In more dimensions, solve a linear system.",
                ),
            ],
            where="Try one number first: A = [[0.9]], c = [2] gives 2 / (1 - 0.9) = 20.",
            tolerance=1e-4,
        )
    passed("exact_gradient_at_fixed_point", "2, 3 and 1 numbers, with matrices that are not symmetric")


def cosine(answer: Callable[[list[Tensor], list[Tensor]], Any]) -> None:
    """The cosine of two gradients, each a list of tensors, taken as one long vector."""
    a = [torch.tensor([[3.0, 0.0], [0.0, 4.0]]), torch.tensor([1.0, 2.0, 2.0])]
    b = [torch.tensor([[0.0, 5.0], [0.0, -12.0]]), torch.tensor([2.0, 1.0, -2.0])]
    long = ([draw(4, 3, seed=1), 10 * draw(2, seed=2), draw(1, 2, 2, seed=3)], [draw(4, 3, seed=4)])
    long[1].extend([draw(2, seed=5), 5 * draw(1, 2, 2, seed=6)])
    for first, second, name in (
        (a, b, "two tensors each"),
        (*long, "three tensors each, of different sizes"),
        (a, [-t for t in a], "b = -a, the opposite direction"),
    ):
        dots = [(p * q).sum() for p, q in zip(first, second, strict=True)]
        u, v = (torch.cat([t.flatten() for t in tensors]) for tensors in (first, second))
        each = [dot / (p.norm() * q.norm()) for dot, p, q in zip(dots, first, second, strict=True)]
        right = sum(dots) / (u.norm() * v.norm())
        sizes = torch.tensor([float(t.numel()) for t in first])
        judge(
            number_of(run(answer, first, second)),
            right.item(),
            given=f"cosine(a, b) with {name}",
            mistakes=[
                Mistake(
                    "mean-of-cosines",
                    torch.stack(each).mean().item(),
                    "This is the mean of the cosines of the single tensors.",
                    "A small tensor then counts as much as a large one. Make one long vector of each list first.",
                ),
                Mistake(
                    "weighted-mean-of-cosines",
                    ((torch.stack(each) * sizes).sum() / sizes.sum()).item(),
                    "This is a mean of the cosines of the single tensors, weighted by their sizes.",
                    "What counts is how long each part of the gradient is. Join the tensors, then take one cosine.",
                ),
                Mistake(
                    "sign-lost",
                    right.abs().item(),
                    "The sign is lost: gradients that point in opposite ways should give -1.",
                    "Look for an absolute value, or for a square with a root after it.",
                ),
                Mistake(
                    "squared",
                    right.square().item(),
                    "This is the square of the cosine.",
                    "The dot product stands above the line once, as it is: its sign tells towards from away.",
                ),
                Mistake(
                    "not-rooted",
                    (sum(dots) / (u.norm() * v.norm()).square()).item(),
                    "You divided by the squares of the lengths.",
                    "Below the line stand two lengths, each the root of a sum of squares.",
                ),
                Mistake(
                    "not-divided",
                    sum(dots).item(),
                    "This is the dot product: it grows with the gradients.",
                    "A direction has no size. What must the dot product be divided by?",
                ),
                Mistake(
                    "lengths-added",
                    (sum(dots) / sum(p.norm() * q.norm() for p, q in zip(first, second, strict=True))).item(),
                    "The lengths were added up tensor by tensor.",
                    "The length of a joined vector is the root of ALL its squares: squares are added, lengths not.",
                ),
            ],
            where="By hand: [3], [4] against [3], [-4] is (9 - 16) / (5 x 5) = -0.28.",
            tolerance=1e-4,
        )
    passed("cosine", "two and three tensors of different sizes, and opposite gradients")


def number_of(value: Any) -> Any:
    """A tensor or array that holds a single number, as that number."""
    return value.item() if getattr(value, "shape", None) in ((), (1,)) else value


class Think(nn.Module):
    """A network of one matrix that keeps a record of its calls."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(0.5 * draw(width, width, seed=8))
        self.calls = 0

    def forward(self, state: Tensor, injected: Tensor) -> Tensor:
        self.calls += 1
        return torch.tanh((state + injected) @ self.weight)


def latent(net: Think, x: Tensor, y: Tensor, z: Tensor, keep: list[bool]) -> tuple[Tensor, Tensor]:
    """len(keep) - 1 updates of z and one of y. keep: which of them carry a gradient; one that does not is detached."""
    for kept in keep[:-1]:
        z = net(z, y + x)
        z = z if kept else z.detach()
    y = net(y, z)
    return (y if keep[-1] else y.detach()), z


def weight_gradient(net: Think, y: Tensor) -> Tensor:
    """The gradient of sum(y * y) / 2 for the one matrix."""
    (found,) = torch.autograd.grad(y.square().sum() / 2, net.weight)
    return found


def is_pair(result: Any) -> bool:
    return isinstance(result, tuple | list) and len(result) == 2 and all(isinstance(t, Tensor) for t in result)


def one_step_gradient(answer: Callable[..., tuple[Tensor, Tensor]]) -> None:
    """A latent recursion whose gradient passes through the last update of z and that of y."""
    with torch.enable_grad():
        for n in (4, 2, 1):
            net, given = Think(3), f"one_step_gradient(net, x, y, z, n={n})"
            x, y, z = (draw(2, 3, seed=seed) for seed in (1, 2, 3))
            mine = net, x, y, z
            right = latent(*mine, [*[False] * (n - 1), True, True])
            net.calls = 0
            result = run(answer, *mine, n)
            if not is_pair(result):
                refuse(
                    "no-pair",
                    "Two tensors should come back: the new y and the new z.",
                    "The last line of your function: `return y, z`.",
                    given=given,
                    yours=result,
                    expected=right,
                )
            if torch.is_grad_enabled() is False:
                refuse(
                    "gradient-left-off",
                    "Your function leaves gradients switched off behind it.",
                    "Use `with torch.no_grad():`, which switches them on again at its end.",
                    given=given,
                    yours="off",
                    expected="on",
                )
            judge(
                result,
                right,
                given=given + ": the values (y, z)",
                mistakes=[
                    Mistake(
                        "one-update-too-many",
                        latent(*mine, [True] * (n + 2)),
                        "z was updated n + 1 times.",
                        "n updates in all: how many without gradient, if the last one has its own line?",
                    ),
                    Mistake(
                        "x-in-the-answer",
                        answered_with_x(*mine, n),
                        "x went into the update of y.",
                        "The answer update sees y and z only: that is how one network knows which part it plays.",
                    ),
                    Mistake(
                        "swapped",
                        (right[1], right[0]),
                        "y and z came back in the wrong order.",
                        "The stub says: y first, then z.",
                    ),
                ],
                where="Follow it with one number and a network that takes the mean of its inputs.",
            )
            found = result[0]
            if not found.requires_grad:
                refuse(
                    "no-gradient-at-all",
                    "No gradient arrives at the weights: the graph is cut behind y.",
                    "The last update of z and the update of y must stand outside of `no_grad`, and y stays attached.",
                    given=given,
                    yours="y.requires_grad is False",
                    expected="y.requires_grad is True",
                )
            every = [True] * (n + 1)
            judge(
                weight_gradient(net, found),
                weight_gradient(net, right[0]),
                given=given + ": the gradient of the weights",
                mistakes=[
                    Mistake(
                        "full-gradient",
                        weight_gradient(net, latent(*mine, every)[0]),
                        "The gradient passes through all n updates of z.",
                        "All updates of z but the last must leave no graph behind.",
                    ),
                    Mistake(
                        "last-z-cut",
                        weight_gradient(net, latent(*mine, [*[False] * n, True])[0]),
                        "Only the update of y has a gradient: the z that it reads was cut off.",
                        "One update of each state keeps its graph. Which line made the z that y reads?",
                    ),
                    Mistake(
                        "two-updates-of-z",
                        weight_gradient(net, latent(*mine, [*[False] * max(0, n - 2), *every[:3]][-n - 1 :])[0]),
                        "The gradient passes through the last two updates of z.",
                        "Count the updates under `no_grad`: n - 1 of them.",
                    ),
                ],
                where="The values are right. Which evaluations stand inside of `no_grad`, or behind a `detach`?",
            )
            if not result[1].requires_grad:
                refuse(
                    "z-detached-on-return",
                    "The z that comes back carries no gradient, although its last update had one.",
                    "Whoever calls you decides about the carry: give back z as its last update made it.",
                    given=given,
                    yours="z.requires_grad is False",
                    expected="z.requires_grad is True",
                )
    passed("one_step_gradient", "n = 4, 2 and 1: values, and the gradient of the weights")


def answered_with_x(net: Think, x: Tensor, y: Tensor, z: Tensor, n: int) -> tuple[Tensor, Tensor]:
    for _ in range(n):
        z = net(z, y + x)
    return net(y, z + x), z


def deep_recursion(answer: Callable[..., tuple[tuple[Tensor, Tensor], Tensor]]) -> None:
    """T recursions, the last one with gradient; a detached carry, and the answer as the heads need it."""
    with torch.enable_grad():
        for T in (3, 1, 2):
            net, given = Think(3), f"deep_recursion(recursion, x, y, z, T={T})"
            x, y, z = (draw(2, 3, seed=seed) for seed in (1, 2, 3))

            gradients: list[bool] = []  # was it switched on, at each call?

            def recursion(
                x: Tensor, y: Tensor, z: Tensor, net: Think = net, seen: list[bool] = gradients
            ) -> tuple[Tensor, Tensor]:
                seen.append(torch.is_grad_enabled())
                return latent(net, x, y, z, [True, True, True])

            states = unrolled(recursion, x, y, z, T + 1, cut=True)
            right = states[T]
            expected = ((right[0].detach(), right[1].detach()), right[0])
            gradients.clear()
            result = run(answer, recursion, x, y, z, T)
            if not (isinstance(result, tuple | list) and len(result) == 2 and is_pair(result[0])):
                refuse(
                    "no-carry",
                    "Two things should come back: the carry, which is a pair (y, z), and the answer.",
                    "First the pair for the next supervision step, then the y that the heads read.",
                    given=given,
                    yours=result,
                    expected=expected,
                )
            given_values = given + ": the values ((y, z), answer)"
            more, fewer = states[T + 1], states[T - 1]
            judge(
                result,
                expected,
                given=given_values,
                mistakes=[
                    Mistake(
                        "one-recursion-too-many",
                        ((more[0], more[1]), more[0]),
                        "There were T + 1 recursions.",
                        "T in all: the last one, and how many before it?",
                    ),
                    Mistake(
                        "one-recursion-too-few",
                        ((fewer[0], fewer[1]), fewer[0]),
                        "There were T - 1 recursions.",
                        "After those without gradient, one more is made, with gradient.",
                    ),
                    Mistake(
                        "always-from-the-start",
                        ((states[1][0], states[1][1]), states[1][0]),
                        "Only one recursion has an effect: each one began with the same y and z.",
                        "Give the y and z that came out of a recursion to the next one.",
                    ),
                ],
                where="Follow it with a recursion that adds 1 to y and to z.",
            )
            carry, found = result
            if not found.requires_grad:
                values = {
                    "given": given,
                    "yours": "answer.requires_grad is False",
                    "expected": "answer.requires_grad is True",
                }
                if gradients[-1]:
                    refuse(
                        "answer-detached",
                        "The answer was cut off after the last recursion, so that nothing can be learned from it.",
                        "Detach what goes into the carry, and give y to the heads as the last recursion made it.",
                        **values,
                    )
                refuse(
                    "answer-never-attached",
                    "Even the last recursion ran without gradient, so that nothing can be learned.",
                    "How far does your `no_grad` block reach? T - 1 recursions belong into it.",
                    **values,
                )
            attached = [state.requires_grad for state in carry]
            if all(attached):
                refuse(
                    "carry-not-detached",
                    "The carry still hangs on the graph: the next supervision step would reach back into this one.",
                    "`detach` gives the same numbers without their history.",
                    given=given,
                    yours=f"y and z of the carry require a gradient: {attached}",
                    expected=f"y and z of the carry require a gradient: {[False, False]}",
                )
            if any(attached):
                refuse(
                    "only-one-state-detached",
                    "One state of the carry is detached, the other one still hangs on the graph.",
                    "Both y and z go into the next supervision step: either can carry a gradient back.",
                    given=given,
                    yours=f"y and z of the carry require a gradient: {attached}",
                    expected=f"y and z of the carry require a gradient: {[False, False]}",
                )
            full = unrolled(recursion, x, y, z, T, cut=False)[T][0]
            judge(
                weight_gradient(net, found),
                weight_gradient(net, right[0]),
                given=given + ": the gradient of the weights",
                mistakes=[
                    Mistake(
                        "gradient-through-all",
                        weight_gradient(net, full),
                        "The gradient passes through all T recursions.",
                        "The first T - 1 recursions must leave no graph behind.",
                    )
                ],
                where="The values are right. Which recursions stand inside of `no_grad`?",
            )
    passed("deep_recursion", "T = 3, 1 and 2: values, the gradient of the weights, and the carry")


def unrolled(recursion: Callable, x: Tensor, y: Tensor, z: Tensor, count: int, cut: bool) -> list[tuple]:
    """The states after 0 to `count` recursions. cut: each began from detached states."""
    states = [(y, z)]
    for _ in range(count):
        y, z = states[-1]
        states.append(recursion(x, y.detach(), z.detach()) if cut else recursion(x, y, z))
    return states


def saved_evaluations(answer: Callable[[int, int, str], int]) -> None:
    """How many evaluations of the network keep their activations for the backward pass."""
    for T, n in ((3, 6), (2, 2), (1, 1), (4, 3)):
        right = {"last": n + 1, "one": 2, "all": T * (n + 1)}
        mistakes = {
            "last": [
                Mistake(
                    "all-recursions",
                    T * (n + 1),
                    "You counted the evaluations of all T recursions.",
                    "All of them are computed, but T - 1 recursions run without gradient and keep nothing.",
                ),
                Mistake(
                    "answer-forgotten",
                    n,
                    "You counted the updates of z, and not the update of y.",
                    "A recursion is n updates of z and one of y: each is an evaluation of the network.",
                ),
                Mistake(
                    "the-last-update-only",
                    1,
                    "You counted the very last evaluation alone.",
                    'That is less than any of the three keeps. "last" means the last recursion, all of it.',
                ),
                Mistake(
                    "one-step-for-last",
                    2,
                    "This is what the one-step gradient keeps.",
                    '"last" is TRM: the whole last recursion has a gradient.',
                ),
            ],
            "one": [
                Mistake(
                    "one-is-one",
                    1,
                    "One step was counted as one evaluation.",
                    "The one-step gradient keeps one update of EACH state: the last of z, and that of y.",
                ),
                Mistake(
                    "one-in-each-recursion",
                    2 * T,
                    "You counted two evaluations in each of the T recursions.",
                    "Only in the last recursion. The others run without gradient from beginning to end.",
                ),
            ],
            "all": [
                Mistake(
                    "answers-forgotten",
                    T * n,
                    "You counted T times n: the updates of y are missing.",
                    "Each of the T recursions ends with an update of y.",
                ),
                Mistake(
                    "answer-counted-once",
                    T * n + 1,
                    "y was counted once for the whole supervision step.",
                    "y is renewed at the end of each recursion: T times.",
                ),
            ],
        }
        for gradient, expected in right.items():
            judge(
                number_of(run(answer, T, n, gradient)),
                expected,
                given=f"saved_evaluations({T}, {n}, {gradient!r})",
                mistakes=mistakes[gradient],
                where="Draw a row of n circles and one square for each recursion, and mark those that have a gradient.",
            )
    passed("saved_evaluations", "four sizes with each of the three gradients")
