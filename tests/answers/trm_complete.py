"""Answers to the exercises of lesson 10."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from answers import Answers
from trm_edu.interface import make_network
from trm_edu.layers import truncated_normal_

# --- latent_recursion -------------------------------------------------------------------------------------------------


def recursion_other_sum(net, x, y, z, n):
    for _ in range(n):
        z = net(x + y, z)
    return net(z, y), z


def recursion_by_itself(net, x, y, z, n):
    if n == 0:
        return [net(y, z), z]
    return recursion_by_itself(net, x, y, net(z + x, y), n - 1)


def recursion_x_everywhere(net, x, y, z, n):
    for _ in range(n):
        z = net(z, y + x)
    y = net(y + x, z)
    return y, z


def recursion_not_fed_back(net, x, y, z, n):
    for _ in range(n):
        z = net(z, x)
    y = net(y, z)
    return y, z


def recursion_without_x(net, x, y, z, n):
    for _ in range(n):
        z = net(z, y)
    y = net(y, z)
    return y, z


def recursion_n_plus_one(net, x, y, z, n):
    for _ in range(n + 1):
        z = net(z, y + x)
    y = net(y, z)
    return y, z


def recursion_from_one(net, x, y, z, n):
    for _ in range(1, n):
        z = net(z, y + x)
    y = net(y, z)
    return y, z


def recursion_new_name(net, x, y, z, n):
    for _ in range(n):
        new = net(z, y + x)
    return net(y, new), new


def recursion_answer_in_the_loop(net, x, y, z, n):
    for _ in range(n):
        z = net(z, y + x)
        y = net(y, z)
    return y, z


def recursion_answer_first(net, x, y, z, n):
    y = net(y, z)
    for _ in range(n):
        z = net(z, y + x)
    return y, z


def recursion_z_again(net, x, y, z, n):
    for _ in range(n):
        z = net(z, y + x)
    y = net(y, z)
    z = net(z, y + x)
    return y, z


def recursion_old_z(net, x, y, z, n):
    think = z
    for _ in range(n):
        think = net(think, y + x)
    return net(y, z), think


def recursion_answer_anew(net, x, y, z, n):
    for _ in range(n):
        z = net(z, y + x)
    return net(torch.zeros_like(y), z), z


def recursion_y_forgotten(net, x, y, z, n):
    for _ in range(n):
        z = net(z, y + x)
    net(y, z)
    return y, z


def recursion_z_first(net, x, y, z, n):
    for _ in range(n):
        z = net(z, y + x)
    y = net(y, z)
    return z, y


# --- deep_recursion ---------------------------------------------------------------------------------------------------


def one(net, x, y, z, n):
    for _ in range(n):
        z = net(z, y + x)
    return net(y, z), z


def deep_with_a_flag(net, x, y, z, n, T):
    for i in range(T):
        with torch.set_grad_enabled(torch.is_grad_enabled() and i == T - 1):
            y, z = one(net, x, y, z, n)
    return y, z


def deep_with_detach(net, x, y, z, n, T):
    for _ in range(T):
        y, z = one(net, x, y.detach(), z.detach(), n)
    return y, z


def deep_all(net, x, y, z, n, T):
    for _ in range(T):
        y, z = one(net, x, y, z, n)
    return y, z


def deep_none(net, x, y, z, n, T):
    with torch.no_grad():
        for _ in range(T):
            y, z = one(net, x, y, z, n)
    return y, z


def deep_one_more(net, x, y, z, n, T):
    with torch.no_grad():
        for _ in range(T):
            y, z = one(net, x, y, z, n)
    return one(net, x, y, z, n)


def deep_one_less(net, x, y, z, n, T):
    for i in range(T - 1):
        with torch.set_grad_enabled(i == T - 2):
            y, z = one(net, x, y, z, n)
    return y, z


def deep_dropped(net, x, y, z, n, T):
    with torch.no_grad():
        for _ in range(T - 1):
            one(net, x, y, z, n)
    return one(net, x, y, z, n)


def deep_y_dropped(net, x, y, z, n, T):
    answer, pad = y, z
    for i in range(T):
        with torch.set_grad_enabled(i == T - 1):
            answer, pad = one(net, x, y, pad, n)
    return answer, pad


def deep_z_dropped(net, x, y, z, n, T):
    pad = z
    for i in range(T):
        with torch.set_grad_enabled(i == T - 1):
            y, pad = one(net, x, y, z, n)
    return y, pad


def deep_detached(net, x, y, z, n, T):
    y, z = deep_with_a_flag(net, x, y, z, n, T)
    return y.detach(), z.detach()


def deep_hrm(net, x, y, z, n, T):
    with torch.no_grad():
        for _ in range(T - 1):
            y, z = one(net, x, y, z, n)
        for _ in range(n - 1):
            z = net(z, y + x)
    z = net(z, y + x)
    return net(y, z), z


def deep_left_off(net, x, y, z, n, T):
    y, z = deep_with_a_flag(net, x, y, z, n, T)
    torch.set_grad_enabled(False)
    return y, z


def deep_forced(net, x, y, z, n, T):
    for i in range(T):
        with torch.set_grad_enabled(i == T - 1):
            y, z = one(net, x, y, z, n)
    return y, z


# --- output_heads -----------------------------------------------------------------------------------------------------


def heads_by_products(y, z, answer, halt, bias, prefix):
    return y[:, prefix:, :] @ answer.T, y[:, 0] @ halt[0] + bias[0]


def heads_in_a_loop(y, z, answer, halt, bias, prefix):
    cells = [[answer @ y[b, s] for s in range(prefix, y.shape[1])] for b in range(len(y))]
    return [torch.stack([torch.stack(row) for row in cells]), torch.stack([row[0] @ halt[0] + bias[0] for row in y])]


def heads_of_z(y, z, answer, halt, bias, prefix):
    return F.linear(z, answer)[:, prefix:], F.linear(z[:, 0], halt, bias)[:, 0]


def heads_halting(logits_of, halt_of):
    """An answer whose two lines are given."""

    def heads(y, z, answer, halt, bias, prefix):
        return logits_of(y, answer, prefix), halt_of(y, z, halt, bias, prefix)

    return heads


def right_logits(y, answer, prefix):
    return F.linear(y[:, prefix:], answer)


def right_halt(y, z, halt, bias, prefix):
    return F.linear(y[:, 0], halt, bias)[:, 0]


# --- supervision_step -------------------------------------------------------------------------------------------------


def halting_loss(output, labels, **options):
    target = (output.logits.argmax(-1) == labels).all(-1).to(output.halt_logit.dtype)
    return F.binary_cross_entropy_with_logits(output.halt_logit, target, **options)


def step_puzzle_by_puzzle(model, inputs, labels, state):
    y, z = model.deep_recursion(model.embed(inputs), state[0], state[1])
    output, losses = model.heads(y), []
    for logits, q, wanted in zip(output.logits, output.halt_logit, labels, strict=True):
        p = torch.sigmoid(q)
        halt = -torch.log(p if bool((logits.argmax(-1) == wanted).all()) else 1 - p)
        losses.append(F.cross_entropy(logits, wanted) + halt / 2)
    return [y.detach(), z.detach()], sum(losses) / len(losses)


def step_like(read="y", weight=0.5, target="all", cells="mean", puzzles="mean", back="new", order="yz"):
    """An answer with one choice after the other."""

    def step(model, inputs, labels, state):
        old_y, old_z = state
        first = (old_z, old_y) if order == "zy in" else (old_y, old_z)
        y, z = model.deep_recursion(model.embed(inputs), *first)
        out = model.heads({"y": y, "z": z, "old y": old_y, "detached": y.detach()}[read])
        loss = F.cross_entropy(out.logits.transpose(1, 2), labels, reduction="none")
        loss = loss.sum(1) if cells == "sum" else loss.mean(1)
        fine = out.logits.argmax(-1) == labels
        wanted = {"all": fine.all(1), "share": fine.double().mean(1), "wrong": ~fine.all(1)}[target]
        loss = loss + weight * F.binary_cross_entropy_with_logits(out.halt_logit, wanted.double(), reduction="none")
        loss = loss.sum() if puzzles == "sum" else loss.mean()
        if back == "old":
            return (old_y, old_z), loss
        if back == "with graph":
            return (y, z), loss
        if back == "y alone detached":
            return (y.detach(), z), loss
        if back == "number":
            return (y.detach(), z.detach()), loss.item()
        if back == "after backward":
            loss.backward(retain_graph=True)
        return ((z.detach(), y.detach()) if order == "zy out" else (y.detach(), z.detach())), loss

    return step


# --- MyTRM ------------------------------------------------------------------------------------------------------------


class Basis(nn.Module):
    """A right model in small methods, so that a wrong one changes one of them."""

    def __init__(self, c):
        super().__init__()
        self.c, self.D = c, c.hidden
        self.make()
        for part in (self.tokens, self.answer):
            with torch.no_grad():
                truncated_normal_(part.weight, self.D**-0.5)
        with torch.no_grad():
            self.halt.weight.fill_(0)
            if self.halt.bias is not None:
                self.halt.bias.fill_(-5)

    def make(self):
        self.network = make_network(self.c)
        self.tokens = nn.Embedding(self.c.vocab_size, self.D)
        self.answer = nn.Linear(self.D, self.c.vocab_size, bias=False)
        self.halt = nn.Linear(self.D, 2)
        self.register_buffer("y_init", self.start())
        self.register_buffer("z_init", self.start())

    def start(self):
        return truncated_normal_(torch.empty(self.D), 1.0)

    def initial_state(self, batch_size):
        like = torch.ones(batch_size, self.c.prefix_len + self.c.seq_len, 1)
        return self.y_init * like, self.z_init * like

    def x(self, inputs):
        rows = self.tokens(inputs) * math.sqrt(self.D)
        return F.pad(rows, (0, 0, self.c.prefix_len, 0))

    def think(self, x, y, z):
        return self.network(z, y + x)

    def reply(self, x, y, z):
        return self.network(y, z)

    def once(self, x, y, z):
        for _ in range(self.c.n):
            z = self.think(x, y, z)
        return self.reply(x, y, z), z

    def loops(self, x, y, z):
        with torch.no_grad():
            for _ in range(self.c.T - 1):
                y, z = self.once(x, y, z)
        return self.once(x, y, z)

    def heads(self, y, z):
        return self.answer(y)[:, self.c.prefix_len :], self.halt(y[:, 0])[:, 0]

    def forward(self, inputs, state):
        y, z = self.loops(self.x(inputs), *state)
        return (y.detach(), z.detach()), *self.heads(y, z)


class BiasInTheAnswer(Basis):
    def make(self):
        super().make()
        self.answer = nn.Linear(self.D, self.c.vocab_size)


class NoHaltingBias(Basis):
    def make(self):
        super().make()
        self.halt = nn.Linear(self.D, 2, bias=False)


class OneHaltingOutput(Basis):
    def make(self):
        super().make()
        self.halt = nn.Linear(self.D, 1)


class LearnedPrefix(Basis):
    def make(self):
        super().make()
        self.prefix = nn.Parameter(torch.zeros(self.c.prefix_len, self.D))

    def x(self, inputs):
        rows = torch.cat((self.prefix.expand(len(inputs), -1, -1), self.tokens(inputs)), dim=1)
        return rows * math.sqrt(self.D)


class OnePrefixVector(Basis):
    def make(self):
        super().make()
        self.prefix = nn.Parameter(torch.zeros(self.D))


class Tied(Basis):
    def make(self):
        super().make()
        self.answer.weight = self.tokens.weight


class TwoNetworks(Basis):
    def make(self):
        super().make()
        self.second = make_network(self.c)

    def reply(self, x, y, z):
        return self.second(y, z)


class LearnedStart(Basis):
    def make(self):
        super().make()
        del self.y_init, self.z_init
        self.y_init, self.z_init = nn.Parameter(self.start()), nn.Parameter(self.start())


class FinalNorm(Basis):
    def make(self):
        super().make()
        self.norm = nn.RMSNorm(self.D)

    def heads(self, y, z):
        return super().heads(self.norm(y), z)


class OtherNames(Basis):
    def make(self):
        super().make()
        self.lm_head = self.answer

    def __init__(self, c):
        super().__init__(c)
        del self.answer


class DefaultStart(Basis):
    def __init__(self, c):
        super().__init__(c)
        self.tokens.reset_parameters()


class DefaultAnswer(Basis):
    def __init__(self, c):
        super().__init__(c)
        self.answer.reset_parameters()


class UndecidedHalting(Basis):
    def __init__(self, c):
        super().__init__(c)
        self.halt.bias.data.zero_()


class NewStarts(Basis):
    def initial_state(self, batch_size):
        return torch.randn(2, batch_size, self.c.n_positions, self.D).unbind()


class ZeroStarts(Basis):
    def initial_state(self, batch_size):
        return tuple(torch.zeros(2, batch_size, self.c.n_positions, self.D))


class OneStart(Basis):
    def initial_state(self, batch_size):
        y, _ = super().initial_state(batch_size)
        return y, y


class CellsOnly(Basis):
    def initial_state(self, batch_size):
        return tuple(v.repeat(batch_size, self.c.seq_len, 1) for v in (self.y_init, self.z_init))


class UnsavedStarts(Basis):
    def make(self):
        super().make()
        del self.y_init, self.z_init
        self.y_init, self.z_init = self.start(), self.start()


class NotDetached(Basis):
    def forward(self, inputs, state):
        y, z = self.loops(self.x(inputs), *state)
        return (y, z), *self.heads(y, z)


class NoSqrt(Basis):
    def x(self, inputs):
        return F.pad(self.tokens(inputs), (0, 0, self.c.prefix_len, 0))


class TimesD(Basis):
    def x(self, inputs):
        return F.pad(self.tokens(inputs) * self.D, (0, 0, self.c.prefix_len, 0))


class PrefixBehind(Basis):
    def x(self, inputs):
        return F.pad(self.tokens(inputs) * math.sqrt(self.D), (0, 0, 0, self.c.prefix_len))

    def heads(self, y, z):
        return self.answer(y)[:, : self.c.seq_len], self.halt(y[:, 0])[:, 0]


class HeadsReadZ(Basis):
    def heads(self, y, z):
        return super().heads(z, y)


class XInTheAnswer(Basis):
    def reply(self, x, y, z):
        return self.network(y + x, z)


class NotFedBack(Basis):
    def think(self, x, y, z):
        return self.network(z, x)


class OneUpdateMore(Basis):
    def reply(self, x, y, z):
        raise AssertionError

    def once(self, x, y, z):
        for _ in range(self.c.n + 1):
            z = self.think(x, y, z)
        return self.network(y, z), z


class OneRecursionMore(Basis):
    def loops(self, x, y, z):
        with torch.no_grad():
            for _ in range(self.c.T):
                y, z = self.once(x, y, z)
        return self.once(x, y, z)


class OneRecursionLess(Basis):
    def loops(self, x, y, z):
        with torch.no_grad():
            for _ in range(self.c.T - 2):
                y, z = self.once(x, y, z)
        return self.once(x, y, z)


class HaltsFromTheFirstCell(Basis):
    def heads(self, y, z):
        y = y[:, self.c.prefix_len :]
        return self.answer(y), self.halt(y[:, 0])[:, 0]


class HaltsFromTheMean(Basis):
    def heads(self, y, z):
        return super().heads(y, z)[0], self.halt(y.mean(1))[:, 0]


class SecondOutput(Basis):
    def heads(self, y, z):
        return super().heads(y, z)[0], self.halt(y[:, 0])[:, 1]


class NoGradient(Basis):
    def loops(self, x, y, z):
        with torch.no_grad():
            return super().loops(x, y, z)


class ThroughAll(Basis):
    def loops(self, x, y, z):
        for _ in range(self.c.T):
            y, z = self.once(x, y, z)
        return y, z


class ForcedOn(Basis):
    def loops(self, x, y, z):
        for i in range(self.c.T):
            with torch.set_grad_enabled(i == self.c.T - 1):
                y, z = self.once(x, y, z)
        return y, z


# --- exact_by_step ----------------------------------------------------------------------------------------------------


def exact_as_a_list(model, inputs, labels, steps):
    mode, shares = model.training, []
    model.train(False)
    with torch.inference_mode():
        state = model.initial_state(inputs.shape[0])
        while len(shares) < steps:
            state, (logits, _) = model(inputs, state)
            right = sum(bool(torch.equal(a, b)) for a, b in zip(logits.argmax(-1), labels, strict=True))
            shares.append(right / len(labels))
    model.train(mode)
    return shares


@torch.no_grad()
def exact_as_an_array(model, inputs, labels, steps):
    was = model.training
    model.eval()
    state, answers = model.initial_state(len(inputs)), []
    for _ in range(steps):
        state, output = model(inputs, state)
        answers.append(output.logits.argmax(-1).numpy())
    model.train(was)
    return (np.stack(answers) == labels.numpy()).all(-1).mean(-1)


def measured(mode="eval", grad=False, reset=False, one=False, back=True, judge_by="all", last=False, skip=False):
    """An answer that measures with one choice after the other."""

    def exact(model, inputs, labels, steps):
        before, found, ever = model.training, [], None
        if mode == "eval":
            model.eval()
        state = model.initial_state(len(inputs))
        for _ in range(1 if one else steps):
            if reset:
                state = model.initial_state(len(inputs))
            with torch.set_grad_enabled(grad):
                state, output = model(inputs, state)
            fine = output.logits.detach().argmax(-1) == labels
            ever = fine.all(1) if ever is None else ever | fine.all(1)
            values = {"all": fine.all(1), "cells": fine, "ever": ever}
            found.append(fine.all(1).sum() if judge_by == "count" else values[judge_by].double().mean())
        if back == "train":
            model.train()
        elif back:
            model.train(before)
        return found[-1] if last else torch.stack(found[1:] if skip and len(found) > 1 else found)

    return exact


def exact_stops(model, inputs, labels, steps):
    before = model.training
    model.eval()
    state, found = model.initial_state(len(inputs)), []
    halted, right = torch.zeros(len(inputs)).bool(), torch.zeros(len(inputs)).bool()
    with torch.no_grad():
        for _ in range(steps):
            state, output = model(inputs, state)
            right = torch.where(halted, right, (output.logits.argmax(-1) == labels).all(-1))
            halted = halted | (output.halt_logit > 0)
            found.append(right.double().mean())
    model.train(before)
    return torch.stack(found)


# --- training_step ----------------------------------------------------------------------------------------------------


def step_by_hand(network, average, optimizer, slots, new, n_supervision, rate):
    slots = dict(slots)
    halted = slots.pop("halted")
    for key in slots:
        slots[key] = torch.where(halted, new[key], slots[key])
    y, q = network(slots["inputs"], slots["y"])
    (torch.sum((slots["labels"] - y) ** 2) / len(y)).backward()
    optimizer.step()
    for a, b in zip(average.parameters(), network.parameters(), strict=True):
        a.data = rate * a.data + (1 - rate) * b.data
    optimizer.zero_grad()
    slots["y"] = y.detach().clone()
    slots["age"] = slots["age"] + 1
    slots["halted"] = torch.logical_or(q > 0, slots["age"] >= n_supervision)
    return slots


def step_with_lerp(network, average, optimizer, slots, new, n_supervision, rate):
    mask = slots["halted"].double()
    held = {k: mask * new[k] + (1 - mask) * slots[k] for k in ("inputs", "labels", "y", "age")}
    network.zero_grad()
    y, q = network(held["inputs"], held["y"])
    F.mse_loss(y, held["labels"]).backward()
    optimizer.step()
    with torch.no_grad():
        for a, b in zip(average.parameters(), network.parameters(), strict=True):
            a.lerp_(b, 1 - rate)
    age = held["age"].long() + 1
    halted = torch.where(q > 0, True, age == n_supervision)
    return {"inputs": held["inputs"], "labels": held["labels"], "y": y.detach(), "age": age, "halted": halted}


def trained(fields=("inputs", "labels", "y", "age"), labels="held", average_when="after", zero=True, waits=False,
            steps=True, keep=None, graph=False, total=False):  # fmt: skip
    """An answer with one choice after the other. keep: the share of itself that the average keeps, from the rate."""

    def step(network, average, optimizer, slots, new, n_supervision, rate):
        held = {k: v for k, v in slots.items() if k != "halted"}
        for key in fields:
            held[key] = torch.where(slots["halted"], new[key], slots[key])

        def follow():
            own = keep(rate) if keep else rate
            with torch.no_grad():
                for slow, weight in zip(average.parameters(), network.parameters(), strict=True):
                    slow.copy_(own * slow + (1 - own) * weight)

        y, q = network(held["inputs"], held["y"])
        age = held["age"] + 1
        halted = (q > 0) | (age >= n_supervision)
        loss = (y - (new if labels == "new" else held)["labels"]) ** 2
        (loss.sum() if total else loss.mean()).backward()
        if average_when == "before":
            follow()
        if steps and (not waits or bool(halted.all())):
            optimizer.step()
        if zero:
            optimizer.zero_grad()
        if average_when == "after":
            follow()
        return {**held, "y": y if graph else y.detach(), "age": age, "halted": halted}

    return step


# --- trm_parameters ---------------------------------------------------------------------------------------------------


def up(width, multiple):
    return -(-width // multiple) * multiple


def count_by_building(mixer, D, V, L, prefix, n_layers, expansion, multiple):
    def three(d):
        return sum(rows * columns for rows, columns in [(d, up(round(expansion * d * 2 / 3), multiple))] * 3)

    total = V * D  # table
    for _ in range(n_layers):
        total += three(D)
        total += three(L + prefix) if mixer != "attention" else D * 3 * D + D * D
    return total + D * V + (D + 1) * 2


def counted(swiglu=None, positions=None, mixing=None, ends=None, layers=None):
    """An answer with one part of its own."""

    def usual(d, expansion, multiple):
        return 3 * d * up(round(expansion * d * 2 / 3), multiple)

    def count(mixer, D, V, L, prefix, n_layers, expansion, multiple):
        of = swiglu or usual
        S = positions(L, prefix) if positions else prefix + L
        mix = of(S, expansion, multiple) if mixer == "mlp" else 4 * D * D
        if mixing:
            mix = mixing(mixer, D, S, expansion, multiple)
        rest = ends(V, D, prefix) if ends else 2 * V * D + 2 * (D + 1)
        return (layers or n_layers) * (mix + of(D, expansion, multiple)) + rest

    return count


def mixing_of_channel_width(mixer, D, S, expansion, multiple):
    return 3 * S * up(round(expansion * D * 2 / 3), multiple) if mixer == "mlp" else 4 * D * D


def mixing_of_three(mixer, D, S, expansion, multiple):
    return 3 * D * D if mixer == "attention" else 3 * S * up(round(expansion * S * 2 / 3), multiple)


ANSWERS = {
    "latent_recursion": Answers(
        right=[recursion_other_sum, recursion_by_itself],
        wrong={
            "x-in-the-answer": recursion_x_everywhere,
            "y-not-fed-back": recursion_not_fed_back,
            "x-forgotten": recursion_without_x,
            "n-plus-one-updates": recursion_n_plus_one,
            "one-update-missing": recursion_from_one,
            "z-not-kept": recursion_new_name,
            "y-at-every-update": recursion_answer_in_the_loop,
            "answer-first": recursion_answer_first,
            "z-after-the-answer": recursion_z_again,
            "old-z-in-the-answer": recursion_old_z,
            "old-answer-lost": recursion_answer_anew,
            "y-not-renewed": recursion_y_forgotten,
            "swapped": recursion_z_first,
        },
    ),
    "deep_recursion": Answers(
        right=[deep_with_a_flag, deep_with_detach],
        wrong={
            "gradient-through-all": deep_all,
            "no-gradient": deep_none,
            "one-recursion-too-many": deep_one_more,
            "one-recursion-missing": deep_one_less,
            "states-dropped": deep_dropped,
            "y-dropped": deep_y_dropped,
            "z-dropped": deep_z_dropped,
            "answer-detached": deep_detached,
            "one-step-gradient": deep_hrm,
            "gradient-left-off": deep_left_off,
            "gradient-forced-on": deep_forced,
        },
    ),
    "output_heads": Answers(
        right=[heads_by_products, heads_in_a_loop],
        wrong={
            "reads-z": heads_of_z,
            "prefix-not-cut": heads_halting(lambda y, w, p: y @ w.T, right_halt),
            "cut-at-the-end": heads_halting(lambda y, w, p: (y @ w.T)[:, : y.shape[1] - p], right_halt),
            "tokens-for-logits": heads_halting(lambda y, w, p: right_logits(y, w, p).argmax(-1), right_halt),
            "softmax-in-the-head": heads_halting(lambda y, w, p: right_logits(y, w, p).softmax(-1), right_halt),
            "halting-reads-z": heads_halting(right_logits, lambda y, z, w, b, p: z[:, 0] @ w[0] + b[0]),
            "halting-from-the-mean": heads_halting(right_logits, lambda y, z, w, b, p: y.mean(1) @ w[0] + b[0]),
            "halting-from-the-first-cell": heads_halting(right_logits, lambda y, z, w, b, p: y[:, p] @ w[0] + b[0]),
            "halting-from-the-last-cell": heads_halting(right_logits, lambda y, z, w, b, p: y[:, -1] @ w[0] + b[0]),
            "second-output": heads_halting(right_logits, lambda y, z, w, b, p: y[:, 0] @ w[1] + b[1]),
            "both-outputs": heads_halting(right_logits, lambda y, z, w, b, p: F.linear(y[:, 0], w, b)),
            "halting-at-every-position": heads_halting(right_logits, lambda y, z, w, b, p: F.linear(y, w, b)[..., 0]),
            "halting-without-bias": heads_halting(right_logits, lambda y, z, w, b, p: y[:, 0] @ w[0]),
            "probability-for-logit": heads_halting(
                right_logits, lambda y, z, w, b, p: right_halt(y, z, w, b, p).sigmoid()
            ),
        },
    ),
    "supervision_step": Answers(
        right=[step_puzzle_by_puzzle, step_like()],
        wrong={
            "heads-read-z": step_like(read="z"),
            "heads-read-the-old-y": step_like(read="old y"),
            "states-exchanged": step_like(order="zy in"),
            "old-state-returned": step_like(back="old"),
            "states-swapped": step_like(order="zy out"),
            "halting-loss-missing": step_like(weight=0.0),
            "halting-weight-missing": step_like(weight=1.0),
            "target-per-cell": step_like(target="share"),
            "target-inverted": step_like(target="wrong"),
            "cells-summed": step_like(cells="sum"),
            "puzzles-summed": step_like(puzzles="sum"),
            "backward-inside": step_like(back="after backward"),
            "state-not-detached": step_like(back="y alone detached"),
            "loss-without-graph": step_like(back="number"),
            "answer-detached": step_like(read="detached"),
        },
    ),
    "MyTRM": Answers(
        right=[Basis],
        wrong={
            "bias-in-the-answer-head": BiasInTheAnswer,
            "halting-without-bias": NoHaltingBias,
            "one-halting-output": OneHaltingOutput,
            "learned-prefix": LearnedPrefix,
            "learned-prefix-vector": OnePrefixVector,
            "tied-tables": Tied,
            "two-networks": TwoNetworks,
            "learned-start": LearnedStart,
            "norm-with-weights": FinalNorm,
            "part-missing": OtherNames,
            "default-start": DefaultStart,
            "halting-head-undecided": UndecidedHalting,
            "new-start-every-time": NewStarts,
            "zero-start": ZeroStarts,
            "one-start-for-both": OneStart,
            "positions-missing": CellsOnly,
            "start-not-saved": UnsavedStarts,
            "not-detached": NotDetached,
            "no-sqrt-d": NoSqrt,
            "times-d": TimesD,
            "prefix-behind": PrefixBehind,
            "heads-read-z": HeadsReadZ,
            "x-in-the-answer": XInTheAnswer,
            "y-not-fed-back": NotFedBack,
            "n-plus-one-updates": OneUpdateMore,
            "one-recursion-too-many": OneRecursionMore,
            "one-recursion-missing": OneRecursionLess,
            "halting-from-the-first-cell": HaltsFromTheFirstCell,
            "halting-from-the-mean": HaltsFromTheMean,
            "second-output": SecondOutput,
            "no-gradient": NoGradient,
            "gradient-through-all": ThroughAll,
            "gradient-forced-on": ForcedOn,
        },
    ),
    "exact_by_step": Answers(
        right=[exact_as_a_list, exact_as_an_array],
        wrong={
            "stops-at-one": measured(one=True),
            "state-reset": measured(reset=True),
            "last-step-only": measured(last=True),
            "first-step-missing": measured(skip=True),
            "cell-accuracy": measured(judge_by="cells"),
            "right-at-any-step": measured(judge_by="ever"),
            "counts-not-shares": measured(judge_by="count"),
            "stops-when-done": exact_stops,
            "training-mode": measured(mode="as it was"),
            "gradient-kept": measured(grad=True),
            "mode-not-put-back": measured(back=False),
            "always-back-to-training": measured(back="train"),
        },
    ),
    "training_step": Answers(
        right=[step_by_hand, step_with_lerp],
        wrong={
            "average-before-the-optimizer": trained(average_when="before"),
            "rates-exchanged": trained(keep=lambda rate: 1 - rate),
            "average-is-the-network": trained(keep=lambda rate: 0.0),
            "average-never-moves": trained(average_when="never"),
            "new-labels": trained(labels="new"),
            "labels-not-refilled": trained(fields=("inputs", "y", "age")),
            "not-refilled": trained(fields=()),
            "optimizer-waits": trained(waits=True),
            "never-stepped": trained(steps=False),
            "no-zero-grad": trained(zero=False),
            "loss-summed": trained(total=True),
            "not-detached": trained(graph=True),
        },
    ),
    "trm_parameters": Answers(
        right=[count_by_building],
        wrong={
            "prefix-forgotten": counted(positions=lambda L, prefix: L),
            "not-rounded": counted(swiglu=lambda d, e, m: 3 * d * round(e * d * 2 / 3)),
            "rounded-down": counted(swiglu=lambda d, e, m: 3 * d * (round(e * d * 2 / 3) // m * m)),
            "rounded-to-the-nearest": counted(swiglu=lambda d, e, m: 3 * d * round(round(e * d * 2 / 3) / m) * m),
            "two-thirds-forgotten": counted(swiglu=lambda d, e, m: 3 * d * up(round(e * d), m)),
            "width-of-the-channels": counted(mixing=mixing_of_channel_width),
            "two-matrices": counted(swiglu=lambda d, e, m: 2 * d * up(round(e * d * 2 / 3), m)),
            "three-matrices-of-attention": counted(mixing=mixing_of_three),
            "one-table": counted(ends=lambda V, D, P: V * D + 2 * D + 2),
            "halting-bias-forgotten": counted(ends=lambda V, D, P: 2 * V * D + 2 * D),
            "one-halting-output": counted(ends=lambda V, D, P: 2 * V * D + D + 1),
            "halting-head-forgotten": counted(ends=lambda V, D, P: 2 * V * D),
            "ends-forgotten": counted(ends=lambda V, D, P: 0),
            "answer-bias": counted(ends=lambda V, D, P: V * D + V * D + V + 2 * D + 2),
            "prefix-counted": counted(ends=lambda V, D, P: 2 * V * D + 2 * D + 2 + P * D),
            "starts-counted": counted(ends=lambda V, D, P: 2 * V * D + 4 * D + 2),
            "one-layer": counted(layers=1),
        },
    ),
}
