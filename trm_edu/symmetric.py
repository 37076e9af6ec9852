"""A TRM with the symmetries of Sudoku built in. Regime D: never compare its scores with those of a plain TRM.

A plain TRM has one vector for each cell and must learn from examples that digits are interchangeable and that rows,
columns and boxes matter. Here every candidate (cell c could hold digit d) has a vector of its own, and all candidates
share the same weights. They hear of each other only through four means: the candidates of the same cell, and those of
the same digit in the same row, column and box. Relabelling digits or moving rows within a band permutes the vectors
and changes nothing else, without a single augmented example.

The recursion, the two states, the supervision and the halting are those of `TRM`. The idea of digit symmetry in a TRM
is from the DEC project (0.79M weights); this network is our own.

Shapes: B batch, N = side of the grid, L = N * N cells, candidates C = L * N in the order row, column, digit, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from trm_edu.errors import RecipeError
from trm_edu.interface import LOGIT_AT_START, ModelConfig, Output
from trm_edu.layers import Embedding, Linear, Network, Rotary, SwiGLU, rms_norm
from trm_edu.trm import TRM, State

NEVER = -1e4  # the logit of padding and blank: no answer holds them
FIRST_DIGIT = 2  # token of digit 1, after padding and blank


@dataclass(frozen=True)
class SymmetricConfig(ModelConfig):
    """As ModelConfig, with the shape of a box; the mixer is fixed, and there are no positions and no prefix."""

    box_rows: int = 3
    box_cols: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.seq_len, self.vocab_size) != (self.side**2, self.side + FIRST_DIGIT):
            raise RecipeError(
                f"the symmetric model with boxes of {self.box_rows}x{self.box_cols} is for Sudoku of {self.side**2} "
                f"cells and {self.side + FIRST_DIGIT} tokens, not of {self.seq_len} and {self.vocab_size}"
            )
        if self.prefix_len or self.positions != "none" or self.mixer != "mlp":
            raise RecipeError(
                "the symmetric model has neither prefix nor positions nor attention; got prefix_len "
                f"{self.prefix_len}, positions {self.positions!r}, mixer {self.mixer!r}"
            )

    @property
    def side(self) -> int:
        return self.box_rows * self.box_cols


class SymmetricBlock(nn.Module):
    """One post-norm layer: hear the four groups of every candidate, then mix the channels."""

    def __init__(self, config: SymmetricConfig):
        super().__init__()
        self.config = config
        dim = config.hidden
        self.row, self.column, self.box, self.cell = (Linear(dim, dim) for _ in range(4))
        self.mlp = SwiGLU(dim, config.expansion, config.swiglu_multiple)

    def hear(self, h: Float[Tensor, "B C D"]) -> Float[Tensor, "B C D"]:
        """What each candidate is told by its row, column, box and cell: a linear map of each group's mean."""
        side, rows, cols = self.config.side, self.config.box_rows, self.config.box_cols
        grid = h.unflatten(1, (side, side, side))  # row, column, digit
        boxes = h.unflatten(1, (side // rows, rows, side // cols, cols, side))  # band, row, stack, column, digit
        lines = self.row(grid.mean(2))[:, :, None] + self.column(grid.mean(1))[:, None]
        lines = lines + self.cell(grid.mean(3))[:, :, :, None]
        told = lines.view(boxes.shape) + self.box(boxes.mean((2, 4)))[:, :, None, :, None]
        return told.flatten(1, 5)

    def forward(self, h: Float[Tensor, "B C D"], rotary: Rotary | None = None) -> Float[Tensor, "B C D"]:
        h = rms_norm(h + self.hear(h))
        return rms_norm(h + self.mlp(h))


class CandidateEmbedding(nn.Module):
    """x: one of three vectors for each candidate: its cell is open, holds this digit, or holds another one."""

    puzzle = None  # no prefix

    def __init__(self, config: SymmetricConfig):
        super().__init__()
        self.config = config
        self.tokens = Embedding(3, config.hidden, std=config.hidden**-0.5)

    def forward(
        self, inputs: Int[Tensor, "B L"], puzzle_ids: Int[Tensor, " B"] | None = None
    ) -> Float[Tensor, "B C D"]:
        digits = torch.arange(self.config.side, device=inputs.device) + FIRST_DIGIT
        cells = inputs[:, :, None]
        kind = torch.where(cells < FIRST_DIGIT, 0, torch.where(cells == digits, 1, 2))
        return self.tokens(kind.flatten(1), self.config.torch_dtype) * self.config.hidden**0.5


class CandidateHeads(nn.Module):
    """One score for each candidate is its logit; halting reads the mean and the maximum over all candidates."""

    def __init__(self, config: SymmetricConfig):
        super().__init__()
        self.side = config.side
        self.answer = Linear(config.hidden, 1)
        self.halt = Linear(2 * config.hidden, 2, bias=True, std=0.0)
        nn.init.constant_(self.halt.bias, LOGIT_AT_START)

    def forward(self, y: Float[Tensor, "B C D"]) -> Output:
        halt, go_on = self.halt(torch.cat((y.mean(1), y.amax(1)), dim=-1)).float().unbind(-1)
        scores = self.answer(y).squeeze(-1).unflatten(1, (self.side**2, self.side))
        return Output(F.pad(scores, (FIRST_DIGIT, 0), value=NEVER), halt, go_on)


class SymmetricTRM(TRM):
    """TRM over candidates instead of cells. It is called in the same way; its states are [B, C, D]."""

    config: SymmetricConfig

    def __init__(self, config: SymmetricConfig):
        nn.Module.__init__(self)
        self.config = config
        self.embed = CandidateEmbedding(config)
        self.rotary = None
        self.network = Network([SymmetricBlock(config) for _ in range(config.n_layers)])
        self.heads = CandidateHeads(config)
        self.make_starts(config)

    def initial_state(self, batch_size: int) -> State:
        """The same fixed random vector for every candidate, one for y and one for z."""
        shape, dtype = (batch_size, self.config.side**3, self.config.hidden), self.config.torch_dtype
        return State(self.y_init.to(dtype).expand(shape), self.z_init.to(dtype).expand(shape))
