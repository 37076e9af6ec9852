"""A run: what it writes, that its seed decides it, and that a score is what a plain loop over the puzzles gives."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_edu.checkpoints import load_model, save_model
from trm_edu.devices import faster_dtype, matmul_rate, pick_device
from trm_edu.errors import CheckpointError, DataError, RecipeError
from trm_edu.evaluate import evaluate
from trm_edu.interface import parameter_count
from trm_edu.intervals import wilson_interval
from trm_edu.recipes import RECIPES, Recipe, get_recipe
from trm_edu.supervision import initial_carry
from trm_edu.tasks import PuzzleSet, get_task
from trm_edu.train import load_sets, train
from trm_edu.trainer import Diverged, Trainer, make_model, set_rates, stagger
from trm_edu.variants import MODELS, build_model

TINY = Recipe(
    name="tiny", task="sudoku4", train_count=8, eval_count=10, hidden=8, n_layers=1, T=1, n=1, heads=2, dtype="float32",
    n_supervision=3, eval_supervision=3, batch_size=4, steps=6, warmup=2, eval_every=3, eval_part=4, device="cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def sets() -> tuple[PuzzleSet, PuzzleSet]:
    return load_sets(TINY)


def weights(run: Any) -> dict[str, torch.Tensor]:
    return run.model.state_dict()


def quiet(recipe: Recipe, folder: Path | None = None, **options: Any) -> Any:
    return train(recipe, folder, progress=False, **options)


# --- a run ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, sets: tuple[PuzzleSet, PuzzleSet]) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    return quiet(TINY, folder, sets=sets), folder


def test_a_run_writes_its_log_and_its_weights(tiny_run: tuple[Any, Path]) -> None:
    run, folder = tiny_run
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert rows == json.loads(json.dumps(run.log))
    assert [row["kind"] for row in rows] == ["start", "step", "eval", "step", "end"]
    start, _, part, step, end = rows
    assert start["recipe"] == json.loads(json.dumps(TINY.as_dict()))
    assert "8 puzzles of sudoku4, 8 distinct" in start["training"] and "10 puzzles" in start["held_out"]
    assert start["parameters"] == parameter_count(run.model) and start["dtype"] == "float32"
    assert (part["step"], part["count"], end["step"], end["count"]) == (3, 4, 6, 10)
    assert step["step"] == 6 and 0 < step["loss"] < 5 and step["halt"] > 0
    assert len(end["exact"]) == 3 and end["exact"][-1] == run.evaluation.score


def test_the_weights_file_says_what_it_is(tiny_run: tuple[Any, Path]) -> None:
    run, folder = tiny_run
    assert run.path == folder / "model.safetensors"
    found = load_model(run.path)
    assert found.task == "sudoku4" and Recipe.from_dict(found.recipe) == TINY
    assert found.regime == run.evaluation.regime and "8 puzzles of sudoku4" in found.regime
    assert found.metrics["exact"] == run.evaluation.score and found.metrics["steps"] == 6
    state = found.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in weights(run).items())
    assert not run.model.training


def test_the_seed_decides_a_run(tiny_run: tuple[Any, Path], sets: tuple[PuzzleSet, PuzzleSet]) -> None:
    run, _ = tiny_run
    torch.manual_seed(123)
    again = quiet(TINY, sets=load_sets(TINY))
    assert all(torch.equal(a, b) for a, b in zip(weights(run).values(), weights(again).values(), strict=True))
    assert again.evaluation.exact == run.evaluation.exact and again.path is None
    other = quiet(TINY.replace(seed=1), sets=sets)
    assert not torch.equal(weights(run)["heads.answer.weight"], weights(other)["heads.answer.weight"])


def test_rows_are_handed_out_as_they_come(sets: tuple[PuzzleSet, PuzzleSet]) -> None:
    seen: list[str] = []
    quiet(TINY, sets=sets, on_row=lambda row: seen.append(row["kind"]))
    assert seen == ["start", "step", "eval", "step", "end"]


@pytest.mark.parametrize(
    "changes",
    [
        {"model": name, "prefix_len": 1} for name in MODELS if name != "symmetric"
    ]
    + [
        {"model": "hrm", "q_learning": True},
        {"optimizer": "muon", "min_lr_ratio": 0.0, "stagger": False},
        {"optimizer": "adam_atan2", "loss": "softmax_smooth", "clip": 0.0},
        {"mixer": "attention", "positions": "rotary", "dtype": "bfloat16", "n_supervision": 1, "exploration": 0.0},
        {"loss": "stablemax", "augment": False},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)  # fmt: skip
def test_every_kind_of_run_works(changes: dict[str, Any], sets: tuple[PuzzleSet, PuzzleSet]) -> None:
    recipe = TINY.replace(**changes)
    trainer = Trainer(recipe, sets[0])
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    losses = [trainer.step() for _ in range(3)]
    assert all(math.isfinite(loss.total.item()) for loss in losses)
    after = trainer.model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved >= {name for name, _ in trainer.model.named_parameters() if "halt.weight" not in name}
    assert ("embed.puzzle.weight" in moved) == bool(recipe.prefix_len)
    average = trainer.average().state_dict()
    fixed = {name for name, _ in trainer.model.named_buffers() if name in after}
    assert all(torch.equal(average[name], after[name]) for name in fixed)
    for other in (before, after):
        assert not torch.equal(average["heads.answer.weight"], other["heads.answer.weight"])
    assert not any(tensor.requires_grad for tensor in trainer.carry.state)


def test_time_ends_a_run(sets: tuple[PuzzleSet, PuzzleSet]) -> None:
    run = quiet(TINY.replace(steps=10_000, eval_every=10_000, max_seconds=1e-6), sets=sets)
    assert run.log[-1]["step"] == 20


def test_a_loss_that_is_no_number_ends_a_run(sets: tuple[PuzzleSet, PuzzleSet], tmp_path: Path) -> None:
    recipe = TINY.replace(lr=1e38, clip=0.0, warmup=0, steps=20, eval_every=100)
    with pytest.raises(Diverged, match=r"the loss is nan at step 20; try a smaller lr \(now 1e\+38\) or a clip of 1"):
        quiet(recipe, tmp_path, sets=sets)
    assert not (tmp_path / "model.safetensors").exists()
    with pytest.raises(Diverged, match="at step 10"):  # an evaluation comes first, and would save what it measures
        quiet(recipe.replace(eval_every=10), tmp_path, sets=sets)
    assert not (tmp_path / "model.safetensors").exists()


def test_a_run_may_start_from_weights_that_are_there(tiny_run: tuple[Any, Path], tmp_path: Path) -> None:
    run, _ = tiny_run
    deeper = TINY.replace(start_from=str(run.path), T=2, n=2, seed=5)
    model = make_model(deeper, torch.device("cpu"))
    assert (model.config.T, model.config.n) == (2, 2)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in weights(run).items())
    for wrong in (deeper.replace(hidden=16), deeper.replace(model="separate_networks")):
        with pytest.raises(RecipeError, match="the recipe asks for"):
            make_model(wrong, torch.device("cpu"))
    with pytest.raises(CheckpointError, match="is not a file"):
        make_model(TINY.replace(start_from=str(tmp_path / "none.safetensors")), torch.device("cpu"))


def test_first_puzzles_get_every_age() -> None:
    model = build_model("trm", TINY.model_config("float32"))
    puzzles = load_sets(TINY.replace(batch_size=400))[0]
    trainer = Trainer(TINY.replace(batch_size=400, stagger=False), puzzles)
    assert trainer.carry.halted.all() and not trainer.carry.steps.any()
    carry = stagger(initial_carry(model, trainer.carry.batch), 3, torch.Generator().manual_seed(0))
    counts = torch.bincount(carry.steps.long(), minlength=3)
    assert not carry.halted.any() and counts.sum() == 400 and len(counts) == 3 and counts.min() > 100


def test_the_schedule_multiplies_each_optimizers_own_rate() -> None:
    groups = [{"lr": 0.0, "base_lr": 0.02}, {"lr": 0.0, "base_lr": 0.001}]
    optimizers = [torch.optim.SGD([{"params": [torch.zeros(1, requires_grad=True)], **group}]) for group in groups]
    set_rates(optimizers, 0.5)
    assert [o.param_groups[0]["lr"] for o in optimizers] == [0.01, 0.0005]


# --- puzzles of a run -------------------------------------------------------------------------------------------------


def test_no_puzzle_to_measure_on_is_equivalent_to_one_to_train_on() -> None:
    """There are 36 minimal 4x4 puzzles: two draws of 15 that know nothing of each other would share some."""
    recipe = Recipe(task="sudoku4", train_count=15, eval_count=15)
    training, held_out = load_sets(recipe)
    task = get_task("sudoku4")
    assert (len(training), len(held_out)) == (15, 15)
    assert not np.isin(task.fingerprint(held_out.questions), task.fingerprint(training.questions)).any()
    other = load_sets(recipe.replace(data_seed=7))[0]
    assert not np.array_equal(other.questions, training.questions)


def test_missing_data_ends_a_run_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'nowhere.csv' is neither a file nor a data set"):
        quiet(TINY.replace(train_data="nowhere.csv"), tmp_path / "run")
    with pytest.raises(DataError, match="found .* different puzzles of the 40 asked for"):
        quiet(TINY.replace(train_count=40), tmp_path / "run")
    assert not (tmp_path / "run").exists()


# --- recipes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_built(name: str) -> None:
    recipe = get_recipe(name)
    assert recipe.name == name
    assert json.loads(json.dumps(recipe.as_dict())) == recipe.as_dict()
    assert Recipe.from_dict(recipe.as_dict()) == recipe
    with torch.device("meta"):
        model = build_model(recipe.model, recipe.model_config("float32"))
    assert parameter_count(model) > 0


def test_the_papers_recipe_is_the_papers() -> None:
    """Settings of the published Sudoku run, and the number of weights that follows from them."""
    recipe = get_recipe("sudoku-extreme")
    assert (recipe.T, recipe.n, recipe.n_supervision, recipe.batch_size, recipe.hidden) == (3, 6, 16, 768, 512)
    assert (recipe.optimizer, recipe.lr, recipe.weight_decay, recipe.warmup, recipe.ema) == (
        "adam_atan2",
        1e-4,
        1.0,
        2000,
        0.999,
    )
    assert (recipe.loss, recipe.halt_weight, recipe.exploration, recipe.min_lr_ratio) == ("stablemax", 0.5, 0.1, 1.0)
    assert recipe.steps == 60_000 * 1000 / 768 and recipe.train_count == 1000 and not recipe.clip and not recipe.reveal
    with torch.device("meta"):
        model = build_model(recipe.model, recipe.model_config("float32"))
    assert parameter_count(model) == 5_028_866
    assert model.embed.puzzle.weight.shape == (1, 512)  # the other 15 positions of the prefix stay zero
    arc = {name: get_recipe(name).model_config("float32") for name in ("arc-agi-1", "arc-agi-2")}
    for config in arc.values():  # paper, table 5: 7M
        assert (config.n_positions, config.vocab_size, config.puzzle_dim) == (916, 12, 512)
        with torch.device("meta"):
            assert parameter_count(build_model("trm", config)) == 6_829_058
    assert get_recipe("maze-hard").model_config("float32").n_positions == 916


def test_an_old_recipe_gets_todays_defaults() -> None:
    old = {key: value for key, value in TINY.as_dict().items() if key not in ("depths", "starts", "accumulate")}
    assert Recipe.from_dict(old) == TINY
    deep = TINY.replace(depths=((0.5, 1, 2),), T=2)
    assert Recipe.from_dict(json.loads(json.dumps(deep.as_dict()))) == deep
    with pytest.raises(RecipeError, match="a recipe has no field colour"):
        Recipe.from_dict({"colour": "red"})


def test_recipes_refuse_what_cannot_work() -> None:
    with pytest.raises(RecipeError, match="no recipe is named 'laptop'; known: laptop-sudoku4, laptop-sudoku6"):
        get_recipe("laptop")
    with pytest.raises(
        RecipeError, match="a recipe has no field depth; it has T, accumulate, add_id, allow_leak, augment"
    ):
        TINY.replace(depth=3)
    with pytest.raises(RecipeError, match="model 'gpt' does not exist"):
        TINY.replace(model="gpt")
    for name in ("batch_size", "steps", "n_supervision", "eval_every", "eval_part", "eval_supervision"):
        with pytest.raises(RecipeError, match=f"{name} is 0; it must be at least 1"):
            TINY.replace(**{name: 0})
    with pytest.raises(RecipeError, match="EMA rate is 1.0"):
        quiet(TINY.replace(ema=1.0))
    with pytest.raises(RecipeError, match="loss 'hinge' does not exist"):
        quiet(TINY.replace(loss="hinge"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        TINY.steps = 3


# --- devices ----------------------------------------------------------------------------------------------------------


def test_devices() -> None:
    assert pick_device("cpu").type == "cpu"
    assert pick_device().type in ("cpu", "cuda", "mps")
    for name in ("tpu", "cuda:99", "meta-physics"):
        with pytest.raises(RecipeError, match=f"device '{name}' cannot be used here .*; try auto or cpu"):
            pick_device(name)
    cpu = torch.device("cpu")
    assert matmul_rate(cpu, torch.float32, size=64, seconds=0.01) > 1e6
    fast = matmul_rate(cpu, torch.bfloat16) > 1.5 * matmul_rate(cpu, torch.float32)
    assert faster_dtype(cpu) == ("bfloat16" if fast else "float32")


# --- evaluation -------------------------------------------------------------------------------------------------------


def test_scores_are_those_of_a_plain_loop(sets: tuple[PuzzleSet, PuzzleSet]) -> None:
    """Some puzzles are made solvable: the answer is replaced by what the network says after the last step."""
    model = build_model("trm", TINY.model_config("float32")).train()
    torch.nn.init.normal_(model.heads.halt.weight)
    _, puzzles = sets
    answers, said, sure = puzzles.answers.copy(), [], []
    for question in puzzles.questions:
        state, cells, halts = model.initial_state(1), [], []
        for _ in range(3):
            state, output = model(torch.from_numpy(question.astype(np.int64))[None], state)
            cells.append(output.logits[0].argmax(-1).numpy())
            halts.append(output.halt_logit.item())
        said.append(cells)
        sure.append([1 / (1 + math.exp(-h)) for h in halts])
    for i in range(4):
        answers[i] = said[i][2]
    puzzles = dataclasses.replace(puzzles, answers=answers)
    score = evaluate(model, puzzles, n_supervision=3, batch_size=3, regime="nothing")
    for k in range(3):
        right = [(s[k] == a)[a > 0] for s, a in zip(said, answers, strict=True)]  # padding does not count
        assert score.exact[k] == pytest.approx(np.mean([r.all() for r in right]))
        assert score.cells[k] == pytest.approx(np.concatenate(right).mean())
        assert score.halting[k] == pytest.approx(np.mean([s[k] for s in sure]), abs=1e-5)
    assert score.exact[0] < 0.4 <= score.exact[2] < 1 and score.score == score.exact[2]
    assert score.interval == wilson_interval(round(score.score * 10), 10)
    assert model.training, "put back as it was"
    told = score.describe()
    assert "of 10 puzzles after 3 steps" in told and puzzles.describe() in told and told.endswith("trained on nothing")
    assert json.loads(json.dumps(score.as_dict()))["count"] == 10


def test_wilson_interval_known_values_and_ends() -> None:
    assert wilson_interval(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert wilson_interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson_interval(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    with pytest.raises(ValueError, match="at least one trial, got 0"):
        wilson_interval(0, 0)


@given(total=st.integers(1, 2000), share=st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_wilson_interval_holds_the_share_and_solves_its_equation(total: int, share: float) -> None:
    hits = round(share * total)
    low, high = wilson_interval(hits, total)
    p = hits / total
    assert 0 <= low <= p + 1e-12 and p - 1e-12 <= high <= 1
    for end in (low, high):  # the ends are those shares that are 1.96 standard errors away
        if 0 < end < 1:
            assert abs(p - end) == pytest.approx(1.96 * math.sqrt(end * (1 - end) / total), rel=1e-6, abs=1e-9)


def test_a_direct_model_is_evaluated_in_the_same_way(sets: tuple[PuzzleSet, PuzzleSet], tmp_path: Path) -> None:
    model = build_model("direct", TINY.model_config("float32"))
    score = evaluate(model, sets[1], n_supervision=2)
    assert score.cells[0] == score.cells[1] > 0
    path = save_model(tmp_path / "direct.safetensors", model, task="sudoku4")
    assert evaluate(load_model(path).model, sets[1], n_supervision=2).cells == score.cells


def test_without_a_compiler_the_run_goes_on_and_says_so(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    recipe = TINY.replace(compile=True, device="cpu")
    puzzles = load_sets(recipe)[0]
    monkeypatch.setattr("trm_edu.trainer.cpp_compiler", lambda: None)
    trainer = Trainer(recipe, puzzles)
    assert trainer.compiled is trainer.model
    assert capsys.readouterr().err == "no C++ compiler found: the run goes on without torch.compile, more slowly\n"
    monkeypatch.setattr("trm_edu.trainer.cpp_compiler", lambda: "/usr/bin/c++")
    trainer = Trainer(recipe, puzzles)
    assert trainer.compiled is not trainer.model and not capsys.readouterr().err
