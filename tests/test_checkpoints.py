"""Weights in and out: whole or not at all, and never anything but a model or one clear line."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, safe_open, save_file

from trm_edu import data
from trm_edu.checkpoints import DEFAULT, FORMAT, Checkpoint, load_model, save_model, shipped_model
from trm_edu.errors import CheckpointError
from trm_edu.hrm import HRMConfig
from trm_edu.interface import ModelConfig, parameter_count
from trm_edu.tasks import get_task
from trm_edu.variants import MODELS, build_model, model_name

SIZES = ModelConfig(8, 36, hidden=8, n_layers=1, T=1, n=2, heads=2, swiglu_multiple=8)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_model(tmp_path / "model.safetensors", build_model("trm", SIZES), task="sudoku6")


def rewrite(path: Path, change: Callable[[dict[str, str], dict[str, torch.Tensor]], Any]) -> Path:
    """The file once more, with its metadata and tensors changed."""
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
    tensors = load_file(path)
    change(metadata, tensors)
    save_file(tensors, path, metadata=metadata)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message, message
    return message


# --- round trip -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"symmetric"}))  # symmetric: tests/test_symmetric.py
def test_what_is_saved_comes_back_to_the_bit(name: str, tmp_path: Path) -> None:
    prefix = {"prefix_len": 2, "puzzle_ids": 3, "puzzle_dim": 16}
    settings = asdict(SIZES) | prefix | ({"n_layers_high": 2} if name == "hrm" else {})
    model = build_model(name, settings)
    model.embed.puzzle.weight.normal_()
    path = save_model(tmp_path / "new" / "m.safetensors", model, task="sudoku6")
    found = load_model(str(path))
    assert model_name(found.model) == name and found.model.config == model.config
    assert isinstance(found.model.config, HRMConfig) == (name == "hrm")
    state = found.model.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert len(state) == len(model.state_dict())
    assert not found.model.training


def test_provenance_comes_back(tmp_path: Path) -> None:
    recipe = {"name": "x", "lr": 1e-3, "max_seconds": None, "augment": True}
    metrics = {"trained_on": "seven puzzles", "exact": 0.5, "interval": [0.1, 0.9]}
    path = tmp_path / "m.safetensors"
    save_model(path, build_model("trm", SIZES), task="sudoku6", recipe=recipe, metrics=metrics)
    found = load_model(path)
    assert (found.task, found.recipe, found.metrics, found.path) == ("sudoku6", recipe, metrics, path)
    assert found.regime == "seven puzzles"
    assert Checkpoint(found.model, "sudoku6").regime == "unknown puzzles"


def test_weights_may_be_stored_in_half_the_bytes(tmp_path: Path, saved: Path) -> None:
    model = load_model(saved).model
    path = save_model(tmp_path / "half.safetensors", model, task="sudoku6", dtype=torch.bfloat16)
    assert all(tensor.dtype == torch.bfloat16 for tensor in load_file(path).values())
    found = load_model(path).model
    for name, tensor in found.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, model.state_dict()[name].bfloat16().float())


def test_the_number_format_of_the_forward_pass_may_be_chosen(saved: Path) -> None:
    assert load_model(saved).model.config.dtype == "float32"
    found = load_model(saved, dtype="bfloat16").model
    assert found.config.dtype == "bfloat16"
    assert all(p.dtype == torch.float32 for p in found.parameters())


def test_nothing_is_unpickled(saved: Path) -> None:
    with safe_open(saved, framework="pt") as file:
        assert file.metadata()["format"] == FORMAT == "trm-edu-1"
        assert json.loads(file.metadata()["config"]) == asdict(SIZES)


# --- whole or not at all ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_while_writing_leaves_the_old_file(call: str, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def fail(*args: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(data.os, call, fail)
    with pytest.raises(OSError, match="No space left"):
        save_model(saved, build_model("trm", SIZES), task="sudoku6")
    assert saved.read_bytes() == before
    assert load_model(saved).task == "sudoku6"
    assert list(saved.parent.iterdir()) == [saved], "no litter"


# --- damaged, foreign, of another kind --------------------------------------------------------------------------------


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "is not a file; give a .safetensors file of trm-edu" in refusal(tmp_path / "nowhere.safetensors")
    assert "is not a file" in refusal(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.05, 0.5, 0.9999])
def test_a_truncated_file(share: float, saved: Path) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(share * len(whole))])
    assert "is damaged or no safetensors file: " in refusal(saved)


def test_a_file_with_bytes_too_many(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes() + b"more")
    assert "is damaged" in refusal(saved)


@given(position=st.integers(0, 2000), bit=st.integers(0, 7))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_flipped_bit_of_the_header_is_refused_in_one_line_or_harmless(
    position: int, bit: int, tmp_path: Path
) -> None:
    path = tmp_path / "flipped.safetensors"
    torch.manual_seed(0)
    save_model(path, build_model("trm", SIZES), task="sudoku6", metrics={"trained_on": "x"})
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)
    try:
        found = load_model(path)
    except CheckpointError as error:
        assert str(path) in str(error) and "\n" not in str(error)
    else:
        assert isinstance(found.regime, str) and isinstance(found.recipe, dict)


def test_a_flipped_bit_where_it_matters(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[8] ^= 1  # the brace that opens the header
    saved.write_bytes(content)
    assert "is damaged" in refusal(saved)


def test_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    path.write_text("question,answer\n" * 100)
    assert "is damaged or no safetensors file" in refusal(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    assert "is damaged or no safetensors file" in refusal(path)
    torch.save(build_model("trm", SIZES).state_dict(), path)
    assert "is damaged or no safetensors file" in refusal(path)
    save_file({"x": torch.zeros(3)}, path)
    assert "has format 'unknown', not 'trm-edu-1'" in refusal(path)
    assert "trm_edu.authors.from_authors" in refusal(path)


def set_config(**changes: Any) -> Callable[[dict[str, str], dict[str, torch.Tensor]], None]:
    return lambda metadata, _: metadata.update(config=json.dumps(json.loads(metadata["config"]) | changes))


BROKEN_PROMISES: dict[str, tuple[Callable, str]] = {
    "format": (lambda m, _: m.update(format="trm-edu-9"), "has format 'trm-edu-9', not 'trm-edu-1'"),
    "wider": (set_config(hidden=16), "size mismatch"),
    "longer": (set_config(seq_len=81), "size mismatch"),
    "deeper": (set_config(n_layers=2), "network.blocks.1.mlp.down.weight"),
    "impossible": (set_config(T=0), "T is 0; it must be at least 1"),
    "no number": (set_config(hidden="wide"), "not supported between instances of 'str' and 'int'"),
    "new setting": (set_config(depth=3), "unknown model settings depth"),
    "other model": (lambda m, _: m.update(model="hrm"), "f_H.blocks.0.mlp.down.weight"),
    "unknown model": (lambda m, _: m.update(model="gpt"), "model 'gpt' does not exist"),
    "no settings": (lambda m, _: m.pop("config"), "config"),
    "no task": (lambda m, _: m.pop("task"), "task"),
    "no JSON": (lambda m, _: m.update(config="{"), "Expecting property name"),
    "a list of settings": (lambda m, _: m.update(config="[]"), "config"),
    "a list of metrics": (lambda m, _: m.update(metrics="[]"), "metrics"),
    "a list as recipe": (lambda m, _: m.update(recipe="[1]"), "recipe"),
    "a weight less": (lambda _, t: t.pop("heads.answer.weight"), "heads.answer.weight"),
    "a weight more": (lambda _, t: t.update(extra=torch.zeros(1)), "extra"),
    "another shape": (lambda _, t: t.update({"heads.halt.bias": torch.zeros(3)}), "heads.halt.bias"),
}


@pytest.mark.parametrize("case", BROKEN_PROMISES)
def test_a_file_that_does_not_hold_what_it_promises(case: str, saved: Path, unchecked_types: None) -> None:
    change, words = BROKEN_PROMISES[case]
    assert words in refusal(rewrite(saved, change))


def test_rewriting_alone_breaks_nothing(saved: Path) -> None:
    assert load_model(rewrite(saved, lambda *_: None)).task == "sudoku6"


# --- shipped networks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DEFAULT)
def test_the_shipped_network_loads_and_is_small(name: str) -> None:
    found = shipped_model(name)
    task = get_task(name)
    assert found.task == name
    assert (found.model.config.seq_len, found.model.config.vocab_size) == (task.seq_len, task.vocab_size)
    assert found.path.stat().st_size <= 12 * 2**20
    assert found.regime != "unknown puzzles" and found.recipe["task"] == name
    assert parameter_count(found.model) > 10_000
    assert all(tensor.isfinite().all() for tensor in found.model.state_dict().values())


def test_a_task_without_a_shipped_network_is_told_which_have_one() -> None:
    with pytest.raises(CheckpointError, match="no network is shipped for 'sudoku4'; there is one for sudoku9, sudoku6"):
        shipped_model("sudoku4")
