"""The Tiny Recursive Model (arXiv 2510.04871, figure 3), written to be read beside the paper's pseudocode.

One small network plays two parts. Given the question x, the current answer y and a scratch pad z it

- thinks:  z <- net(z + y + x), n times,
- answers: y <- net(y + z), once.

That is one latent recursion. A supervision step makes T of them: T - 1 without gradient, the last one with.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from trm_edu.interface import (
    InputEmbedding,
    ModelConfig,
    Output,
    OutputHeads,
    make_network,
    make_rotary,
    start_vector,
)


class State(NamedTuple):
    """What a TRM remembers between supervision steps (the authors' z_H and z_L)."""

    y: Float[Tensor, "B S D"]
    z: Float[Tensor, "B S D"]


AnyState = tuple[Tensor, ...]  # a State here, another NamedTuple of tensors in HRM and the variants


class TRM(nn.Module):
    """One network, two states.

    Call it as `state, output = model(inputs, state, puzzle_ids)`: that is ONE supervision step. The loop over steps
    lives in `trm_edu.supervision`, because training keeps puzzles of different ages in one batch.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.embed = InputEmbedding(config)
        self.rotary = make_rotary(config)
        self.make_networks(config)
        self.heads = OutputHeads(config)
        self.make_starts(config)

    def make_networks(self, config: ModelConfig) -> None:
        self.network = make_network(config)

    def make_starts(self, config: ModelConfig) -> None:
        self.register_buffer("y_init", start_vector(config))
        self.register_buffer("z_init", start_vector(config))

    def initial_state(self, batch_size: int) -> State:
        """The same fixed random vector at every position of every puzzle, one for y and one for z."""
        shape = (batch_size, self.config.n_positions, self.config.hidden)
        dtype = self.config.torch_dtype
        return State(self.y_init.to(dtype).expand(shape), self.z_init.to(dtype).expand(shape))

    def latent_recursion(self, x: Float[Tensor, "B S D"], state: State) -> State:
        """Improve z n times, then y once: n + 1 evaluations of the network."""
        y, z = state
        for _ in range(self.config.n):
            z = self.network(z, y + x, self.rotary)
        y = self.network(y, z, self.rotary)
        return State(y, z)

    def deep_recursion(self, x: Float[Tensor, "B S D"], state: AnyState) -> AnyState:
        """T latent recursions; gradients flow through the last one only, all n + 1 evaluations of it."""
        with torch.no_grad():
            for _ in range(self.config.T - 1):
                state = self.latent_recursion(x, state)
        return self.latent_recursion(x, state)

    def answer_state(self, state: AnyState) -> Float[Tensor, "B S D"]:
        """The state that the heads read."""
        return state[0]

    def forward(
        self, inputs: Int[Tensor, "B L"], state: AnyState, puzzle_ids: Int[Tensor, " B"] | None = None
    ) -> tuple[AnyState, Output]:
        """One supervision step. The state that comes back is detached: no gradient passes from step to step."""
        x = self.embed(inputs, puzzle_ids)
        state = self.deep_recursion(x, state)
        output = self.heads(self.answer_state(state))
        return type(state)(*(s.detach() for s in state)), output
