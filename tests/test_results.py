"""What the README and the model cards state is what the committed results say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trm_edu.checkpoints import load_model
from trm_edu.recipes import RECIPES, Recipe

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"


def results(name: str) -> dict:
    return json.loads((RESULTS / name).read_text())


@pytest.mark.parametrize("script", sorted(path.name for path in RESULTS.parent.glob("*.py")))
def test_every_script_says_what_it_measures(script: str, repository: Path) -> None:
    command = [sys.executable, str(repository / "benchmarks" / script), "--help"]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=repository)
    assert answer.returncode == 0, answer.stderr
    assert "python benchmarks/" + script in answer.stdout


def test_laptop_recipe_holds_its_promise(repository: Path) -> None:
    """Median of five seeds: at least 95% of 1,000 unseen puzzles within 60 seconds. The README quotes each seed."""
    found = results("laptop-sudoku6.json")
    assert [row["seed"] for row in found["runs"]] == [0, 1, 2, 3, 4]
    assert Recipe.from_dict(found["recipe"]) == RECIPES["laptop-sudoku6"]
    assert found["summary"]["exact"]["median"] >= 0.95 and found["summary"]["seconds"]["median"] <= 60
    readme = (repository / "README.md").read_text()
    for row in found["runs"]:
        scores = " | ".join(f"{row[f'exact_{k}']:.1%}" for k in (1, 4, 16))
        assert f"| {row['seed']} | {scores} | {row['seconds']:.0f} s |" in readme


def test_recipe_is_faster_than_at_the_authors_shapes() -> None:
    found = results("step_time.json")
    assert min(found["speedup_over_authors_shapes"].values()) >= 1.5


def test_training_never_waits_for_puzzles() -> None:
    """Even if every slot took a new puzzle at every step, the stream could feed twenty such trainings."""
    rows = results("data_pipeline.json")["training"]
    assert {row["network"] for row in rows} == {"untrained", "shipped"}
    assert min(row["ratio_offered"] for row in rows) >= 20
    assert all(row["taken_per_second"] <= row["offered_per_second"] * 1.001 for row in rows)


def test_no_table_mixes_regimes() -> None:
    found = results("inference_cost.json")
    assert {"A", "B"} <= set(found["tables"])  # the shipped network was trained on the 1,000 puzzles
    for table, rows in found["tables"].items():
        assert {row["regime"] for row in rows} == {table}
        if table == "A" or "one pass" in table:
            assert all(row["evaluations_per_puzzle"] <= 16 for row in rows)
        assert all(row["interval"][0] <= row["exact"] <= row["interval"][1] for row in rows)
    assert len({row["count"] for rows in found["tables"].values() for row in rows}) == 1


@pytest.mark.parametrize("task", ["sudoku6", "sudoku9"])
def test_cards_quote_the_log_of_their_run(task: str, repository: Path) -> None:
    """Weights, card and log belong to one run."""
    assets = repository / "trm_edu" / "assets"
    card = (assets / f"{task}.md").read_text()
    rows = [json.loads(line) for line in (RESULTS / f"{task}.jsonl").read_text().splitlines()]
    checkpoint = load_model(assets / f"{task}.safetensors")
    assert rows[0]["recipe"] == checkpoint.recipe
    assert rows[0]["training"] in card and rows[0]["device"] in card
    assert f"{rows[-1]['step']:,} steps" in card and rows[-1]["step"] == checkpoint.metrics["steps"]
    assert rows[-1]["exact"][-1] == checkpoint.metrics["exact"]
    for name in ("generated, minimal clues", "sx-proxy (dev)")[: 2 if task == "sudoku9" else 1]:
        measured = checkpoint.metrics[name]
        assert re.search(rf"\| {re.escape(name)} \| .*\| {measured['exact_16']:.1%} \[", card)


def test_halting_saves_two_thirds_of_the_evaluations_at_hardly_lower_accuracy() -> None:
    """The shipped 9x9 network on all of sx-proxy: at least 3 times fewer, at most 0.3 points lower."""
    measured = load_model(Path(__file__).parents[1] / "trm_edu" / "assets" / "sudoku9.safetensors").metrics
    found = measured["sx-proxy (dev)"]
    assert found["count"] == 5000
    assert found["giving_up"]["ratio"] <= 1 / 3
    assert found["giving_up"]["exact"] >= found["exact_16"] - 0.003


def test_twenty_kills_changed_no_bit() -> None:
    found = results("kills.json")
    assert found["kills"] == found["resumes_in_log"] == len(found["moments"]) == 20
    assert found["weights_bit_equal"] and found["losses_equal"]
    assert not any(moment["half_files"] for moment in found["moments"])
