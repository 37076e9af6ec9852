"""Ablations: each is the smallest change to `TRM` that makes one of the paper's comparisons (tables 1 and 2)."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trm_edu.direct import Direct
from trm_edu.errors import RecipeError
from trm_edu.hrm import HRM, HRMConfig
from trm_edu.interface import ModelConfig, make_network, start_vector
from trm_edu.symmetric import SymmetricConfig, SymmetricTRM
from trm_edu.trm import TRM, State


class OneStepGradient(TRM):
    """TRM with HRM's gradient: only the last update of z and the last update of y are differentiated."""

    def latent_recursion(self, x: Float[Tensor, "B S D"], state: State) -> State:
        y, z = state
        with torch.no_grad():
            for _ in range(self.config.n - 1):
                z = self.network(z, y + x, self.rotary)
        z = self.network(z, y + x, self.rotary)
        y = self.network(y, z, self.rotary)
        return State(y, z)


class SeparateNetworks(TRM):
    """TRM with one network to think and another to answer (the paper's "separate f_H and f_L")."""

    def make_networks(self, config: ModelConfig) -> None:
        self.f_L = make_network(config)
        self.f_H = make_network(config)

    def latent_recursion(self, x: Float[Tensor, "B S D"], state: State) -> State:
        y, z = state
        for _ in range(self.config.n):
            z = self.f_L(z, y + x, self.rotary)
        y = self.f_H(y, z, self.rotary)
        return State(y, z)


class SingleState(NamedTuple):
    """The only state of `SingleZ`."""

    z: Float[Tensor, "B S D"]


class SingleZ(TRM):
    """One state does everything: it thinks n times with the question, once without, and is read as the answer."""

    def make_starts(self, config: ModelConfig) -> None:
        self.register_buffer("z_init", start_vector(config))

    def initial_state(self, batch_size: int) -> SingleState:
        shape = (batch_size, self.config.n_positions, self.config.hidden)
        return SingleState(self.z_init.to(self.config.torch_dtype).expand(shape))

    def latent_recursion(self, x: Float[Tensor, "B S D"], state: SingleState) -> SingleState:
        (z,) = state
        for _ in range(self.config.n):
            z = self.network(z, x, self.rotary)
        z = self.network(z, torch.zeros_like(z), self.rotary)
        return SingleState(z)


class MultiScaleState(NamedTuple):
    """The answer and n scratch pads, stacked: update i of a recursion writes pad i and reads them all."""

    y: Float[Tensor, "B S D"]
    pads: Float[Tensor, "B S n*D"]


class MultiScaleZ(TRM):
    """n latent states instead of one. Pad i is rewritten by update i from the sum of everything; y reads their sum."""

    def make_starts(self, config: ModelConfig) -> None:
        self.register_buffer("y_init", start_vector(config))
        self.register_buffer("pads_init", torch.stack([start_vector(config) for _ in range(config.n)]))

    def initial_state(self, batch_size: int) -> MultiScaleState:
        shape = (batch_size, self.config.n_positions, -1)
        dtype = self.config.torch_dtype
        return MultiScaleState(self.y_init.to(dtype).expand(shape), self.pads_init.flatten().to(dtype).expand(shape))

    def latent_recursion(self, x: Float[Tensor, "B S D"], state: MultiScaleState) -> MultiScaleState:
        y = state.y
        pads = list(state.pads.chunk(self.config.n, dim=-1))
        for i in range(self.config.n):
            others = sum(pads[:i] + pads[i + 1 :], torch.zeros_like(y))
            pads[i] = self.network(pads[i], y + x + others, self.rotary)
        y = self.network(y, sum(pads[1:], pads[0]), self.rotary)
        return MultiScaleState(y, torch.cat(pads, dim=-1))


MODELS: dict[str, type[nn.Module]] = {
    "trm": TRM,
    "hrm": HRM,
    "direct": Direct,
    "one_step_gradient": OneStepGradient,
    "separate_networks": SeparateNetworks,
    "single_z": SingleZ,
    "multi_scale_z": MultiScaleZ,
    "symmetric": SymmetricTRM,
}
CONFIGS: dict[str, type[ModelConfig]] = {"hrm": HRMConfig, "symmetric": SymmetricConfig}


def model_name(model: nn.Module) -> str:
    """The name under which `build_model` makes a model of this class."""
    for name, cls in MODELS.items():
        if type(model) is cls:
            return name
    raise RecipeError(f"{type(model).__name__} is not one of the models {', '.join(MODELS)}")


def build_model(name: str, config: ModelConfig | dict) -> nn.Module:
    """Make a model by name from its settings (an object, or the dict that a checkpoint holds).

    Raises RecipeError for an unknown name and for a setting that does not exist.
    """
    if name not in MODELS:
        raise RecipeError(f"model {name!r} does not exist; choose one of {', '.join(MODELS)}")
    config_class = CONFIGS.get(name, ModelConfig)
    settings = dict(config) if isinstance(config, dict) else asdict(config)
    known = {field.name for field in fields(config_class)}
    if unknown := sorted(set(settings) - known):
        raise RecipeError(
            f"unknown model settings {', '.join(unknown)}; {config_class.__name__} has {', '.join(sorted(known))}"
        )
    return MODELS[name](config_class(**settings))
