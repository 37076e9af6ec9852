"""Lesson 03: what people hand in."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from answers import Answers

# --- RMSNorm ----------------------------------------------------------------------------------------------------------


def norm_by_torch(x, eps):
    return F.rms_norm(x, (x.shape[-1],), eps=eps)


def norm_vector_by_vector(x, eps):
    rows = [row / math.sqrt(sum(float(v) ** 2 for v in row) / len(row) + eps) for row in x.reshape(-1, x.shape[-1])]
    return torch.stack(rows).reshape(x.shape)


def epsilon_outside(x, eps):
    return x / (torch.sqrt((x**2).mean(dim=-1, keepdim=True)) + eps)


def layer_norm(x, eps):
    return F.layer_norm(x, x.shape[-1:], eps=eps)


def norm_down_the_columns(x, eps):
    return x / torch.sqrt(x.pow(2).mean(dim=0, keepdim=True) + eps)


def norm_of_everything(x, eps):
    return x / torch.sqrt(x.pow(2).mean() + eps)


def length_not_rms(x, eps):
    return x / torch.sqrt(x.pow(2).sum(dim=-1, keepdim=True) + eps)


def epsilon_unused(x, eps):
    return x / x.pow(2).mean(-1, keepdim=True).sqrt()


def no_root(x, eps):
    return x / (x.pow(2).mean(-1, keepdim=True) + eps)


# --- SwiGLU -----------------------------------------------------------------------------------------------------------


def swiglu_with_matmul(x, gate_up, down):
    half = gate_up.shape[0] // 2
    gate = x @ gate_up[:half].T
    return (gate * torch.sigmoid(gate) * (x @ gate_up[half:].T)) @ down.T


def swiglu_with(inner):
    """People's versions differ in one line: what becomes of the two halves."""

    def answer(x, gate_up, down):
        half = len(gate_up) // 2
        return inner(x @ gate_up[:half].T, x @ gate_up[half:].T) @ down.T

    return answer


def every_second_row(x, gate_up, down):
    return (F.silu(x @ gate_up[::2].T) * (x @ gate_up[1::2].T)) @ down.T


# --- rotary positions -------------------------------------------------------------------------------------------------


def rotate_pair_by_pair(x, base):
    out, half = torch.empty_like(x), x.shape[-1] // 2
    for p in range(x.shape[-2]):
        for i in range(half):
            angle = p / base ** (i / half)
            a, b = x[:, :, p, i], x[:, :, p, i + half]
            out[:, :, p, i] = a * math.cos(angle) - b * math.sin(angle)
            out[:, :, p, i + half] = b * math.cos(angle) + a * math.sin(angle)
    return out


def rotate_with_halves(x, base):
    d = x.shape[-1]
    angle = torch.arange(x.shape[2])[:, None] * base ** (-torch.arange(0, d, 2).float() / d)
    a, b = x[..., : d // 2], x[..., d // 2 :]
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], dim=-1)


def rotate_in(angles, sign=-1.0):
    """The usual code with one thing changed: the table of angles, or the sign of the second half."""

    def answer(x, base):
        d = x.shape[-1]
        angle = angles(torch.arange(x.shape[2]).float(), torch.arange(d // 2).float(), base, d)
        angle = torch.cat([angle, angle], dim=-1)
        rotated = torch.cat([sign * x[..., d // 2 :], x[..., : d // 2]], dim=-1)
        return x * angle.cos() + rotated * angle.sin()

    return answer


def usual_angles(p, i, base, d):
    return torch.outer(p, 1 / base ** (2 * i / d))


def rotate_neighbours(x, base):
    d = x.shape[-1]
    angle = usual_angles(torch.arange(x.shape[2]).float(), torch.arange(d // 2).float(), base, d)
    out = torch.empty_like(x)
    out[..., ::2] = x[..., ::2] * angle.cos() - x[..., 1::2] * angle.sin()
    out[..., 1::2] = x[..., ::2] * angle.sin() + x[..., 1::2] * angle.cos()
    return out


def rotate_backwards(x, base):
    d = x.shape[-1]
    angle = usual_angles(torch.arange(x.shape[2]).float(), torch.arange(d // 2).float(), base, d)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * angle.cos() + b * angle.sin(), b * angle.cos() - a * angle.sin()], dim=-1)


def angles_repeated_in_place(x, base):
    d = x.shape[-1]
    angle = usual_angles(torch.arange(x.shape[2]).float(), torch.arange(d // 2).float(), base, d)
    angle = angle.repeat_interleave(2, dim=-1)
    a, b = x.chunk(2, dim=-1)
    return x * angle.cos() + torch.cat([-b, a], dim=-1) * angle.sin()


def positions_from_heads(x, base):
    d = x.shape[-1]
    angle = usual_angles(torch.arange(x.shape[1]).float(), torch.arange(d // 2).float(), base, d)[:, None]
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], dim=-1)


# --- attention --------------------------------------------------------------------------------------------------------


def attention_by_torch(q, k, v, mask, rotate):
    return F.scaled_dot_product_attention(rotate(q), rotate(k), v, attn_mask=mask)


def attention_query_by_query(q, k, v, mask, rotate):
    q, k, out = rotate(q), rotate(k), torch.empty_like(v)
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            for i in range(q.shape[2]):
                allowed = mask[i]
                weights = torch.softmax(k[b, h, allowed] @ q[b, h, i] / q.shape[-1] ** 0.5, dim=0)
                out[b, h, i] = weights @ v[b, h, allowed]
    return out


def attention_with_a_large_number(q, k, v, mask, rotate):
    scores = torch.einsum("bhqd,bhkd->bhqk", rotate(q), rotate(k)) * q.size(-1) ** -0.5
    return torch.einsum("bhqk,bhkd->bhqd", (scores + torch.where(mask, 0.0, -1e9)).softmax(-1), v)


def masked_afterwards(q, k, v, mask, rotate):
    weights = torch.softmax(rotate(q) @ rotate(k).mT / math.sqrt(q.shape[-1]), dim=-1)
    return weights.masked_fill(~mask, 0) @ v


def masked_with_zero(q, k, v, mask, rotate):
    scores = rotate(q) @ rotate(k).mT / math.sqrt(q.shape[-1])
    return torch.softmax(scores.masked_fill(~mask, 0), dim=-1) @ v


def masked_where_true(q, k, v, mask, rotate):
    scores = rotate(q) @ rotate(k).mT / math.sqrt(q.shape[-1])
    return torch.softmax(scores.masked_fill(mask, float("-inf")), dim=-1) @ v


def mask_on_its_side(q, k, v, mask, rotate):
    return F.scaled_dot_product_attention(rotate(q), rotate(k), v, attn_mask=mask.T)


def mask_forgotten(q, k, v, mask, rotate):
    return F.scaled_dot_product_attention(rotate(q), rotate(k), v)


def scale_forgotten(q, k, v, mask, rotate):
    return torch.softmax((rotate(q) @ rotate(k).mT).masked_fill(~mask, -1e9), dim=-1) @ v


def scaled_by_d(q, k, v, mask, rotate):
    return F.scaled_dot_product_attention(rotate(q), rotate(k), v, attn_mask=mask, scale=1 / q.shape[-1])


def scaled_by_positions(q, k, v, mask, rotate):
    return F.scaled_dot_product_attention(rotate(q), rotate(k), v, attn_mask=mask, scale=q.shape[2] ** -0.5)


def softmax_down_the_columns(q, k, v, mask, rotate):
    scores = (rotate(q) @ rotate(k).mT / math.sqrt(q.shape[-1])).masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=2) @ v


def everything_turned(q, k, v, mask, rotate):
    q, k, v = rotate(q), rotate(k), rotate(v)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def rotate_forgotten(q, k, v, mask, rotate):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def key_not_turned(q, k, v, mask, rotate):
    return F.scaled_dot_product_attention(rotate(q), k, v, attn_mask=mask)


def query_not_turned(q, k, v, mask, rotate):
    return F.scaled_dot_product_attention(q, rotate(k), v, attn_mask=mask)


def result_turned(q, k, v, mask, rotate):
    return rotate(F.scaled_dot_product_attention(q, k, v, attn_mask=mask))


# --- token mixer ------------------------------------------------------------------------------------------------------


def channel_by_channel(h, mix):
    return torch.stack([mix(h[..., c]) for c in range(h.shape[-1])], dim=-1)


def puzzle_by_puzzle(h, mix):
    return torch.stack([mix(puzzle.T).T for puzzle in h])


def over_the_batch(h, mix):
    return mix(h.permute(2, 1, 0)).permute(2, 1, 0)


def poured(h, mix):
    B, S, D = h.shape
    return mix(h.contiguous().view(B, D, S)).view(B, S, D)


def poured_back(h, mix):
    return mix(h.permute(0, 2, 1)).reshape(h.shape)


# --- block ------------------------------------------------------------------------------------------------------------


def block_in_one_go(h, mix, mlp, norm):
    h = norm(h.mT + mix(h.mT)).mT
    return norm(mlp(h) + h)


def block_pre_norm(h, mix, mlp, norm):
    h = h + mix(norm(h.mT)).mT
    return h + mlp(norm(h))


def block_without_input(h, mix, mlp, norm):
    h = norm(mix(h.mT)).mT
    return norm(mlp(h))


def block_forgets_second_input(h, mix, mlp, norm):
    h = norm(h.mT + mix(h.mT)).mT
    return norm(mlp(h))


def block_forgets_first_input(h, mix, mlp, norm):
    h = norm(mix(h.mT)).mT
    return norm(h + mlp(h))


def block_norms_branches(h, mix, mlp, norm):
    h = h + norm(mix(h.mT)).mT
    return h + norm(mlp(h))


def block_norms_channels(h, mix, mlp, norm):
    h = norm(h + mix(h.mT).mT)
    return norm(h + mlp(h))


def block_without_first_norm(h, mix, mlp, norm):
    h = h + mix(h.mT).mT
    return norm(h + mlp(h))


def block_without_last_norm(h, mix, mlp, norm):
    h = norm(h.mT + mix(h.mT)).mT
    return h + mlp(h)


def block_backwards(h, mix, mlp, norm):
    h = norm(h + mlp(h))
    return norm(h.mT + mix(h.mT)).mT


def block_of_channels(h, mix, mlp, norm):
    h = norm(h + mix(h))
    return norm(h + mlp(h))


def block_in_parallel(h, mix, mlp, norm):
    return norm(h + mix(h.mT).mT + mlp(h))


def block_left_on_its_side(h, mix, mlp, norm):
    h = h.mT
    h = norm(h + mix(h))
    return norm(h + mlp(h))


# --- start ------------------------------------------------------------------------------------------------------------

FACTOR = 0.87962566  # as people look it up


def start_by_redrawing(fan_in, fan_out, generator):
    weight = torch.randn(fan_out, fan_in, generator=generator)
    while (weight.abs() > 2).any():
        again = torch.randn(fan_out, fan_in, generator=generator)
        weight = torch.where(weight.abs() > 2, again, weight)
    return weight / FACTOR / math.sqrt(fan_in)


def start_by_quantiles(fan_in, fan_out, generator):
    """Uniform numbers between the two cuts of the distribution function, and its inverse."""
    edge = math.erf(math.sqrt(2))
    share = torch.rand(fan_out, fan_in, generator=generator, dtype=torch.float64) * 2 - 1
    return nn.Parameter(torch.erfinv(share * edge) * math.sqrt(2) / FACTOR / math.sqrt(fan_in))


def truncated(fan_in, fan_out, generator, std, cut):
    weight = torch.empty(fan_out, fan_in)
    return nn.init.trunc_normal_(weight, std=std, a=-cut, b=cut, generator=generator)


def start_with(spread):
    """The right way with another idea of how large the spread should be."""

    def answer(fan_in, fan_out, generator):
        std = spread(fan_in, fan_out) / FACTOR
        return truncated(fan_in, fan_out, generator, std, 2 * std)

    return answer


def start_clamped(fan_in, fan_out, generator):
    std = fan_in**-0.5 / FACTOR
    return (torch.randn(fan_out, fan_in, generator=generator) * std).clamp(-2 * std, 2 * std)


def start_uncorrected(fan_in, fan_out, generator):
    std = fan_in**-0.5
    return truncated(fan_in, fan_out, generator, std, 2 * std)


def start_multiplied(fan_in, fan_out, generator):
    std = fan_in**-0.5 * FACTOR
    return truncated(fan_in, fan_out, generator, std, 2 * std)


def start_cut_too_early(fan_in, fan_out, generator):
    std = fan_in**-0.5
    return truncated(fan_in, fan_out, generator, std / FACTOR, 2 * std)


def start_cut_at_plain_two(fan_in, fan_out, generator):
    return truncated(fan_in, fan_out, generator, fan_in**-0.5, 2.0)


def start_redrawn_once(fan_in, fan_out, generator):
    weight = torch.randn(fan_out, fan_in, generator=generator)
    outside = weight.abs() > 2
    weight[outside] = torch.randn(int(outside.sum()), generator=generator)
    return weight / FACTOR * fan_in**-0.5


def start_uniform(fan_in, fan_out, generator):
    edge = math.sqrt(3 / fan_in)
    return (torch.rand(fan_out, fan_in, generator=generator) * 2 - 1) * edge


def start_one_sided(fan_in, fan_out, generator):
    return start_by_redrawing(fan_in, fan_out, generator) + 0.1 * fan_in**-0.5


def start_on_its_side(fan_in, fan_out, generator):
    return start_by_redrawing(fan_in, fan_out, generator).T


def start_seeded_inside(fan_in, fan_out, generator):
    return start_by_redrawing(fan_in, fan_out, generator.manual_seed(0))


def start_outputs_uncorrected(fan_in, fan_out, generator):
    std = fan_out**-0.5
    return truncated(fan_in, fan_out, generator, std, 2 * std)


def start_cut_at_one_and_a_half(fan_in, fan_out, generator):
    std = fan_in**-0.5 / 0.74265  # the spread of a unit normal cut at 1.5
    return truncated(fan_in, fan_out, generator, std, 1.5 * std)


def start_from_the_global_state(fan_in, fan_out, generator):
    std = fan_in**-0.5 / FACTOR
    return nn.init.trunc_normal_(torch.empty(fan_out, fan_in), std=std, a=-2 * std, b=2 * std)


ANSWERS = {
    "rms_norm": Answers(
        right=[norm_by_torch, norm_vector_by_vector],
        wrong={
            "epsilon-outside-root": epsilon_outside,
            "mean-subtracted": layer_norm,
            "wrong-axis": norm_down_the_columns,
            "one-size-for-all": norm_of_everything,
            "sum-not-mean": length_not_rms,
            "no-epsilon": epsilon_unused,
            "root-forgotten": no_root,
        },
    ),
    "swiglu": Answers(
        right=[swiglu_with_matmul, swiglu_with(lambda gate, up: F.silu(gate) * up)],
        wrong={
            "halves-swapped": swiglu_with(lambda gate, up: gate * F.silu(up)),
            "rows-taken-in-turn": every_second_row,
            "sigmoid-not-silu": swiglu_with(lambda gate, up: torch.sigmoid(gate) * up),
            "gelu-not-silu": swiglu_with(lambda gate, up: F.gelu(gate) * up),
            "gelu-approximated": swiglu_with(lambda gate, up: F.gelu(gate, approximate="tanh") * up),
            "relu-not-silu": swiglu_with(lambda gate, up: torch.relu(gate) * up),
            "added-not-multiplied": swiglu_with(lambda gate, up: F.silu(gate) + up),
            "silu-after-the-product": swiglu_with(lambda gate, up: F.silu(gate * up)),
            "nothing-bent": swiglu_with(lambda gate, up: gate * up),
            "up-unused": swiglu_with(lambda gate, up: F.silu(gate)),
        },
    ),
    "rotate": Answers(
        right=[rotate_pair_by_pair, rotate_with_halves],
        wrong={
            "neighbours-paired": rotate_neighbours,
            "turned-backwards": rotate_backwards,
            "minus-missing": rotate_in(usual_angles, sign=1.0),
            "angles-of-neighbours": angles_repeated_in_place,
            "frequency-inverted": rotate_in(lambda p, i, base, d: torch.outer(p, base ** (2 * i / d))),
            "position-ignored": rotate_in(lambda p, i, base, d: (base ** (-2 * i / d)).expand(len(p), -1)),
            "one-frequency": rotate_in(lambda p, i, base, d: p[:, None].repeat(1, len(i))),
            "exponent-halved": rotate_in(lambda p, i, base, d: torch.outer(p, base ** (-i / d))),
            "positions-from-one": rotate_in(lambda p, i, base, d: usual_angles(p + 1, i, base, d)),
            "heads-taken-for-positions": positions_from_heads,
        },
    ),
    "attention": Answers(
        right=[attention_by_torch, attention_query_by_query, attention_with_a_large_number],
        wrong={
            "mask-after-softmax": masked_afterwards,
            "masked-score-zero": masked_with_zero,
            "mask-inverted": masked_where_true,
            "mask-turned": mask_on_its_side,
            "mask-unused": mask_forgotten,
            "no-root-of-d": scale_forgotten,
            "divided-by-d": scaled_by_d,
            "divided-by-other-size": scaled_by_positions,
            "softmax-over-queries": softmax_down_the_columns,
            "value-turned": everything_turned,
            "nothing-turned": rotate_forgotten,
            "key-not-turned": key_not_turned,
            "query-not-turned": query_not_turned,
            "turned-too-late": result_turned,
        },
    ),
    "token_mixer": Answers(
        right=[channel_by_channel, puzzle_by_puzzle],
        wrong={
            "channels-mixed": lambda h, mix: mix(h),
            "not-turned-back": lambda h, mix: mix(h.transpose(1, 2)),
            "batch-mixed": over_the_batch,
            "turned-by-reshape": poured,
            "not-back-but-reshaped": poured_back,
            "input-added": lambda h, mix: h + channel_by_channel(h, mix),
        },
    ),
    "post_norm_block": Answers(
        right=[block_in_one_go],
        wrong={
            "pre-norm": block_pre_norm,
            "no-input-added": block_without_input,
            "second-input-missing": block_forgets_second_input,
            "first-input-missing": block_forgets_first_input,
            "branch-normed": block_norms_branches,
            "first-norm-over-channels": block_norms_channels,
            "first-norm-missing": block_without_first_norm,
            "last-norm-missing": block_without_last_norm,
            "halves-exchanged": block_backwards,
            "never-on-its-side": block_of_channels,
            "side-by-side": block_in_parallel,
            "not-turned-back": block_left_on_its_side,
        },
    ),
    "start": Answers(
        right=[start_by_redrawing, start_by_quantiles, start_with(lambda fan_in, fan_out: fan_in**-0.5)],
        wrong={
            "clamped": start_clamped,
            "not-corrected": start_uncorrected,
            "corrected-backwards": start_multiplied,
            "cut-too-early": start_cut_too_early,
            "not-cut": start_cut_at_plain_two,
            "redrawn-once": start_redrawn_once,
            "not-normal": start_uniform,
            "not-centred": start_one_sided,
            "shape-turned": start_on_its_side,
            "generator-ignored": start_from_the_global_state,
            "always-the-same": start_seeded_inside,
            "spread-off": start_with(lambda fan_in, fan_out: 1.25 * fan_in**-0.5),
            "cut-elsewhere": start_cut_at_one_and_a_half,
            "fan-out-not-corrected": start_outputs_uncorrected,
            "fan-out": start_with(lambda fan_in, fan_out: fan_out**-0.5),
            "average-of-fans": start_with(lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out))),
            "two-over-fan-in": start_with(lambda fan_in, fan_out: math.sqrt(2 / fan_in)),
            "variance-for-spread": start_with(lambda fan_in, fan_out: 1 / fan_in),
            "unit-spread": start_with(lambda fan_in, fan_out: 1.0),
        },
    ),
}
