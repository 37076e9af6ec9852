"""The Hierarchical Reasoning Model (arXiv 2506.21734, figure 4): two networks that tick at two frequencies.

The low network f_L updates z_L at every tick; the high network f_H updates z_H once after every n ticks. Gradients
pass through the very last update of each only: the "one-step gradient", justified in the paper by a fixed point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from trm_edu.interface import ModelConfig, make_network, start_vector
from trm_edu.trm import TRM


@dataclass(frozen=True)
class HRMConfig(ModelConfig):
    """As ModelConfig; `n_layers` belongs to the low network, `n_layers_high` to the high one (default: the same)."""

    n_layers_high: int | None = None


class HRMState(NamedTuple):
    """High state (slow, read by the heads) and low state (fast)."""

    z_H: Float[Tensor, "B S D"]
    z_L: Float[Tensor, "B S D"]


class HRM(TRM):
    """Two networks, two states, one-step gradient. It is called in the same way as `TRM`."""

    config: HRMConfig

    def make_networks(self, config: HRMConfig) -> None:
        self.f_L = make_network(config)
        self.f_H = make_network(config, getattr(config, "n_layers_high", None))

    def make_starts(self, config: HRMConfig) -> None:
        self.register_buffer("z_H_init", start_vector(config))
        self.register_buffer("z_L_init", start_vector(config))

    def initial_state(self, batch_size: int) -> HRMState:
        shape = (batch_size, self.config.n_positions, self.config.hidden)
        dtype = self.config.torch_dtype
        return HRMState(self.z_H_init.to(dtype).expand(shape), self.z_L_init.to(dtype).expand(shape))

    def deep_recursion(self, x: Float[Tensor, "B S D"], state: HRMState) -> HRMState:
        """T cycles of n low ticks and one high tick. All but the last tick of each run without gradient."""
        z_H, z_L = state
        with torch.no_grad():
            for cycle in range(self.config.T):
                last_cycle = cycle == self.config.T - 1
                for _ in range(self.config.n - last_cycle):
                    z_L = self.f_L(z_L, z_H + x, self.rotary)
                if not last_cycle:
                    z_H = self.f_H(z_H, z_L, self.rotary)
        z_L = self.f_L(z_L, z_H + x, self.rotary)
        z_H = self.f_H(z_H, z_L, self.rotary)
        return HRMState(z_H, z_L)
