"""A run that is killed goes on and ends bit-equal; a damaged state is noticed and the one before it is used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from trm_edu.checkpoints import load_model
from trm_edu.errors import CheckpointError, RecipeError
from trm_edu.recipes import Recipe
from trm_edu.resume import flatten, newest_state, read_state
from trm_edu.train import load_sets, train
from trm_edu.trainer import Trainer

TINY = Recipe(
    name="tiny",
    task="sudoku4",
    train_count=8,
    eval_count=6,
    hidden=8,
    T=2,
    n=1,
    n_supervision=4,
    batch_size=8,
    steps=24,
    warmup=2,
    ema=0.9,
    eval_every=10,
    eval_part=4,
    save_every=5,
    reveal=0.5,
    dtype="float32",
    device="cpu",
)


class Killed(Exception):
    """Stands in for a kill at a chosen place."""


def kill_after(step: int):
    def on_row(row: dict) -> None:
        if row["kind"] == "step" and row["step"] >= step:
            raise Killed

    return on_row


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_model(folder / "model.safetensors").model.state_dict()


@pytest.fixture(scope="module")
def sets():
    return load_sets(TINY)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adamw"},
        {"optimizer": "muon"},
        {"optimizer": "adam_atan2", "prefix_len": 2},
        {"model": "hrm", "q_learning": True, "mixer": "attention", "heads": 2},
    ],
    ids=["adamw", "muon", "adam_atan2 with prefix", "hrm"],
)
def test_a_stopped_run_ends_bit_equal(changes: dict, sets, tmp_path: Path) -> None:
    recipe = TINY.replace(**changes)
    whole = train(recipe, tmp_path / "whole", sets=sets, progress=False)
    stopped = tmp_path / "stopped"
    for step in (8, 16):  # killed twice, each time after a state and before the next
        with pytest.raises(Killed):
            train(recipe, stopped, sets=sets, progress=False, on_row=kill_after(step))
    resumed = train(recipe, stopped, sets=sets, progress=False)
    ours, theirs = weights(tmp_path / "whole"), weights(stopped)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert resumed.evaluation.exact == whole.evaluation.exact
    assert not list(stopped.glob("state-*")), "a finished run keeps no states"
    kinds = [json.loads(line)["kind"] for line in (stopped / "log.jsonl").read_text().splitlines()]
    assert kinds.count("resume") >= 1 and kinds.count("start") == kinds.count("end") == 1
    pairs = [
        {row["step"]: row["loss"] for row in map(json.loads, (folder / "log.jsonl").open()) if row["kind"] == "step"}
        for folder in (tmp_path / "whole", stopped)
    ]
    assert pairs[0] == pairs[1]


def test_everything_of_the_state_comes_back(sets, tmp_path: Path) -> None:
    """Not only what the last weights happen to show: carry, moments, average and generators, tensor by tensor."""
    recipe = TINY.replace(optimizer="muon")
    with pytest.raises(Killed):
        train(recipe, tmp_path, sets=sets, progress=False, on_row=kill_after(15))
    saved, complaints = newest_state(tmp_path)
    assert saved.facts["step"] == 10 and complaints == []
    trainer = Trainer(recipe, sets[0])
    trainer.load_state(saved)
    state = dict(flatten(trainer.state()))
    assert set(state) == set(saved.tensors)
    assert all(torch.equal(state[name], saved.tensors[name]) for name in state)
    parts = {name.split("/")[0] for name in state}
    assert parts == {"model", "ema", "optimizers", "carry", "generators"}


def stop_at(folder: Path, sets, step: int = 12) -> list[Path]:
    with pytest.raises(Killed):
        train(TINY, folder, sets=sets, progress=False, on_row=kill_after(step))
    return sorted(folder.glob("state-*.safetensors"))


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "truncated":
        del content[len(content) // 2 :]
    elif how == "bit flipped":
        content[-7] ^= 16
    elif how == "empty":
        content.clear()
    else:
        content = bytearray(b"this is no state file")
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "bit flipped", "empty", "foreign"])
def test_a_damaged_state_is_said_and_the_one_before_is_used(how: str, sets, tmp_path: Path, capsys) -> None:
    whole = train(TINY, tmp_path / "whole", sets=sets, progress=False)
    states = stop_at(tmp_path / "run", sets)
    assert [path.name for path in states] == ["state-00000005.safetensors", "state-00000010.safetensors"]
    damage(states[1], how)
    with pytest.raises(CheckpointError, match="state-00000010"):
        read_state(states[1])
    capsys.readouterr()
    resumed = train(TINY, tmp_path / "run", sets=sets, progress=False)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "state-00000010" in said and "the state before it is used" in said
    assert resumed.evaluation.exact == whole.evaluation.exact
    ours, theirs = weights(tmp_path / "whole"), weights(tmp_path / "run")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_another_recipe_does_not_go_on(sets, tmp_path: Path) -> None:
    stop_at(tmp_path, sets)
    with pytest.raises(RecipeError, match=r"lr 0.002 -> 0.1"):
        train(TINY.replace(lr=0.1), tmp_path, sets=sets, progress=False)
    train(TINY.replace(eval_every=7), tmp_path, sets=sets, progress=False)  # this changes no weight


def test_a_state_of_another_model_is_refused(sets, tmp_path: Path) -> None:
    stop_at(tmp_path, sets)
    saved, _ = newest_state(tmp_path)
    with pytest.raises(CheckpointError, match="belongs to another run"):
        Trainer(TINY.replace(hidden=16), sets[0]).load_state(saved)


def test_kill_minus_nine(tmp_path: Path) -> None:
    """A real process, really killed, at three moments of its life; then the same command again."""
    command = [sys.executable, "-m", "trm_edu.cli", "train", "laptop-sudoku6", "--json"]
    fields = {k: v for k, v in TINY.as_dict().items() if v != Recipe().as_dict()[k] and k != "name"}
    fields |= {
        "steps": 400,
        "save_every": 7,
        "eval_every": 50,
        "n": 1,
        "batch_size": 8,
        "lr": 2e-3,
        "min_lr_ratio": 1.0,
    }
    options = [part for k, v in fields.items() for part in (f"--{k.replace('_', '-')}", str(v))]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run, whole = tmp_path / "run", tmp_path / "whole"
    for least in (30, 120, 250):
        process = subprocess.Popen(
            [*command, *options, "--out", str(run)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + 120
        while not any(int(path.stem.split("-")[1]) >= least for path in run.glob("state-*.safetensors")):
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline, f"no state after step {least} within two minutes"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    for folder in (run, whole):
        subprocess.run([*command, *options, "--out", str(folder)], env=environment, check=True, capture_output=True)
    ours, theirs = weights(run), weights(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    kinds = [json.loads(line)["kind"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert kinds.count("resume") == 3 and kinds.count("end") == 1
