"""What every model of the course shares: its settings, how a puzzle goes in, how an answer comes out.

Shapes: B batch, L puzzle cells, P prefix positions, S = P + L positions in all, D width, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from trm_edu.errors import RecipeError
from trm_edu.layers import MIXERS, Block, Embedding, Linear, Network, Rotary, truncated_normal_

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}
LOGIT_AT_START = -5.0  # the halting head starts by saying "not solved" with probability 0.993


@dataclass(frozen=True)
class ModelConfig:
    """The size and shape of a model. Names follow the paper; the authors' configuration names stand in brackets.

    `T` [H_cycles] and `n` [L_cycles] count the recursions of one supervision step and the latent updates in each.
    `dtype` is that of the forward pass; weights are kept in float32 (float64 serves proofs only).
    `swiglu_multiple` is 256 in the published code; a smaller one saves time at small widths. `positions` "rotary2d" and
    the mixer "conv" are ours: they know rows and columns of a grid with `grid_cols` columns.
    """

    vocab_size: int
    seq_len: int
    hidden: int = 512
    n_layers: int = 2
    T: int = 3
    n: int = 6
    mixer: Literal["mlp", "attention", "conv"] = "mlp"
    heads: int = 8
    expansion: float = 4.0
    positions: Literal["none", "rotary", "rotary2d", "learned"] = "none"
    prefix_len: int = 0
    puzzle_ids: int = 0
    puzzle_dim: int = 0
    swiglu_multiple: int = 256
    rotary_base: float = 10000.0
    grid_cols: int = 0
    dtype: Literal["float32", "bfloat16", "float64"] = "float32"

    def __post_init__(self) -> None:
        for name in ("vocab_size", "seq_len", "hidden", "n_layers", "T", "n", "heads", "swiglu_multiple"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} is {getattr(self, name)}; it must be at least 1")
        positions = ("none", "rotary", "rotary2d", "learned")
        choices = {"mixer": MIXERS, "positions": positions, "dtype": tuple(DTYPES)}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise RecipeError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(allowed)}")
        if self.mixer == "attention" and self.hidden % self.heads:
            raise RecipeError(f"hidden {self.hidden} cannot be split into {self.heads} heads; heads must divide hidden")
        for name in ("positions", "mixer"):
            needs_grid = getattr(self, name) in ("rotary2d", "conv")
            if needs_grid and (self.grid_cols < 1 or self.seq_len % self.grid_cols):
                raise RecipeError(
                    f"{name} {getattr(self, name)} needs grid_cols, a number of columns that divides seq_len "
                    f"{self.seq_len}; grid_cols is {self.grid_cols}"
                )
        if self.mixer == "conv" and self.prefix_len:
            raise RecipeError(f"mixer conv takes cells of a grid only; prefix_len is {self.prefix_len}, it must be 0")
        if self.prefix_len and self.puzzle_dim > self.prefix_len * self.hidden:
            raise RecipeError(
                f"puzzle_dim {self.puzzle_dim} does not fit into prefix_len {self.prefix_len} x hidden {self.hidden}; "
                f"prefix_len must be at least {math.ceil(self.puzzle_dim / self.hidden)}"
            )
        if (self.puzzle_dim > 0) != (self.puzzle_ids > 0) or (self.prefix_len > 0 and not self.puzzle_dim):
            raise RecipeError(
                f"prefix_len {self.prefix_len}, puzzle_ids {self.puzzle_ids} and puzzle_dim {self.puzzle_dim} must be "
                "all zero (no puzzle embedding) or all positive (but for a prefix_len of 0: the embedding of the "
                "puzzle is added to every cell)"
            )
        if self.puzzle_dim and not self.prefix_len and self.puzzle_dim != self.hidden:
            raise RecipeError(
                f"puzzle_dim is {self.puzzle_dim}; to be added to every cell (prefix_len 0) it must be hidden, "
                f"{self.hidden}"
            )

    @property
    def n_positions(self) -> int:
        """S: the prefix and the cells."""
        return self.prefix_len + self.seq_len

    @property
    def torch_dtype(self) -> torch.dtype:
        return DTYPES[self.dtype]


class Output(NamedTuple):
    """What one supervision step says. `continue_logit` is used by HRM's Q-learning only."""

    logits: Float[Tensor, "B L V"]
    halt_logit: Float[Tensor, " B"]
    continue_logit: Float[Tensor, " B"]


class PuzzleEmbedding(nn.Module):
    """One vector of `dim` numbers for each puzzle id, zero at the start.

    The table is a buffer, not a parameter: with hundreds of thousands of rows a dense gradient would be larger than the
    model. Each training call makes the rows it used into a leaf of their own, and leaves them with their ids in
    `taken`; `trm_edu.optim.SparseSignSGD` reads the gradient there and writes the rows back.
    """

    def __init__(self, count: int, dim: int):
        super().__init__()
        self.register_buffer("weight", torch.zeros(count, dim))
        self.taken: tuple[Tensor, Tensor] | None = None

    def forward(self, ids: Int[Tensor, " B"]) -> Float[Tensor, "B dim"]:
        rows = self.weight[ids]
        if self.training and torch.is_grad_enabled():
            rows = rows.detach().requires_grad_()
            self.taken = (ids, rows)
        return rows


class InputEmbedding(nn.Module):
    """x: the token embedding, behind a prefix of P vectors that belongs to the puzzle's id, times sqrt(D).

    Without a prefix (P = 0) the embedding of the puzzle, if there is one, is added to every cell: that is ours.
    Raises a RecipeError if a puzzle id is missing where the model has such an embedding.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        std = config.hidden**-0.5
        self.tokens = Embedding(config.vocab_size, config.hidden, std=std)
        self.puzzle = PuzzleEmbedding(config.puzzle_ids, config.puzzle_dim) if config.puzzle_dim else None
        learned = config.positions == "learned"
        self.positions = Embedding(config.n_positions, config.hidden, std=std) if learned else None

    def forward(
        self, inputs: Int[Tensor, "B L"], puzzle_ids: Int[Tensor, " B"] | None = None
    ) -> Float[Tensor, "B S D"]:
        config, dtype = self.config, self.config.torch_dtype
        x = self.tokens(inputs, dtype)
        if self.puzzle is not None:
            if puzzle_ids is None:
                raise RecipeError("this model has a puzzle embedding; give puzzle_ids, one integer for each puzzle")
            rows = self.puzzle(puzzle_ids).to(dtype)
            if config.prefix_len:
                rows = F.pad(rows, (0, config.prefix_len * config.hidden - config.puzzle_dim))
                x = torch.cat((rows.unflatten(-1, (config.prefix_len, config.hidden)), x), dim=1)
            else:
                x = x + rows[:, None]
        if self.positions is not None:
            x = (x + self.positions.weight.to(dtype)) * 0.5**0.5  # two summands: keep the variance of one
        return x * config.hidden**0.5


class OutputHeads(nn.Module):
    """Reads the answer state: logits for each cell, and two numbers from position 0 (halt, continue)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.prefix_len = config.prefix_len
        self.answer = Linear(config.hidden, config.vocab_size)
        self.halt = Linear(config.hidden, 2, bias=True, std=0.0)
        nn.init.constant_(self.halt.bias, LOGIT_AT_START)

    def forward(self, y: Float[Tensor, "B S D"]) -> Output:
        halt, go_on = self.halt(y[:, 0]).float().unbind(-1)
        return Output(self.answer(y)[:, self.prefix_len :], halt, go_on)


def make_network(config: ModelConfig, n_layers: int | None = None) -> Network:
    """The stack of `n_layers` (default: config.n_layers) blocks that a model applies again and again."""
    shape = {"mixer": config.mixer, "heads": config.heads, "expansion": config.expansion}
    shape["columns"] = config.grid_cols
    blocks = [
        Block(config.hidden, config.n_positions, **shape, multiple=config.swiglu_multiple)
        for _ in range(config.n_layers if n_layers is None else n_layers)
    ]
    return Network(blocks)


GRID_BASE = 100.0  # of rotary2d: a grid's side has tens of cells, a text thousands of words


def make_rotary(config: ModelConfig) -> Rotary | None:
    """The rotary tables if `positions` is "rotary" or "rotary2d" and there is attention to use them."""
    head_dim = config.hidden // config.heads
    if config.positions == "rotary2d":
        grid = {"columns": config.grid_cols, "prefix": config.prefix_len}
        return Rotary(head_dim, config.n_positions, GRID_BASE, **grid)
    return Rotary(head_dim, config.n_positions, config.rotary_base) if config.positions == "rotary" else None


def start_vector(config: ModelConfig) -> Float[Tensor, " D"]:
    """A fixed random start for a latent state: truncated normal with std 1. Not zero, and not learned."""
    return truncated_normal_(torch.empty(config.hidden), 1.0)


def parameter_count(model: nn.Module) -> int:
    """Number of trained weights. As in the paper, puzzle embeddings and fixed starts are not counted."""
    return sum(p.numel() for p in model.parameters())
