"""Two processes compute what one computes with the joint batch: losses, weights, scores, sparse embeddings, states."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from parallel_worker import train_in_float64

from trm_edu import parallel
from trm_edu.checkpoints import load_model
from trm_edu.errors import CheckpointError, RecipeError
from trm_edu.recipes import Recipe
from trm_edu.resume import earlier_state
from trm_edu.train import load_sets, train

TINY = Recipe(
    name="tiny", task="sudoku4", train_count=8, eval_count=7, hidden=8, T=2, n=1, heads=2, n_supervision=3,
    batch_size=8, steps=24, warmup=2, ema=0.9, eval_every=10, eval_part=5, save_every=6, exploration=0.5, reveal=0.5,
    loss="stablemax", device="cpu",
)  # fmt: skip
ARC = TINY.replace(
    task="arc7", train_data="none", train_count=None, eval_data="arc-agi-1-training", eval_count=5, augmentations=2,
    eval_augmentations=2, eval_part=3, prefix_len=1, puzzle_ids=16, reveal=0.0, steps=12, clip=0.0,
)  # fmt: skip
CASES = {
    "plain": TINY,
    "sparse embedding": TINY.replace(prefix_len=2, optimizer="adam_atan2", clip=0.0),
    "two parts each": TINY.replace(accumulate=2, optimizer="muon", depths=((0.5, 1, 1),)),
    "winner takes all": TINY.replace(starts=2, start_noise=0.5),
    "ids and votes": ARC,
    "rows alone": ARC.replace(only_ids=True, start_from="the model that is given"),
    "scores by rules": TINY.replace(task="maze7", mixer="conv", steps=12),
    "q-learning": TINY.replace(model="hrm", q_learning=True, mixer="attention"),
}


class Killed(Exception):
    """Stands in for a kill at a chosen place."""


def kill(row: dict) -> None:
    if row["kind"] == "eval" and row["step"] == 10:
        raise Killed


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cases trained by two processes; "resumed" was begun by one process and went on with two."""
    folder = tmp_path_factory.mktemp("two")
    with pytest.raises(Killed):
        train_in_float64(TINY, folder / "resumed", on_row=kill)
    recipes = {name: recipe.as_dict() for name, recipe in CASES.items()} | {"resumed": TINY.as_dict()}
    (folder / "recipes.json").write_text(json.dumps(recipes))
    in_two_processes(Path(__file__).parent / "parallel_worker.py", folder)
    return folder


def in_two_processes(script: Path, *arguments: Any) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    command += map(str, (script, *arguments))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]


def rows(folder: Path, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [row for row in found if row["kind"] == kind]


@pytest.mark.parametrize("name", [*CASES, "resumed"])
def test_two_processes_compute_what_one_does(name: str, two: Path, tmp_path: Path) -> None:
    recipe = CASES.get(name, TINY)
    alone = train_in_float64(recipe, tmp_path)
    for ours, theirs in zip(rows(two / name, "step"), rows(tmp_path, "step"), strict=True):
        assert ours["step"] == theirs["step"]
        for number in ("loss", "halt"):
            assert ours[number] == pytest.approx(theirs[number], rel=1e-6), (ours["step"], number)
    for kind in ("eval", "end"):
        for ours, theirs in zip(rows(two / name, kind), rows(tmp_path, kind), strict=True):
            assert ours["count"] == theirs["count"] and ours["exact"] == theirs["exact"]
            assert ours["scores"] == theirs["scores"]
            assert ours["halting"] == pytest.approx(theirs["halting"], rel=1e-6)
    ours, theirs = load_model(two / name / "model.safetensors").model.state_dict(), alone.model.state_dict()
    for key, value in theirs.items():
        assert torch.allclose(ours[key], value.float(), atol=1e-6), key
    assert rows(two / name, "start" if name != "resumed" else "resume")[0]["processes"] == 2
    if recipe.has_ids:
        assert theirs["embed.puzzle.weight"].abs().max() > 0
    told = {"ids and votes": {"pass@1", "pass@2"}, "scores by rules": {"valid shortest path", "valid path"}}
    assert set(rows(tmp_path, "end")[0]["scores"]) == told.get(name, told["ids and votes"] if "rows" in name else set())


def test_processes_meet_again_and_again(tmp_path: Path) -> None:
    """Several trainings in one program: no group may find the addresses of the one before."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import torch\n"
        "from trm_edu import parallel\n"
        "for meeting in range(40):\n"
        "    with parallel.together('cpu'):\n"
        "        parallel.Parallel(torch.nn.Linear(4, 4))\n"
        "        assert parallel.summed(torch.tensor([parallel.rank() + meeting])).item() == 2 * meeting + 1\n"
    )
    in_two_processes(script)


def test_what_travels(two: Path) -> None:
    found = [json.loads((two / f"found-{rank}.json").read_text()) for rank in (0, 1)]
    for each in found:
        assert each["gathered"] == [0, 0, 1, 1] and each["flags"] == [True, False]
        assert each["summed"] == 3 and each["agreed"] == 0.5 and each["equal"] == [True, False]
        assert each["votes"] == 1.0  # one process alone would say one half
        assert each["everyones"] == [{"rank": 0, "text": ""}, {"rank": 1, "text": "xxxxx"}]
    assert [each["slots"] for each in found] == [[[0, 2], [2, 4]], [[4, 6], [6, 8]]]


def test_alone_everything_stays_as_it_is() -> None:
    tensor = torch.ones(2)
    assert parallel.gathered(tensor) is tensor and parallel.summed(tensor) is tensor
    assert parallel.agreed(2.5, torch.device("cpu")) == 2.5 and parallel.all_equal(3, torch.device("cpu"))
    assert parallel.everyones({"a": 1}) == [{"a": 1}]
    model = torch.nn.Linear(1, 1)
    assert parallel.wrap(model) is model and parallel.is_first()
    assert parallel.my_slots(8, 2) == [slice(0, 4), slice(4, 8)]


def test_a_batch_that_cannot_be_shared_evenly_is_refused() -> None:
    with pytest.raises(RecipeError, match="batch_size 8 cannot be split into 1 processes x accumulate 3"):
        parallel.my_slots(8, 3)
    with pytest.raises(RecipeError, match="it must be a multiple of 5"):
        train(TINY.replace(accumulate=5), sets=load_sets(TINY), progress=False)


def test_machines_that_see_different_folders_stop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(parallel, "all_equal", lambda value, device: False)
    with pytest.raises(CheckpointError, match="all machines must see one folder"):
        train(TINY, tmp_path, sets=load_sets(TINY), progress=False)
    assert earlier_state(tmp_path, TINY) is None
