"""The ladder from HRM to TRM: one change a rung, readings at the right step, results that belong to this code."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from trm_edu.evaluate import evaluate
from trm_edu.flops import step_flops
from trm_edu.interface import parameter_count
from trm_edu.recipes import Recipe
from trm_edu.train import load_sets
from trm_edu.trainer import Diverged, Trainer, make_model

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import ladder  # noqa: E402

RESULTS = BENCHMARKS / "results" / "ladder"
GROUPS = sorted(path.stem for path in RESULTS.glob("*.json") if path.stem in ladder.NETWORKS)
MAIN = ("hrm", "plain_halting", "full_gradient", "one_network", "two_layers", "attention")
SMALL = {"task": "sudoku4", "train_count": 8, "eval_count": 8, "hidden": 8, "heads": 2, "batch_size": 8, "warmup": 2}


def settings(changes: dict[str, Any]) -> dict[str, Any]:
    return ladder.base_recipe().replace(**changes).as_dict()


@pytest.fixture(autouse=True)
def threads() -> Any:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def small(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setattr(ladder, "BASE", ladder.BASE | SMALL)
    monkeypatch.setattr(ladder, "TESTED", 6)
    monkeypatch.setattr(ladder, "LOOKED_AT", 4)
    return ladder.base_recipe(6)


@pytest.mark.parametrize(("lower", "upper"), list(pairwise(MAIN)))
def test_a_rung_changes_one_thing(lower: str, upper: str) -> None:
    one, other = (settings(ladder.NETWORKS["rungs"][name]) for name in (lower, upper))
    changed = {name for name in one if one[name] != other[name]}
    assert changed in (
        {"q_learning"},
        {"model"},
        {"n_layers"},
        {"mixer", "positions"},
    )  # the token mixer has no positions


@pytest.mark.parametrize("name", ladder.NETWORKS["left_out"])
def test_what_is_put_back_is_one_thing(name: str) -> None:
    changes = ladder.NETWORKS["left_out"][name]
    assert len(changes) == 1 or name in ("four_layers_n1", "direct")


def test_names_for_y_and_z_change_no_number() -> None:
    """HRM and TRM with two networks compute the same; only the gradient is another."""
    hrm, two = (make_model(ladder.base_recipe().replace(model=name, hidden=16), torch.device("cpu"))
                for name in ("hrm", "separate_networks"))  # fmt: skip
    names = {"z_H_init": "y_init", "z_L_init": "z_init"}
    two.load_state_dict({names.get(name, name): value for name, value in hrm.state_dict().items()})
    inputs = torch.randint(1, 8, (3, 36))
    (_, out), (_, other) = (model(inputs, model.initial_state(3)) for model in (hrm, two))
    assert torch.equal(out.logits, other.logits) and torch.equal(out.halt_logit, other.halt_logit)
    out.logits.square().sum().backward()
    other.logits.square().sum().backward()
    assert not torch.allclose(hrm.f_L.blocks[0].mlp.down.weight.grad, two.f_L.blocks[0].mlp.down.weight.grad)


@pytest.mark.parametrize("name", ["hrm", "two_layers", "two_layers_n5"])
def test_a_run_is_read_after_equal_steps_and_at_equal_compute(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    base = small(monkeypatch)
    recipe = base.replace(**ladder.NETWORKS["rungs"][name])
    sets = load_sets(base)
    own, budget = (
        step_flops(r.model, r.model_config("float32"), r.batch_size, q_learning=r.q_learning) for r in (recipe, base)
    )
    budget *= base.steps
    found = ladder.run(recipe, sets, budget)
    assert found["at"]["equal_steps"] == 6 and found["flops"] == own
    assert found["at"]["equal_compute"] * own <= budget < (found["at"]["equal_compute"] + 1) * own
    assert (found["at"]["equal_compute"] < 6) == (name != "two_layers")
    trainer = Trainer(recipe, sets[0])
    for step in range(1, 7):
        trainer.step()
        for reading in [name for name, end in found["at"].items() if end == step]:
            for kind, model in (("raw", trainer.model), ("ema", trainer.average())):
                score = evaluate(model, sets[1].take(slice(6)), n_supervision=16)
                assert found[reading][kind] == pytest.approx(score.exact, abs=1e-4), (reading, kind)


def test_looks_are_at_both_kinds_of_puzzles(monkeypatch: pytest.MonkeyPatch) -> None:
    base = small(monkeypatch)
    training, held_out = load_sets(base)
    asked = []
    monkeypatch.setattr(ladder, "exact", lambda model, puzzles: asked.append(puzzles) or [0.5] * 16)
    found = ladder.run(base, (training, held_out), 1, looks=2)
    assert [row["step"] for row in found["looks"]] == [3, 6]
    for puzzles, source in zip(asked[2:4], (held_out, training), strict=True):
        assert (puzzles.questions == source.questions[:4]).all()


def test_a_run_that_diverges_counts_as_nothing_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    base = small(monkeypatch)

    def lost(*_: Any) -> None:
        raise Diverged("the loss is nan")

    monkeypatch.setattr(ladder.Trainer, "check", lost)
    found = ladder.run(base, load_sets(base), 1)
    assert found["diverged"] == "the loss is nan"
    # the early reading came before anybody looked at the loss
    assert found["equal_steps"] == {"raw": [0.0] * 16, "ema": [0.0] * 16} and found["at"]["equal_compute"] == 1


def test_a_group_goes_on_and_runs_again_what_was_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small(monkeypatch)
    networks = {"a": {}, "b": {"n": 1}}
    monkeypatch.setattr(ladder, "NETWORKS", {"rungs": networks})
    monkeypatch.setattr(ladder, "SEEDS", {"rungs": 1})
    made = []
    monkeypatch.setattr(
        ladder, "run", lambda recipe, *_: made.append(recipe) or {"at": {}, "equal_steps": {"ema": [0]}}
    )
    monkeypatch.setattr(ladder, "COMMITTED", tmp_path)
    call = ["rungs", "--steps", "6", "--out", str(tmp_path)]
    ladder.main(call)
    ladder.main(call)
    assert [recipe.n for recipe in made] == [2, 1]
    ladder.main([*call, "--seeds", "2"])
    assert [(recipe.n, recipe.seed) for recipe in made[2:]] == [(2, 1), (1, 1)]
    networks["b"] = {"n": 4}
    ladder.main(call)
    assert [(recipe.n, recipe.seed) for recipe in made[4:]] == [(4, 0)]
    with pytest.raises(SystemExit, match="another recipe"):
        ladder.main(["rungs", "--steps", "7", "--out", str(tmp_path)])
    for wrong in (["rungz"], ["rungs", "--recipe", "sudoku-extreme", "--out", str(tmp_path)]):
        with pytest.raises(SystemExit, match="2"):
            ladder.main(wrong)
    ladder.main(["rungs", "--recipe", "laptop-sudoku4", "--steps", "9", "--out", str(tmp_path / "other")])
    assert (made[-1].task, made[-1].steps, made[-1].min_lr_ratio) == ("sudoku4", 9, 1.0)


def test_another_machine_is_held_against_the_committed_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    small(monkeypatch)
    monkeypatch.setattr(ladder, "NETWORKS", {"rungs": {"a": {}, "b": {"n": 1}}})
    monkeypatch.setattr(ladder, "COMMITTED", tmp_path / "committed")
    scores = iter([0.5, 0.25, 1.0, 0.75, 0.125, 0.375])
    monkeypatch.setattr(ladder, "run", lambda *_: {"at": {}, "equal_steps": {"ema": [next(scores)]}})
    ladder.main(["rungs", "--seeds", "2", "--out", str(tmp_path / "committed")])
    assert "committed mean" not in capsys.readouterr().out
    ladder.main(["rungs", "--seeds", "1", "--out", str(tmp_path / "own")])
    told = capsys.readouterr().out.splitlines()[-2:]
    assert [line.split() for line in told] == [
        ["a", "75.0%", "(2)", "12.5%", "(1)"],
        ["b", "50.0%", "(2)", "37.5%", "(1)"],
    ]


# --- what is committed ------------------------------------------------------------------------------------------------


def test_the_length_of_a_run_follows_from_the_criterion() -> None:
    task = json.loads((RESULTS / "task.json").read_text())
    assert task["criterion"] == ladder.CRITERION
    assert {row["seed"] for row in task["runs"]} == set(ladder.PILOT["seeds"])
    assert ladder.chosen(task["runs"]) == (ladder.STEPS, ladder.N_SUPERVISION)
    assert not set(ladder.PILOT["seeds"]) & set(range(max(ladder.SEEDS.values())))


@pytest.mark.parametrize("group", GROUPS)
def test_committed_runs_are_those_of_this_script(group: str) -> None:
    result = json.loads((RESULTS / f"{group}.json").read_text())
    networks = ladder.NETWORKS[group]
    runs = {(row["name"], row["seed"]) for row in result["runs"]}
    assert len(runs) == len(result["runs"])
    assert runs <= {(name, seed) for name in networks for seed in range(ladder.SEEDS[group])}
    extra = ladder.FEW if group == "overfitting" else {}
    assert result["recipe"] == settings(extra)
    for row in result["runs"]:
        assert row["changes"] == networks[row["name"]]
        recipe = ladder.base_recipe().replace(**extra | row["changes"])
        config = recipe.model_config("float32")
        assert row["flops"] == step_flops(recipe.model, config, recipe.batch_size, q_learning=recipe.q_learning)
        assert row["parameters"] == parameter_count(make_model(recipe, torch.device("cpu")))
        for reading in row["at"]:
            assert all(len(row[reading][kind]) == 16 for kind in ("raw", "ema"))
