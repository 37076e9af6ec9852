"""Direct prediction: the same blocks, each used once, no recursion, no state. The baseline of the paper's table 4."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Int
from torch import Tensor, nn

from trm_edu.interface import InputEmbedding, ModelConfig, Output, OutputHeads, make_network, make_rotary


class NoState(NamedTuple):
    """A direct model remembers nothing."""


class Direct(nn.Module):
    """Embed, apply `n_layers` blocks, read the answer. `T` and `n` of the settings are not used."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.embed = InputEmbedding(config)
        self.rotary = make_rotary(config)
        self.network = make_network(config)
        self.heads = OutputHeads(config)

    def initial_state(self, batch_size: int) -> NoState:
        return NoState()

    def forward(
        self, inputs: Int[Tensor, "B L"], state: NoState, puzzle_ids: Int[Tensor, " B"] | None = None
    ) -> tuple[NoState, Output]:
        """The same call as a recursive model's, so that one loop trains them all."""
        h = self.embed(inputs, puzzle_ids)
        for block in self.network.blocks:
            h = block(h, self.rotary)
        return state, self.heads(h)
