"""What the README and the model cards state is what the committed results say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trm_edu.arc_tasks import fits, load_tasks
from trm_edu.checkpoints import load_model
from trm_edu.recipes import RECIPES, Recipe
from trm_edu.voting import copying_the_input

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


def rows_in_readme(readme: str, found: dict, columns: list[str]) -> None:
    """Every seed has its row: the named scores with their intervals left out, then the time."""
    for row in found["runs"]:
        shares = [row["exact"] if name == "exact" else row["scores"][name][0] for name in columns]
        cells = " | ".join(f"{share:.1%}" for share in shares)
        assert f"| {row['seed']} | {cells} | {row['seconds']:.0f} s |" in readme


def test_mazes_keep_their_promise(repository: Path) -> None:
    """Three seeds, about five minutes on two cores: at least 90% valid shortest paths in unseen mazes of 10x10."""
    found = results("laptop-maze.json")
    assert [row["seed"] for row in found["runs"]] == [0, 1, 2]
    assert Recipe.from_dict(found["recipe"]) == RECIPES["laptop-maze"]
    assert found["summary"]["valid shortest path"]["min"] >= 0.9 and found["summary"]["seconds"]["median"] <= 330
    columns = ["exact", "valid shortest path", "valid path"]
    rows_in_readme((repository / "README.md").read_text(), found, columns)


def test_arc_tasks_beat_copying_the_input(repository: Path) -> None:
    """Three seeds, about five minutes: the lower end of the interval of pass@2 lies above what copying scores."""
    found = results("laptop-arc.json")
    assert [row["seed"] for row in found["runs"]] == [0, 1, 2]
    assert Recipe.from_dict(found["recipe"]) == RECIPES["laptop-arc"]
    assert "60 tasks" in found["held_out"] and found["summary"]["seconds"]["median"] <= 330
    copied = copying_the_input(fits(load_tasks("arc-agi-1-training"), 7)).pass_at_1
    assert all(row["scores"]["pass@2"][1] > copied for row in found["runs"])
    rows_in_readme((repository / "README.md").read_text(), found, ["pass@1", "pass@2"])


@pytest.mark.parametrize("name", ["laptop-maze", "laptop-arc"])
def test_each_seed_has_its_log(name: str) -> None:
    for row in results(f"{name}.json")["runs"]:
        lines = [json.loads(line) for line in (RESULTS / f"{name}-seed{row['seed']}.jsonl").read_text().splitlines()]
        assert lines[0]["recipe"]["seed"] == row["seed"] and lines[-1]["kind"] == "end"
        assert lines[-1]["exact"][-1] == row["exact"] and lines[-1]["scores"] == row["scores"]


def test_an_id_is_what_the_network_knows_a_task_by() -> None:
    """Under a blank or a wrong id nothing is left of the score; and rows alone can be learned for new tasks."""
    for run in results("arc_ids.json")["runs"]:
        right, blank, wrong = (run["ids"][ids]["scores"]["pass@2"][0] for ids in ("right", "blank", "wrong"))
        assert right > max(blank, wrong)
        assert run["adapted"]["after"]["cells"] > run["adapted"]["before"]["cells"]


def test_puzzles_come_fast_enough() -> None:
    """One core: 50 mazes a second at 30x30, 1,000 at 10x10; every real label; ARC-AGI-1 within 4 GB."""
    found = results("sources.json")
    rate = {row["task"]: row["per_second"] for row in found["mazes"]}
    assert rate["maze30"] >= 50 and rate["maze10"] >= 1000
    assert {row["task"]: row["distance"] for row in found["mazes"]} == {"maze7": 9, "maze10": 16, "maze30": 109}
    assert sum(row["reproduced"] for row in found["labels"]) == sum(row["mazes"] for row in found["labels"]) == 1500
    for row in found["arc"]:
        assert row["memory_bytes"] < 4e9
    assert [row["recipe"] for row in found["arc"]] == ["arc-agi-1", "arc-agi-2"]


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


def map_cells(repository: Path, lesson: str) -> list[str]:
    """What the README's map says of a lesson: seconds, memory, and its exercises with the minutes that they state."""
    found = results("notebooks.json")["notebooks"]
    lesson_run = found[f"notebooks/{lesson}.ipynb"]
    cells = [f"{lesson_run['seconds']:.0f} s", f"{lesson_run['peak_mb'] / 1000:.1f} GB"]
    solution = repository / "solutions" / f"{lesson}.ipynb"
    if not solution.exists():
        return [*cells, "-"]
    minutes = re.findall(r"Time: about (\d+) minutes?", solution.read_text(encoding="utf-8"))
    total = 5 * round(sum(map(int, minutes)) / 5)
    return [*cells, f"[{len(minutes)}, about {total} minutes](exercises/{lesson}.ipynb)"]


def test_the_map_of_the_course_shows_what_was_measured(repository: Path) -> None:
    """Every lesson has a row with its measured figures, and no notebook was left unmeasured."""
    folders = {folder: sorted((repository / folder).glob("*.ipynb")) for folder in ("notebooks", "solutions")}
    names = [f"{folder}/{path.name}" for folder, paths in folders.items() for path in paths]
    assert sorted(results("notebooks.json")["notebooks"]) == sorted(names)
    readme = (repository / "README.md").read_text(encoding="utf-8")
    for path in folders["notebooks"]:
        cells = " | ".join(map_cells(repository, path.stem))
        assert re.search(
            rf"\| {path.stem[:2]} \| \[[^|]*\]\(notebooks/{path.name}\) \| [^|]* \| {re.escape(cells)} \|", readme
        ), cells


def test_a_lesson_and_the_course_keep_their_time() -> None:
    """At most 3 minutes a lesson and 20 seconds of solutions; all lessons of today far below the 25 of the whole."""
    found = results("notebooks.json")["notebooks"]
    lessons = [run["seconds"] for name, run in found.items() if name.startswith("notebooks/")]
    assert max(lessons) <= 180 and sum(lessons) <= 25 * 60
    assert max(run["seconds"] for name, run in found.items() if name.startswith("solutions/")) <= 20
