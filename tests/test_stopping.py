"""A run that is told to stop ends there, keeps its best weights, and goes on from the stop if it has a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from trm_edu import plots
from trm_edu.checkpoints import load_model
from trm_edu.errors import CheckpointError
from trm_edu.evaluate import evaluate
from trm_edu.logs import RunLog, read_log
from trm_edu.recipes import Recipe
from trm_edu.resume import newest_state
from trm_edu.tasks import PuzzleSet
from trm_edu.train import Run, finished_run, load_sets, train
from trm_edu.trainer import Diverged, Trainer

TINY = Recipe(
    name="tiny", task="sudoku4", train_count=8, eval_count=10, hidden=8, n_layers=1, T=1, n=1, heads=2, dtype="float32",
    n_supervision=3, eval_supervision=3, batch_size=4, steps=20, warmup=2, eval_every=5, eval_part=4, lr=0.01,
    device="cpu",
)  # fmt: skip
Sets = tuple[PuzzleSet, PuzzleSet]


@pytest.fixture(scope="module")
def sets() -> Sets:
    return load_sets(TINY)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Make the evaluations of the next run score what is asked for; returns how many puzzles each of them saw."""
    module = sys.modules["trm_edu.train"]

    def script(*scores: float) -> list[int]:
        coming, seen = iter(scores), []

        def scored(model: Any, puzzles: PuzzleSet, **options: Any) -> Any:
            found = evaluate(model, puzzles, **options)
            found.exact[-1] = next(coming)
            seen.append(len(puzzles))
            return found

        monkeypatch.setattr(module, "evaluate", scored)
        return seen

    return script


def after(step: int, count: list[int] | None = None) -> Callable[[], bool]:
    """A `stop` that says so when it is asked for the `step`th time."""
    asked = [] if count is None else count

    def stop() -> bool:
        asked.append(len(asked) + 1)
        return asked[-1] >= step

    return stop


def quiet(recipe: Recipe, folder: Path | None = None, **options: Any) -> Run:
    return train(recipe, folder, progress=False, **options)


def averaged_after(recipe: Recipe, sets: Sets, step: int) -> dict[str, torch.Tensor]:
    """The averaged weights after `step` steps, made without `train`."""
    trainer = Trainer(recipe, sets[0])
    for _ in range(step):
        trainer.step()
    return trainer.average().state_dict()


def assert_same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert set(ours) == set(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def differ(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return any(not torch.equal(ours[name], theirs[name]) for name in theirs)


# --- which weights are kept -------------------------------------------------------------------------------------------


def test_weights_that_scored_higher_on_the_way_are_put_back_and_measured(sets: Sets, scripted: Any) -> None:
    seen = scripted(0.25, 0.75, 0.5, 0.6)
    run = quiet(TINY, sets=sets, stop=after(13))
    assert seen == [4, 4, 4, 10], "steps 5 and 10, the stop on the same part, and in the end all puzzles"
    assert run.stopped and run.kept_step == 10 and run.evaluation.score == 0.6
    assert_same(run.model.state_dict(), averaged_after(TINY, sets, 10))
    assert differ(run.model.state_dict(), averaged_after(TINY, sets, 13))
    end = run.log[-1]
    assert (end["kind"], end["step"], end["stopped"], end["kept_step"], end["count"]) == ("end", 13, True, 10, 10)
    rows = [(row["kind"], row["step"]) for row in run.log]
    assert rows[1:] == [
        ("step", 5), ("eval", 5), ("step", 10), ("eval", 10), ("step", 13), ("eval", 13), ("end", 13)
    ]  # fmt: skip
    assert not run.model.training


def test_the_final_measurement_is_made_of_the_weights_that_are_kept(sets: Sets, scripted: Any) -> None:
    scripted(0.75, 0.5, 0.6, 0.5, 0.6)
    run = quiet(TINY, sets=sets, stop=after(8))
    kept = evaluate(run.model, sets[1], n_supervision=3)
    assert run.evaluation.halting == pytest.approx(kept.halting) and run.evaluation.cells == pytest.approx(kept.cells)
    last = quiet(TINY.replace(eval_every=100), sets=sets, stop=after(8))
    assert last.evaluation.halting != pytest.approx(kept.halting)


@pytest.mark.parametrize(("at_stop", "kept"), [(0.75, 13), (0.8, 13), (0.74, 5)])
def test_of_equal_scores_the_stops_own_weights_are_kept_and_else_the_first(
    at_stop: float, kept: int, sets: Sets, scripted: Any, tmp_path: Path
) -> None:
    scripted(0.75, 0.75, at_stop, 0.5)
    run = quiet(TINY, tmp_path, sets=sets, stop=after(13))
    assert run.kept_step == kept
    assert_same(run.model.state_dict(), averaged_after(TINY, sets, kept))
    assert load_model(tmp_path / "best.safetensors").metrics["steps"] == kept


@pytest.mark.parametrize("step", [1, 3])
def test_a_stop_before_the_first_evaluation_keeps_the_weights_it_has(step: int, sets: Sets) -> None:
    run = quiet(TINY, sets=sets, stop=after(step))
    assert run.stopped and run.kept_step == step and run.log[-1]["step"] == step
    assert_same(run.model.state_dict(), averaged_after(TINY, sets, step))


def test_a_stop_at_an_evaluation_measures_the_part_once(sets: Sets, scripted: Any) -> None:
    seen = scripted(0.25, 0.5)
    run = quiet(TINY, sets=sets, stop=after(5))
    assert seen == [4, 10] and run.kept_step == 5


def test_the_last_step_is_not_asked_about_and_the_run_is_no_stopped_one(sets: Sets, tmp_path: Path) -> None:
    asked: list[int] = []
    run = quiet(TINY, tmp_path, sets=sets, stop=after(20, asked))
    assert len(asked) == 19 and not run.stopped and run.kept_step == 20
    assert "stopped" not in run.log[-1] and "kept_step" not in run.log[-1]
    assert finished_run(tmp_path) and not list(tmp_path.glob("state-*"))


def test_a_run_that_may_be_stopped_but_is_not_is_the_same_run(sets: Sets) -> None:
    free, watched = quiet(TINY, sets=sets), quiet(TINY, sets=sets, stop=lambda: False)
    assert_same(free.model.state_dict(), watched.model.state_dict())
    assert [row["kind"] for row in free.log] == [row["kind"] for row in watched.log]
    assert (free.stopped, free.kept_step) == (watched.stopped, watched.kept_step) == (False, 20)


def test_nothing_is_held_in_memory_unless_a_stop_may_come(sets: Sets, monkeypatch: pytest.MonkeyPatch) -> None:
    module, made = sys.modules["trm_edu.train"], []
    real = module.Weights

    def weights(*arguments: Any, **options: Any) -> Any:
        made.append(real(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(module, "Weights", weights)
    run = quiet(TINY, sets=sets)
    watched = quiet(TINY, sets=sets, stop=lambda: False)
    assert made[0].best is None and set(made[1].best) == set(run.model.state_dict())
    mine = {tensor.data_ptr() for tensor in watched.model.state_dict().values()}
    assert all(tensor.device.type == "cpu" and tensor.data_ptr() not in mine for tensor in made[1].best.values())


def test_a_stop_at_a_broken_step_is_no_result(sets: Sets, tmp_path: Path) -> None:
    recipe = TINY.replace(lr=1e38, clip=0.0, warmup=0, eval_every=100)
    with pytest.raises(Diverged, match="at step 7"):
        quiet(recipe, tmp_path, sets=sets, stop=after(7))
    assert not list(tmp_path.glob("*.safetensors"))


# --- with a folder ----------------------------------------------------------------------------------------------------


def test_the_files_of_a_stopped_run(sets: Sets, scripted: Any, tmp_path: Path) -> None:
    """`model.safetensors` is what was returned and measured; the state is that of the stop."""
    scripted(0.25, 0.75, 0.5, 0.6)
    run = quiet(TINY, tmp_path, sets=sets, stop=after(13))
    last, best = load_model(run.path), load_model(run.best)
    for found in (last, best):
        assert_same(found.model.state_dict(), run.model.state_dict())
        assert found.metrics["steps"] == 10
    assert (last.metrics["exact"], best.metrics["exact"]) == (0.6, 0.75)
    assert "10 puzzles" in last.metrics["evaluated_on"] and "4 puzzles" in best.metrics["evaluated_on"]
    saved, complaints = newest_state(tmp_path)
    assert saved.facts["step"] == 13 and saved.facts["best"] == 0.75 and not complaints
    average = {name.removeprefix("ema/"): value for name, value in saved.tensors.items() if name.startswith("ema/")}
    theirs = averaged_after(TINY, sets, 13)
    assert average and all(torch.equal(value, theirs[name]) for name, value in average.items())


def test_a_stopped_run_goes_on_and_ends_bit_equal(sets: Sets, tmp_path: Path) -> None:
    whole = quiet(TINY, tmp_path / "whole", sets=sets)
    for step in (7, 4):  # stopped twice, at steps 7 and 11
        run = quiet(TINY, tmp_path / "run", sets=sets, stop=after(step))
        assert run.stopped and finished_run(tmp_path / "run") == ""
    assert run.log[-1]["step"] == 11
    resumed = quiet(TINY, tmp_path / "run", sets=sets)
    assert_same(resumed.model.state_dict(), whole.model.state_dict())
    assert not resumed.stopped and finished_run(tmp_path / "run")
    kinds = [row["kind"] for row in read_log(tmp_path / "run")]
    assert kinds.count("resume") == 2 and kinds.count("end") == 3 and kinds[-1] == "end"


def test_the_best_weights_of_the_part_before_come_back(sets: Sets, scripted: Any, tmp_path: Path) -> None:
    scripted(0.75, 0.25, 0.5, 0.5, 0.25, 0.6)
    first = quiet(TINY, tmp_path, sets=sets, stop=after(7))  # 0.75 at step 5, 0.25 at the stop
    assert first.kept_step == 5
    second = quiet(TINY, tmp_path, sets=sets, stop=after(6))  # 0.5 at step 10, 0.25 at step 13
    assert second.kept_step == 5 and second.log[-1]["step"] == 13
    assert_same(second.model.state_dict(), averaged_after(TINY, sets, 5))


def test_without_the_best_file_the_best_of_what_is_left_is_kept(sets: Sets, scripted: Any, tmp_path: Path) -> None:
    scripted(0.75, 0.25, 0.5, 0.5, 0.25, 0.6)
    quiet(TINY, tmp_path, sets=sets, stop=after(7))
    (tmp_path / "best.safetensors").unlink()
    second = quiet(TINY, tmp_path, sets=sets, stop=after(6))
    assert second.kept_step == 10
    assert load_model(tmp_path / "best.safetensors").metrics["steps"] == 10


def test_a_damaged_best_file_is_said_before_the_first_step(sets: Sets, tmp_path: Path) -> None:
    quiet(TINY, tmp_path, sets=sets, stop=after(7))
    (tmp_path / "best.safetensors").write_bytes(b"broken")
    with pytest.raises(CheckpointError, match=r"best\.safetensors is damaged"):
        quiet(TINY, tmp_path, sets=sets, stop=after(6))
    assert quiet(TINY, tmp_path, sets=sets).kept_step == 20, "a run that keeps nothing does not need it"


def test_pictures_and_logs_understand_a_stopped_run(sets: Sets, tmp_path: Path) -> None:
    run = quiet(TINY, tmp_path, sets=sets, stop=after(13))
    assert finished_run(tmp_path) == ""
    log = RunLog.of(read_log(tmp_path))
    assert log.rows == json.loads(json.dumps(run.log)) and log.finished and log.steps == 13
    assert [row["kind"] for row in log.scores] == ["eval", "eval", "eval", "end"]
    _, right = plots.training_curves(log)
    assert right.lines[-1].get_xdata()[-1] == 13
    assert "tiny" in plots.curves_text(log)
    plots.learning_curve(run.log)


# --- several processes ------------------------------------------------------------------------------------------------

WORKER = """
import json, sys
from pathlib import Path
from trm_edu import parallel
from trm_edu.recipes import Recipe
from trm_edu.train import train
folder, recipe = Path(sys.argv[1]), Recipe.from_dict(json.loads(sys.argv[2]))
with parallel.together("cpu"):
    asked = []
    def stop():
        asked.append(1)
        return parallel.rank() == 1 or len(asked) == 3
    run = train(recipe, folder / "run", progress=False, stop=stop)
    weights = {name: tensor.double().sum().item() for name, tensor in run.model.state_dict().items()}
    found = {"asked": len(asked), "stopped": run.stopped, "kept": run.kept_step, "weights": weights}
    (folder / f"found-{parallel.rank()}.json").write_text(json.dumps(found))
"""


def test_the_first_of_several_processes_decides(tmp_path: Path) -> None:
    """They talk at steps 5, 7 (a save) and 10; the second one would have stopped at once."""
    (tmp_path / "worker.py").write_text(WORKER)
    recipe = TINY.replace(save_every=7)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += [str(tmp_path / "worker.py"), str(tmp_path), json.dumps(recipe.as_dict())]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (json.loads((tmp_path / f"found-{rank}.json").read_text()) for rank in (0, 1))
    assert (first["asked"], second["asked"]) == (3, 0)
    assert first["stopped"] and second["stopped"] and first["kept"] == second["kept"]
    assert first["weights"] == second["weights"]
    end = read_log(tmp_path / "run")[-1]
    assert (end["kind"], end["step"], end["stopped"]) == ("end", 10, True)
