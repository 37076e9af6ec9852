"""Stop a run at any moment and go on as if nothing had happened.

A state file holds everything that the next step depends on: weights, moving average, optimizer moments, the carry with
its half-solved puzzles, and the states of the random generators. On a CPU the resumed run is bit-equal to an
uninterrupted one (tests/test_resume.py).

Files are safetensors, written whole or not at all, with a checksum over their content inside. The last two are kept: if
the newest is damaged, the one before it is used, and that is said.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from tqdm.auto import tqdm

from trm_edu.data import write_whole
from trm_edu.errors import CheckpointError, RecipeError
from trm_edu.recipes import Recipe

FORMAT = "trm-edu-state-2"
KEEP = 2
# What may differ between the run that was stopped and the one that goes on: it does not change the training.
FREE_TO_CHANGE = ("max_seconds", "stop_at", "eval_every", "eval_part", "save_every", "accumulate")


def flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of nested dicts, lists and tuples, with its path as name. Only tensors may stand at the leaves."""
    if isinstance(value, Tensor):
        yield prefix, value
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield from flatten(inner, f"{prefix}/{key}" if prefix else str(key))


def restore(value: Any, tensors: dict[str, Tensor], prefix: str = "") -> Any:
    """The structure of `value` with the tensors of a file in it; KeyError for one that is missing."""
    if isinstance(value, Tensor):
        found = tensors[prefix]
        if found.shape != value.shape:
            raise KeyError(f"{prefix} of shape {tuple(value.shape)} (it has {tuple(found.shape)})")
        return found.to(value.device, value.dtype)
    path = f"{prefix}/" if prefix else ""
    if isinstance(value, dict):
        return {key: restore(inner, tensors, f"{path}{key}") for key, inner in value.items()}
    parts = [restore(inner, tensors, f"{path}{i}") for i, inner in enumerate(value)]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)


def checksum(tensors: dict[str, Tensor]) -> str:
    """CRC-32 over names, types, shapes and bytes."""
    crc = 0
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        crc = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), crc)
        crc = zlib.crc32(tensor.flatten().view(torch.uint8).numpy().tobytes() if tensor.numel() else b"", crc)
    return f"{crc:08x}"


@dataclass
class Saved:
    """A state file that was read: its tensors by path, and the facts beside them (step, seconds, recipe)."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    path: Path


def write_state(folder: Path, state: dict[str, Any], facts: dict[str, Any]) -> Path:
    """Write state-STEP.safetensors and remove all but the newest two."""
    # clone: two tensors that share memory (the expanded starts) cannot stand in one file
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in flatten(state)}
    metadata = {"format": FORMAT, "checksum": checksum(tensors), "facts": json.dumps(facts)}
    path = folder / f"state-{facts['step']:08d}.safetensors"
    write_whole(path, save(tensors, metadata=metadata))
    for old in sorted(folder.glob("state-*.safetensors"))[:-KEEP]:
        old.unlink()
    return path


def read_state(path: Path) -> Saved:
    """Read one state file. CheckpointError if it is damaged or foreign."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {' '.join(str(error).split())}") from None
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path} has format {metadata.get('format', 'unknown')!r}, not {FORMAT!r}")
    if checksum(tensors) != metadata.get("checksum"):
        raise CheckpointError(f"{path} is damaged: its content does not match its checksum")
    try:
        facts = json.loads(metadata["facts"])
    except (KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} is damaged: its facts cannot be read ({error})") from None
    return Saved(tensors, facts, path)


def newest_state(folder: Path) -> tuple[Saved | None, list[str]]:
    """The newest readable state of a run, and what was wrong with the newer ones. (None, []) if there is none."""
    complaints = []
    for path in sorted(folder.glob("state-*.safetensors"), reverse=True):
        try:
            return read_state(path), complaints
        except CheckpointError as error:
            complaints.append(str(error))
    return None, complaints


def remove_states(folder: Path) -> None:
    """A finished run needs none."""
    for path in folder.glob("state-*.safetensors"):
        path.unlink()


def earlier_state(folder: Path | None, recipe: Recipe) -> Saved | None:
    """The state from which a run in this folder goes on. RecipeError if it was made by another recipe."""
    if folder is None:
        return None
    saved, complaints = newest_state(folder)
    for complaint in complaints:
        tqdm.write(f"{complaint}; the state before it is used" if saved else complaint, file=sys.stderr)
    if complaints and saved is None:
        raise CheckpointError(
            f"{folder} holds an unfinished run, but none of its states can be read; choose another --out, or delete "
            "its state-*.safetensors files to begin anew"
        )
    if saved is None:
        return None
    before, now = (
        {k: v for k, v in each.items() if k not in FREE_TO_CHANGE} for each in (saved.facts["recipe"], recipe.as_dict())
    )
    if before != now:
        changed = ", ".join(f"{k} {before.get(k)} -> {now[k]}" for k in now if before.get(k) != now[k])
        raise RecipeError(
            f"{folder} holds an unfinished run of another recipe ({changed}); choose another --out, or delete its "
            "state-*.safetensors files to begin anew"
        )
    return saved
