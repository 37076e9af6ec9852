"""Weights in and out, as safetensors: nothing is unpickled, and a file is written whole or not at all.

The metadata of a file says what it is: model and settings, task, recipe, and what was measured.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from trm_edu.data import write_whole
from trm_edu.errors import CheckpointError
from trm_edu.variants import build_model, model_name

FORMAT = "trm-edu-1"
SHIPPED = files("trm_edu") / "assets"
DEFAULT = {
    "sudoku9": "sudoku9.safetensors",
    "sudoku6": "sudoku6.safetensors",
    "maze10": "maze10.safetensors",
    "arc7": "arc7.safetensors",
}


@dataclass
class Checkpoint:
    """A model with where it comes from. `recipe` and `metrics` are what the file says, {} if it says nothing."""

    model: nn.Module
    task: str
    recipe: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None

    @property
    def regime(self) -> str:
        """What the network was trained on, in words."""
        return self.metrics.get("trained_on", "unknown puzzles")


def save_model(
    path: Path | str,
    model: nn.Module,
    *,
    task: str,
    recipe: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Save weights, settings and provenance in one safetensors file of `dtype`."""
    metadata = {
        "format": FORMAT,
        "model": model_name(model),
        "config": json.dumps(asdict(model.config)),
        "task": task,
        "recipe": json.dumps(recipe or {}),
        "metrics": json.dumps(metrics or {}),
    }
    tensors = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in model.state_dict().items()}
    write_whole(Path(path), save(tensors, metadata=metadata))
    return Path(path)


def load_model(path: Path | str, *, device: torch.device | str = "cpu", dtype: str | None = None) -> Checkpoint:
    """Load a file that `save_model` wrote; the model is in evaluation mode, its weights in float32.

    dtype: number format of the forward pass, if it should differ from the trained one.
    Raises CheckpointError, naming the file, if it is missing, truncated, foreign, or does not fit its own settings.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file; give a .safetensors file of trm-edu")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged or no safetensors file: {error}") from None
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has format {metadata.get('format', 'unknown')!r}, not {FORMAT!r}; "
            "for the authors' checkpoints use trm_edu.authors.from_authors"
        )
    try:
        entries = {name: json.loads(metadata[name]) for name in ("config", "recipe", "metrics")}
        if wrong := [name for name, value in entries.items() if not isinstance(value, dict)]:
            raise TypeError(f"entry {wrong[0]!r} must be a JSON object")
        model = build_model(metadata["model"], entries["config"] | ({"dtype": dtype} if dtype else {}))
        model.load_state_dict(tensors)
        model = model.to(device).eval()
        checkpoint = Checkpoint(model, metadata["task"], entries["recipe"], entries["metrics"], path)
    except KeyError as error:
        raise CheckpointError(f"{path} lacks the entry {error} in its metadata") from None
    except (TypeError, ValueError, RuntimeError) as error:  # torch lists what does not fit on several lines
        what = " ".join(str(error).split())
        raise CheckpointError(f"{path} does not hold what its metadata promises: {what}") from None
    return checkpoint


def shipped_model(task: str, *, device: torch.device | str = "cpu", dtype: str | None = None) -> Checkpoint:
    """The network that is shipped for a task. CheckpointError with the tasks that have one."""
    if task not in DEFAULT:
        raise CheckpointError(f"no network is shipped for {task!r}; there is one for {', '.join(DEFAULT)}")
    return load_model(Path(str(SHIPPED / DEFAULT[task])), device=device, dtype=dtype)
