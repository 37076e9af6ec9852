"""The authors' names: read their configuration and weights, write them back.

| ours | theirs |
|---|---|
| y, z | z_H, z_L |
| n, T | L_cycles, H_cycles |
| n_supervision | halt_max_steps |
| halt_logit | q_halt_logits |
| positions "rotary" | pos_encodings "rope" |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from trm_edu.errors import CheckpointError
from trm_edu.hrm import HRMConfig
from trm_edu.interface import ModelConfig
from trm_edu.variants import MODELS, build_model, model_name

POSITIONS = {"rope": "rotary", "learned": "learned", "none": "none", None: "none"}
WRAPPERS = (
    "_orig_mod.",
    "module.",
    "model.",
    "inner.",
)  # torch.compile, DistributedDataParallel, loss head, ACT wrapper


def strip_wrappers(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Remove the prefixes that compile, DDP, the loss head and the ACT wrapper put before every name."""
    plain = {}
    for name, tensor in state_dict.items():
        while wrapper := next((w for w in WRAPPERS if name.startswith(w)), None):
            name = name[len(wrapper) :]
        plain[name] = tensor
    return plain


def guess_model(state_dict: Mapping[str, Tensor], config: Mapping[str, Any]) -> str:
    """Which of our models a set of authors' weights belongs to, seen from the names in it."""
    names = strip_wrappers(state_dict)
    if any(name.startswith("H_level.") for name in names):
        return "hrm"
    if "L1_init" in names:
        return "multi_scale_z"
    return "trm" if "H_init" in names else "single_z"


def config_from_authors(config: Mapping[str, Any], name: str = "trm") -> ModelConfig:
    """Our settings from the authors' configuration. Raises CheckpointError if an entry is missing or unknown."""
    try:
        hidden, dim = config["hidden_size"], config.get("puzzle_emb_ndim", 0)
        # HRM knows no puzzle_emb_len: its prefix is as long as the embedding needs. In TRM, 0 asks for the same.
        prefix = 0 if name == "hrm" else config.get("puzzle_emb_len", 16)
        prefix = prefix or -(dim // -hidden)
        settings: dict[str, Any] = {
            "vocab_size": config["vocab_size"],
            "seq_len": config["seq_len"],
            "hidden": hidden,
            "n_layers": config["L_layers"],
            "T": config["H_cycles"],
            "n": config["L_cycles"],
            "mixer": "mlp" if config.get("mlp_t", False) else "attention",
            "heads": config["num_heads"],
            "expansion": config["expansion"],
            "positions": POSITIONS[config["pos_encodings"]],
            "prefix_len": prefix,
            "puzzle_ids": config["num_puzzle_identifiers"] if dim else 0,
            "puzzle_dim": dim,
            "rotary_base": config.get("rope_theta", 10000.0),
            "dtype": config.get("forward_dtype", "bfloat16"),
        }
    except KeyError as error:
        known = f"entry or value {error} of the authors' configuration; it holds {', '.join(sorted(config))}"
        raise CheckpointError(f"cannot read {known}") from None
    if name == "hrm":
        return HRMConfig(**settings, n_layers_high=config["H_layers"])
    return ModelConfig(**settings)


def name_map(model: nn.Module) -> dict[str, str]:
    """Our weight and buffer names -> the authors', one to one. `pads_init` is split by the callers."""
    name = model_name(model)
    networks = {"f_L": "L_level", "f_H": "H_level", "network": "L_level"}
    parts = {
        "attention.qkv": "self_attn.qkv_proj",
        "attention.out": "self_attn.o_proj",
        "token_mixer.gate_up": "mlp_t.gate_up_proj",
        "token_mixer.down": "mlp_t.down_proj",
        "mlp.gate_up": "mlp.gate_up_proj",
        "mlp.down": "mlp.down_proj",
    }
    fixed = {
        "embed.tokens.weight": "embed_tokens.embedding_weight",
        "embed.positions.weight": "embed_pos.embedding_weight",
        "embed.puzzle.weight": "puzzle_emb.weights",
        "heads.answer.weight": "lm_head.weight",
        "heads.halt.weight": "q_head.weight",
        "heads.halt.bias": "q_head.bias",
        "y_init": "H_init",
        "z_H_init": "H_init",
        "z_L_init": "L_init",
        "z_init": "L_init",
        "pads_init": "L{}_init",
    }
    mapped = {}
    for ours in model.state_dict():
        if ours in fixed:
            mapped[ours] = fixed[ours]
            continue
        network, blocks, index, *rest = ours.split(".")
        part, kind = ".".join(rest[:-1]), rest[-1]
        if network not in networks or blocks != "blocks" or part not in parts:
            raise CheckpointError(f"the authors' code has no counterpart of {ours} in model {name}")
        mapped[ours] = f"{networks[network]}.layers.{index}.{parts[part]}.{kind}"
    return mapped


def from_authors(state_dict: Mapping[str, Tensor], config: Mapping[str, Any], name: str | None = None) -> nn.Module:
    """Build our model from the authors' weights and configuration; `name` is guessed from the weights if not given.

    Raises CheckpointError naming every weight that is missing, left over, or of another shape.
    """
    weights = strip_wrappers(state_dict)
    name = name or guess_model(weights, config)
    if name not in MODELS:
        raise CheckpointError(f"model {name!r} does not exist; choose one of {', '.join(MODELS)}")
    model = build_model(name, config_from_authors(config, name))
    target = model.state_dict()
    wanted: dict[str, tuple[Tensor, str]] = {}
    for ours, theirs in name_map(model).items():
        if ours == "pads_init":
            wanted |= {theirs.format(i + 1): (pad, ours) for i, pad in enumerate(target[ours])}
        else:
            wanted[theirs] = (target[ours], ours)
    missing, extra = sorted(set(wanted) - set(weights)), sorted(set(weights) - set(wanted))
    shapes = [
        f"{key} has shape {tuple(weights[key].shape)} instead of {tuple(wanted[key][0].shape)}"
        for key in sorted(set(wanted) & set(weights))
        if weights[key].shape != wanted[key][0].shape
    ]
    if missing or extra or shapes:
        told = (
            [f"missing {', '.join(missing)}"] * bool(missing) + [f"left over {', '.join(extra)}"] * bool(extra) + shapes
        )
        raise CheckpointError(f"these weights are not those of a {name} of this configuration: {'; '.join(told)}")
    with torch.no_grad():
        for key, (tensor, _) in wanted.items():
            tensor.copy_(weights[key])
    return model


def to_authors(model: nn.Module) -> dict[str, Tensor]:
    """The model's weights under the authors' names (without wrappers). The inverse of `from_authors`."""
    state = model.state_dict()
    theirs: dict[str, Tensor] = {}
    for ours, name in name_map(model).items():
        if ours == "pads_init":
            theirs |= {name.format(i + 1): pad.clone() for i, pad in enumerate(state[ours])}
        else:
            theirs[name] = state[ours].clone()
    return theirs
