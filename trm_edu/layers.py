"""The building blocks of every network in the course. They know nothing of recursion.

Shapes: B batch, S positions (puzzle cells plus an optional prefix), D width, F inner width of a SwiGLU.
Weights are kept in fp32 and cast to the dtype of the activations where they are used, so that a bf16 forward
pass needs no second copy of the model and the optimizer always sees fp32.
Sources: arXiv 2510.04871 section 4.1 (architecture) and arXiv 2506.21734 section 2 (the same block for HRM).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

NORM_EPS = 1e-5
MIXERS = ("mlp", "attention", "conv")


def truncated_normal_(tensor: Tensor, std: float) -> Tensor:
    """Fill `tensor` in place from a normal cut at two standard deviations, rescaled so that its std really is `std`.

    Cutting the tails off shrinks the spread of what is left: an uncorrected draw has a standard deviation of
    0.88. The division undoes it. This is the start that the published code uses (LeCun: std = fan_in ** -0.5).
    """
    if std == 0:
        return nn.init.zeros_(tensor)
    density = math.exp(-2.0) / math.sqrt(2 * math.pi)  # the normal density at the cut
    mass = math.erf(math.sqrt(2.0))  # how much of the normal lies between the cuts
    shrunk = math.sqrt(1 - 4 * density / mass)
    return nn.init.trunc_normal_(tensor, std=std / shrunk, a=-2 * std / shrunk, b=2 * std / shrunk)


def rms_norm(x: Float[Tensor, "*shape D"], eps: float = NORM_EPS) -> Float[Tensor, "*shape D"]:
    """Divide each vector by its root mean square. No mean is subtracted and nothing is learned.

    A bf16 vector is squared in fp32. `eps` stands inside the root.
    """
    wide = x.float() if x.dtype == torch.bfloat16 else x
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)).to(x.dtype)


class Linear(nn.Module):
    """y = x W^T (+ b), with W in fp32 and the product in the dtype of x. `std` defaults to fan_in ** -0.5."""

    def __init__(self, fan_in: int, fan_out: int, *, bias: bool = False, std: float | None = None):
        super().__init__()
        self.weight = nn.Parameter(
            truncated_normal_(torch.empty(fan_out, fan_in), fan_in**-0.5 if std is None else std)
        )
        self.bias = nn.Parameter(torch.zeros(fan_out)) if bias else None

    def forward(self, x: Float[Tensor, "*shape fan_in"]) -> Float[Tensor, "*shape fan_out"]:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(x, self.weight.to(x.dtype), bias)


class Embedding(nn.Module):
    """A table of `count` vectors of width `dim`, std `std`; looked up and cast to `dtype`."""

    def __init__(self, count: int, dim: int, *, std: float):
        super().__init__()
        self.weight = nn.Parameter(truncated_normal_(torch.empty(count, dim), std))

    def forward(self, ids: Int[Tensor, "*shape"], dtype: torch.dtype = torch.float32) -> Float[Tensor, "*shape dim"]:
        table = self.weight.to(dtype)
        if torch.compiler.is_compiling() and ids.device.type == "cpu":
            # The same numbers as a product: torch 2.13 compiles the gradient of a lookup into wrong addresses when
            # several threads share it and a transposed tensor is near (tests/test_trainer.py).
            return F.one_hot(ids.long(), len(table)).to(dtype) @ table
        return F.embedding(ids, table)


def swiglu_width(dim: int, expansion: float, multiple: int) -> int:
    """Inner width: two thirds of `expansion * dim`, rounded to the next multiple. The authors' multiple is 256."""
    return math.ceil(round(expansion * dim * 2 / 3) / multiple) * multiple


class SwiGLU(nn.Module):
    """down(silu(gate(x)) * up(x)), gate and up in one matrix. Acts on the last axis (Shazeer, arXiv 2002.05202)."""

    def __init__(self, dim: int, expansion: float, multiple: int):
        super().__init__()
        width = swiglu_width(dim, expansion, multiple)
        self.gate_up = Linear(dim, 2 * width)
        self.down = Linear(width, dim)

    def forward(self, x: Float[Tensor, "*shape D"]) -> Float[Tensor, "*shape D"]:
        # Two products instead of one that is cut in half: on a CPU, silu of a strided half takes three times as long.
        gate, up = (F.linear(x, half.to(x.dtype)) for half in self.gate_up.weight.chunk(2))
        return self.down(F.silu(gate) * up)


class Rotary(nn.Module):
    """Rotary position embedding (Su et al., arXiv 2104.09864): turns pairs of query and key channels by position.

    Channel i is paired with channel i + head_dim / 2. The tables are fp32 and are not saved with the weights.
    columns: the positions behind the first `prefix` are the cells of a grid with so many columns. Then the first half
    of the pairs turns by the row, the second half by the column, and a prefix stands in a row of its own above.
    """

    def __init__(
        self, head_dim: int, positions: int, base: float = 10000.0, *, columns: int | None = None, prefix: int = 0
    ):
        super().__init__()
        place = torch.arange(positions, dtype=torch.float32)
        if columns is None:
            axes = place[None]
        else:
            cell = place - prefix
            above = cell < 0
            axes = torch.stack((cell.div(columns, rounding_mode="floor"), cell.remainder(columns)))
            axes[0, above], axes[1, above] = -1, place[above]
        share = head_dim // 2 // len(axes)  # pairs that turn by one axis
        if share * len(axes) * 2 != head_dim:
            raise ValueError(f"head width {head_dim} must be a multiple of {2 * len(axes)} for this rotary embedding")
        frequency = base ** (-torch.arange(share, dtype=torch.float32) / share)
        angle = torch.cat([torch.outer(axis, frequency) for axis in axes], dim=1).repeat(1, 2)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, x: Float[Tensor, "B heads S head_dim"]) -> Float[Tensor, "B heads S head_dim"]:
        first, second = x.chunk(2, dim=-1)
        turned = torch.cat((-second, first), dim=-1)
        return (x * self.cos + turned * self.sin).to(x.dtype)


class Attention(nn.Module):
    """Self-attention of every position with every other (no mask), with rotary positions if `rotary` is given."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        if dim % heads:
            raise ValueError(f"width {dim} cannot be split into {heads} heads; choose heads that divide the width")
        self.heads = heads
        self.qkv = Linear(dim, 3 * dim)
        self.out = Linear(dim, dim)

    def forward(self, x: Float[Tensor, "B S D"], rotary: Rotary | None = None) -> Float[Tensor, "B S D"]:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each [B, heads, S, head_dim]
        if rotary is not None:
            q, k = rotary(q), rotary(k)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Convolution(nn.Module):
    """A 3 x 3 convolution over a grid with `columns` columns: a cell hears itself and the eight cells around it.

    Each of the nine has a matrix of its own, the same for every cell; beyond the border there is zero. So the weights
    fit any size of grid.
    """

    def __init__(self, dim: int, columns: int):
        super().__init__()
        self.columns = columns
        self.weight = nn.Parameter(truncated_normal_(torch.empty(dim, 9 * dim), (9 * dim) ** -0.5))

    def forward(self, h: Float[Tensor, "B S D"]) -> Float[Tensor, "B S D"]:
        grid = h.transpose(1, 2).unflatten(2, (-1, self.columns))
        kernel = self.weight.to(h.dtype).unflatten(1, (-1, 3, 3))
        return F.conv2d(grid, kernel, padding=1).flatten(2).transpose(1, 2)


class Block(nn.Module):
    """One post-norm layer: mix the positions, then mix the channels; add and normalise after each.

    `mixer` is "attention", "mlp" or "conv". The token mixer "mlp" is a SwiGLU over the positions (every channel is
    mixed with the same weights), so it needs a fixed number of positions. Note where its norm acts: on the transposed
    tensor, over the *positions*, as in the published code. "conv" is ours, for puzzles whose rules look no further than
    the next cell; it needs `columns`.
    """

    def __init__(
        self, dim: int, positions: int, *, mixer: str, heads: int, expansion: float, multiple: int, columns: int = 0
    ):
        super().__init__()
        if mixer not in MIXERS:
            raise ValueError(f"mixer is {mixer!r}; it must be one of {', '.join(MIXERS)}")
        self.attention = Attention(dim, heads) if mixer == "attention" else None
        self.convolution = Convolution(dim, columns) if mixer == "conv" else None
        self.token_mixer = SwiGLU(positions, expansion, multiple) if mixer == "mlp" else None
        self.mlp = SwiGLU(dim, expansion, multiple)

    def forward(self, h: Float[Tensor, "B S D"], rotary: Rotary | None = None) -> Float[Tensor, "B S D"]:
        if self.token_mixer is not None:
            columns = h.transpose(1, 2)
            h = rms_norm(columns + self.token_mixer(columns)).transpose(1, 2)
        elif self.convolution is not None:
            h = rms_norm(h + self.convolution(h))
        else:
            h = rms_norm(h + self.attention(h, rotary))
        return rms_norm(h + self.mlp(h))


class Network(nn.Module):
    """A few blocks; called as network(state, injected). The two are added before the first block."""

    def __init__(self, blocks: list[nn.Module]):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(
        self, state: Float[Tensor, "B S D"], injected: Float[Tensor, "B S D"], rotary: Rotary | None = None
    ) -> Float[Tensor, "B S D"]:
        h = state + injected
        for block in self.blocks:
            h = block(h, rotary)
        return h
