"""Lesson 02: what people hand in."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from answers import Answers

# --- cell_loss ---


def puzzle_by_puzzle(logits, labels):
    return torch.stack([F.cross_entropy(a, b) for a, b in zip(logits, labels, strict=True)]).mean()


def with_plain_loops(logits, labels):
    total = 0
    for puzzle, row in zip(logits, labels, strict=True):
        losses = [torch.logsumexp(c, -1) - c[k] for c, k in zip(puzzle, row.tolist(), strict=True) if k != -100]
        total = total + sum(losses) / len(losses)
    return total / len(logits)


def in_double_precision(logits, labels):
    return puzzle_by_puzzle(logits.double(), labels)


def ignored_in_mean(logits, labels):
    return F.cross_entropy(logits.transpose(1, 2), labels, reduction="none").mean()


def cells_weigh_alike(logits, labels):
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)


def summed_everything(logits, labels):
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")


def softmax_twice(logits, labels):
    return puzzle_by_puzzle(torch.softmax(logits, dim=-1), labels)


def ignored_cells_count(logits, labels):
    labels = torch.where(labels == -100, 0, labels)
    return F.cross_entropy(logits.permute(0, 2, 1), labels)


def no_logarithm(logits, labels):
    return torch.stack([F.nll_loss(a.softmax(-1), b) for a, b in zip(logits, labels, strict=True)]).mean()


def forgot_the_minus(logits, labels):
    mask = (labels >= 0).float()
    chosen = torch.gather(F.log_softmax(logits, -1), 2, labels.clamp(min=0).unsqueeze(2)).squeeze(2)
    return ((chosen * mask).sum(1) / mask.sum(1)).mean()


def counts_errors(logits, labels):
    mask = labels != -100
    wrong = (logits.argmax(-1) != labels) & mask
    return (wrong.sum(-1) / mask.sum(-1)).mean()


def softmax_over_cells(logits, labels):
    mask = labels != -100
    chosen = logits.log_softmax(dim=1).gather(2, labels.clamp(min=0)[:, :, None])[:, :, 0]
    return -((chosen * mask).sum(1) / mask.sum(1)).mean()


def plain_number(logits, labels):
    return puzzle_by_puzzle(logits, labels).item()


def log_of_softmax(logits, labels):
    return torch.stack([F.nll_loss(a.softmax(-1).log(), b) for a, b in zip(logits, labels, strict=True)]).mean()


def overwrites_labels(logits, labels):
    mask = labels != -100
    labels[~mask] = 0
    chosen = logits.log_softmax(-1).gather(-1, labels[..., None])[..., 0]
    return -((chosen * mask).sum(1) / mask.sum(1)).mean()


# --- training_step ---


def loss_of(model, inputs, labels):
    return F.cross_entropy(model(inputs).transpose(1, 2), labels)


def clears_at_the_end(model, optimizer, inputs, labels):
    loss = loss_of(model, inputs, labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    return float(loss)


def clears_late_and_returns_a_tensor(model, optimizer, inputs, labels):
    logits = model(inputs)
    mask = labels != -100
    loss = F.cross_entropy(logits[mask], labels[mask])
    model.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def no_zero_grad(model, optimizer, inputs, labels):
    loss = loss_of(model, inputs, labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_before_backward(model, optimizer, inputs, labels):
    optimizer.zero_grad()
    loss = loss_of(model, inputs, labels)
    optimizer.step()
    loss.backward()
    return loss.item()


def cleared_before_step(model, optimizer, inputs, labels):
    loss = loss_of(model, inputs, labels)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def no_backward(model, optimizer, inputs, labels):
    optimizer.zero_grad()
    loss = loss_of(model, inputs, labels)
    optimizer.step()
    return loss.item()


def no_step(model, optimizer, inputs, labels):
    optimizer.zero_grad()
    loss = loss_of(model, inputs, labels)
    loss.backward()
    return loss.item()


def learns_ignored_cells(model, optimizer, inputs, labels):
    optimizer.zero_grad()
    loss = loss_of(model, inputs, labels.clamp(min=0))
    loss.backward()
    optimizer.step()
    return loss.item()


def loss_with_graph(model, optimizer, inputs, labels):
    optimizer.zero_grad()
    loss = loss_of(model, inputs, labels)
    loss.backward()
    optimizer.step()
    return loss


def loss_after_step(model, optimizer, inputs, labels):
    optimizer.zero_grad()
    loss_of(model, inputs, labels).backward()
    optimizer.step()
    return loss_of(model, inputs, labels).item()


def step_overwrites_labels(model, optimizer, inputs, labels):
    optimizer.zero_grad()
    mask = labels != -100
    labels[~mask] = 0
    loss = F.cross_entropy(model(inputs)[mask], labels[mask])
    loss.backward()
    optimizer.step()
    return loss.item()


# --- cell_and_exact ---


def score_by_loops(logits, labels):
    cells, puzzles = [], []
    for answer, label in zip(logits.argmax(-1).tolist(), labels.tolist(), strict=True):
        right = [a == b for a, b in zip(answer, label, strict=True) if b != -100]
        cells += right
        puzzles.append(all(right))
    return sum(cells) / len(cells), sum(puzzles) / len(puzzles)


def score_with_tensors(logits, labels):
    mask = labels.ne(-100)
    wrong = logits.max(-1).indices.ne(labels) & mask
    return [1 - wrong.sum() / mask.sum(), (wrong.sum(-1) == 0).double().mean()]


def ignored_are_wrong(logits, labels):
    right = logits.argmax(-1) == labels
    return right.float().mean().item(), right.all(-1).float().mean().item()


def ignored_are_right(logits, labels):
    right = (logits.argmax(-1) == labels) | (labels == -100)
    return right.float().mean().item(), right.all(-1).float().mean().item()


def mean_of_means(logits, labels):
    mask = labels != -100
    share = ((logits.argmax(-1) == labels) & mask).sum(-1) / mask.sum(-1)
    return share.mean().item(), (share == 1).float().mean().item()


def one_cell_is_enough(logits, labels):
    right = logits.argmax(-1) == labels
    return (right.sum() / (labels != -100).sum()).item(), right.any(-1).float().mean().item()


def across_puzzles(logits, labels):
    mask = labels != -100
    right = logits.argmax(-1) == labels
    return (right.sum() / mask.sum()).item(), (right | ~mask).all(dim=0).float().mean().item()


def scores_swapped(logits, labels):
    return score_by_loops(logits, labels)[::-1]


def counts_not_shares(logits, labels):
    right = logits.argmax(-1) == labels
    return right.sum().item(), (right | (labels == -100)).all(-1).sum().item()


# --- effective_depth ---


def depth_by_counting(T, n, n_layers, n_supervision):
    layers = learning = 0
    for _step in range(n_supervision):
        learning = 0
        for recursion in range(T):
            for _evaluation in [*"z" * n, "y"]:
                layers += n_layers
                learning += n_layers if recursion == T - 1 else 0
    return [layers, learning]


# --- count_parameters ---


def parameters_of_layers(mixer, dim, width, cells, cell_width, n_layers, T, n):
    def swiglu(size, inner):
        gate_up, down = torch.empty(2 * inner, size, device="meta"), torch.empty(size, inner, device="meta")
        return gate_up.numel() + down.numel()

    total = 0
    for _ in range(n_layers):
        total += swiglu(dim, width)
        total += swiglu(cells, cell_width) if mixer == "mlp" else dim * 3 * dim + dim * dim
    return total


def two_matrices(mixer, dim, width, cells, cell_width, n_layers, T, n):
    mixing = 2 * cells * cell_width if mixer == "mlp" else 4 * dim**2
    return n_layers * (mixing + 2 * dim * width)


def with_biases(mixer, dim, width, cells, cell_width, n_layers, T, n):
    def linear(inputs, outputs):
        return inputs * outputs + outputs

    def swiglu(size, inner):
        return 2 * linear(size, inner) + linear(inner, size)

    mixing = swiglu(cells, cell_width) if mixer == "mlp" else 4 * linear(dim, dim)
    return n_layers * (mixing + swiglu(dim, width))


def mixes_channels(mixer, dim, width, cells, cell_width, n_layers, T, n):
    mixing = 3 * dim * cell_width if mixer == "mlp" else 4 * dim * dim
    return n_layers * (mixing + 3 * dim * width)


def mixer_for_each_channel(mixer, dim, width, cells, cell_width, n_layers, T, n):
    mixing = dim * 3 * cells * cell_width if mixer == "mlp" else 4 * dim * dim
    return n_layers * (mixing + 3 * dim * width)


def qkv_only(mixer, dim, width, cells, cell_width, n_layers, T, n):
    mixing = 3 * cells * cell_width if mixer == "mlp" else 3 * dim * dim
    return n_layers * (mixing + 3 * dim * width)


# --- training_flops ---


def flops_by_counting(multiply_adds, T, n):
    operations = 0
    for recursion in range(1, T + 1):
        for _ in range(n + 1):
            operations += 2 * multiply_adds  # forward
            if recursion == T:
                operations += 2 * multiply_adds + 2 * multiply_adds  # gradients of inputs and of weights
    return operations


ANSWERS = {
    "cell_loss": Answers(
        right=[puzzle_by_puzzle, with_plain_loops, in_double_precision],
        wrong={
            "ignored-in-mean": ignored_in_mean,
            "cells-weigh-alike": cells_weigh_alike,
            "sum-not-mean": summed_everything,
            "softmax-twice": softmax_twice,
            "ignored-cells-count": ignored_cells_count,
            "no-logarithm": no_logarithm,
            "sign": forgot_the_minus,
            "counts-errors": counts_errors,
            "wrong-axis": softmax_over_cells,
            "no-gradient": plain_number,
            "log-of-softmax": log_of_softmax,
            "input-changed": overwrites_labels,
        },
    ),
    "training_step": Answers(
        right=[clears_at_the_end, clears_late_and_returns_a_tensor],
        wrong={
            "no-zero-grad": no_zero_grad,
            "step-before-backward": step_before_backward,
            "cleared-before-step": cleared_before_step,
            "no-backward": no_backward,
            "no-step": no_step,
            "ignored-cells-count": learns_ignored_cells,
            "loss-with-graph": loss_with_graph,
            "loss-after-step": loss_after_step,
            "input-changed": step_overwrites_labels,
        },
    ),
    "cell_and_exact": Answers(
        right=[score_by_loops, score_with_tensors],
        wrong={
            "ignored-are-wrong": ignored_are_wrong,
            "ignored-are-right": ignored_are_right,
            "mean-of-means": mean_of_means,
            "one-cell-is-enough": one_cell_is_enough,
            "across-puzzles": across_puzzles,
            "swapped": scores_swapped,
            "counts-not-shares": counts_not_shares,
        },
    ),
    "effective_depth": Answers(
        right=[depth_by_counting],
        wrong={
            "no-pair": lambda T, n, k, steps: T * (n + 1) * k * steps,
            "T-twice": lambda T, n, k, steps: (T * T * (n + 1) * k * steps, (n + 1) * k),
            "steps-forgotten": lambda T, n, k, steps: (T * (n + 1) * k, (n + 1) * k),
            "answer-forgotten": lambda T, n, k, steps: (T * n * k * steps, n * k),
            "one-answer-for-all": lambda T, n, k, steps: ((T * n + 1) * k * steps, (n + 1) * k),
            "layers-forgotten": lambda T, n, k, steps: (T * (n + 1) * steps, n + 1),
            "all-recursions-learn": lambda T, n, k, steps: (T * (n + 1) * k * steps, T * (n + 1) * k),
            "gradient-across-steps": lambda T, n, k, steps: (T * (n + 1) * k * steps, (n + 1) * k * steps),
            "gradient-without-answer": lambda T, n, k, steps: (T * (n + 1) * k * steps, n * k),
            "gradient-in-evaluations": lambda T, n, k, steps: (T * (n + 1) * k * steps, n + 1),
            "one-step-gradient": lambda T, n, k, steps: (T * (n + 1) * k * steps, k),
        },
    ),
    "count_parameters": Answers(
        right=[parameters_of_layers],
        wrong={
            "two-matrices": two_matrices,
            "biases": with_biases,
            "times-recursion": lambda **s: parameters_of_layers(**s) * s["T"] * (s["n"] + 1),
            "one-block": lambda **s: parameters_of_layers(**s | {"n_layers": 1}),
            "mixes-channels": mixes_channels,
            "mixer-for-each-channel": mixer_for_each_channel,
            "no-mixing": lambda **s: s["n_layers"] * 3 * s["dim"] * s["width"],
            "output-forgotten": qkv_only,
        },
    ),
    "training_flops": Answers(
        right=[flops_by_counting],
        wrong={
            "multiply-add-is-one": lambda m, T, n: m * ((T - 1) * (n + 1) + 3 * (n + 1)),
            "backward-everywhere": lambda m, T, n: 2 * m * 3 * T * (n + 1),
            "no-backward": lambda m, T, n: 2 * m * T * (n + 1),
            "T-twice": lambda m, T, n: 2 * m * (T * (T - 1) * (n + 1) + 3 * (n + 1)),
            "last-counted-twice": lambda m, T, n: 2 * m * (T * (n + 1) + 3 * (n + 1)),
            "backward-costs-one": lambda m, T, n: 2 * m * ((T - 1) * (n + 1) + 2 * (n + 1)),
            "answer-forgotten": lambda m, T, n: 2 * m * ((T - 1) * n + 3 * n),
        },
    ),
}
