"""The scripts that measure count what they say they count, and the campaign for a GPU runs from end to end without one.

No test looks at how long something takes: that is what benchmarks/results holds.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributed.run import get_args_parser

from trm_edu import cli
from trm_edu.checkpoints import load_model, shipped_model
from trm_edu.data import load_puzzles
from trm_edu.evaluate import PICKS, evaluate, evaluate_halting, evaluate_starts
from trm_edu.forecast import kept_for_backward
from trm_edu.inference import Answers
from trm_edu.intervals import wilson_interval
from trm_edu.recipes import RECIPES, Recipe
from trm_edu.tasks import get_task
from trm_edu.train import Run, train
from trm_edu.trainer import Diverged

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import arc_ids  # noqa: E402
import data_pipeline  # noqa: E402
import fixed_point  # noqa: E402
import gpu_campaign  # noqa: E402
import inference_cost  # noqa: E402
import n_supervision  # noqa: E402
import record  # noqa: E402
import seeds  # noqa: E402
import sources  # noqa: E402
import step_time  # noqa: E402

CPU = torch.device("cpu")
TINY = Recipe(
    name="tiny", task="sudoku4", train_count=8, hidden=8, n_layers=1, T=1, n=1, heads=2, dtype="float32",
    n_supervision=4, batch_size=8, steps=100, warmup=2, exploration=0.0, device="cpu",
)  # fmt: skip


# --- step_time --------------------------------------------------------------------------------------------------------


def test_every_row_is_timed_eager_and_compiled_and_full_size_is_for_cuda() -> None:
    small, large = step_time.cases(None, False), step_time.cases(None, True)
    assert {name.rpartition(", ")[0] for name in small if small[name].compile} == {
        name.rpartition(", ")[0] for name in small if not small[name].compile
    }
    assert not any(recipe.batch_size == 768 for recipe in small.values())
    full = {name: recipe for name, recipe in large.items() if name not in small}
    assert {recipe.model_config("bfloat16").n_positions for recipe in full.values()} == {81, 97}
    for name, recipe in full.items():
        assert (recipe.batch_size, recipe.T, recipe.n, recipe.depths) == (768, 3, 6, ()), name
        assert recipe.compile == name.endswith("compiled")
    assert list(step_time.cases("faithful step, L=81", False)) == [
        f"faithful step, L=81, bfloat16, {way}" for way in ("eager", "compiled")
    ]


def test_a_row_counts_slots_tokens_and_memory() -> None:
    recipe = TINY.replace(batch_size=6, prefix_len=2)
    row = step_time.measure(recipe, CPU, seconds=0.0)
    assert row["steps"] == 5 and row["ms_10"] <= row["ms"] <= row["ms_90"]
    assert row["puzzles_per_second"] * row["ms"] / 1e3 == pytest.approx(6)
    assert row["tokens_per_second"] / row["puzzles_per_second"] == pytest.approx(18)
    assert row["share_of_matmul"] == pytest.approx(row["gflops"] / row["matmul_gflops"])
    assert row["kept_for_backward_bytes"] == kept_for_backward("trm", recipe.model_config("float32"), 6)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of a process")
def test_peak_memory_sees_what_was_freed_again() -> None:
    size = 200_000_000
    del (first := {"block": torch.ones(size, dtype=torch.uint8)})["block"]  # an earlier, as large peak counts not
    assert not first
    memory = step_time.PeakMemory(CPU)
    assert memory.bytes() < size / 4
    torch.ones(size, dtype=torch.uint8)
    assert size * 0.9 < memory.bytes() < size * 1.5


def test_a_row_that_cannot_be_compiled_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*args: Any, **options: Any) -> None:
        raise RuntimeError("the compiler is ill\nand says so at length")

    monkeypatch.setattr("torch.compile", broken)
    out = tmp_path / "steps.json"
    step_time.main(["--rows", "laptop-sudoku6, float32", "--seconds", "0", "--device", "cpu", "--out", str(out)])
    result = json.loads(out.read_text())
    assert result["rows"]["laptop-sudoku6, float32, compiled"]["failed"] == "RuntimeError: the compiler is ill"
    assert result["rows"]["laptop-sudoku6, float32, eager"]["ms"] > 0
    assert result["command"].startswith("python benchmarks/step_time.py --rows") and result["versions"]["torch"]


def test_a_compiled_row_without_a_compiler_is_no_eager_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trm_edu.trainer.cpp_compiler", lambda: None)
    assert "no C++ compiler" in step_time.attempt(TINY.replace(compile=True), CPU, seconds=0.0)["failed"]


def test_ratios_compare_equal_batches_only() -> None:
    rows = {
        "slow, float32, eager": {"ms": 30.0, "batch": 4},
        "fast, float32, eager": {"ms": 10.0, "batch": 4},
        "slow, float32, compiled": {"ms": 30.0, "batch": 4},
        "fast, float32, compiled": {"failed": "?", "batch": 4},
        "slow, bfloat16, eager": {"ms": 30.0, "batch": 4},
        "fast, bfloat16, eager": {"ms": 10.0, "batch": 2},
    }
    assert step_time.ratios(rows, "slow", "fast") == {"float32, eager": 3.0}


# --- data_pipeline ----------------------------------------------------------------------------------------------------


def test_taken_counts_slots_that_had_halted_and_offered_counts_all() -> None:
    """An untrained network never says that it is done: a slot takes a new puzzle every n_supervision steps."""
    at_once = data_pipeline.time_training(TINY.replace(n_supervision=1), CPU, 0.05, None)
    assert at_once["taken_per_step"] == 8 and at_once["taken_per_second"] == pytest.approx(
        at_once["offered_per_second"]
    )
    slow = data_pipeline.time_training(TINY, CPU, 0.5, None)
    assert slow["taken_per_step"] == pytest.approx(2, abs=8 / slow["steps"])
    assert slow["offered_per_second"] == pytest.approx(8 * 1e3 / slow["step_ms"])
    assert slow["ratio_offered"] == pytest.approx(slow["stream_puzzles_per_second"] / slow["offered_per_second"])
    assert slow["ratio_taken"] > 2 * slow["ratio_offered"]


def test_stream_counts_what_came_out() -> None:
    stream = data_pipeline.BatchStream(step_time.some_puzzles("sudoku4"), 12, seed=0, device="cpu")
    row = data_pipeline.time_stream(stream, 0.02)
    assert row["puzzles_per_second"] * row["ms_per_batch"] / 1e3 == pytest.approx(12)


# --- inference_cost ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "recipe", "table"),
    [
        ("trm", {"train_data": "sudoku-extreme-1k", "train_count": None}, ("A", "B")),
        ("trm", {"train_data": "sudoku-extreme-train", "train_count": 1000}, ("A", "B")),
        ("trm", {"train_data": "sudoku-extreme-train", "train_count": None}, ("C, one pass", "C, test-time compute")),
        ("trm", {"train_data": "sudoku-extreme-train", "train_count": 2000}, ("C, one pass", "C, test-time compute")),
        ("symmetric", {"train_data": "sudoku-extreme-1k"}, ("D, one pass", "D, test-time compute")),
        ("trm", {"train_data": "generated", "train_count": 1000}, ("own, one pass", "own, test-time compute")),
        ("trm", {}, ("own, one pass", "own, test-time compute")),
    ],
)
def test_regimes_have_tables_of_their_own(model: str, recipe: dict[str, Any], table: tuple[str, str]) -> None:
    assert tuple(inference_cost.regime(model, recipe, one_pass) for one_pass in (True, False)) == table


def test_each_pick_reads_the_same_answers_in_its_own_way() -> None:
    """Five starts: one right, one surest, one first, two that agree."""
    task = get_task("sudoku4")
    puzzles = task.generate(1, seed=0)
    right = torch.from_numpy(puzzles.answers).long()
    wrong = [right.clone().index_fill_(1, torch.tensor([cell]), 0) for cell in range(3)]
    tokens = torch.stack([right, wrong[0], wrong[1], wrong[2], wrong[2]])
    logit = torch.tensor([1.0, 9.0, 2.0, 3.0, 3.0])[:, None]
    steps = torch.tensor([5, 4, 1, 6, 7])[:, None]
    answers = Answers(
        tokens=tokens, halt_logit=logit, halted=logit > 0, given_up=logit < 0, steps=steps, evaluations=80
    )
    chosen = {way: inference_cost.pick(answers, way, puzzles).tokens for way in PICKS}
    expected = {"rules": right, "halting": wrong[0], "first": wrong[1], "vote": wrong[2]}
    assert all(torch.equal(chosen[way], expected[way]) for way in PICKS)
    rows = inference_cost.spend(puzzles, lambda piece: answers, PICKS, 10, CPU)
    assert [row["exact"] for row in rows] == [1.0, 0.0, 0.0, 0.0]
    assert all(row["any_start"] == 1.0 and row["evaluations_per_puzzle"] == 80 for row in rows)
    assert rows[0]["interval"] == wilson_interval(1, 1) and rows[0]["passes"] == 5.0


def test_costs_and_scores_are_those_of_the_library(tmp_path: Path) -> None:
    """Every strategy at once against `trm_edu.evaluate`, one at a time; no row stands in another regime's table."""
    checkpoint, out = shipped_model("sudoku6"), tmp_path / "cost.json"
    options = "--task sudoku6 --data generated --count 12 --starts 3 --symmetries 2 --steps 20 --batch 8 --device cpu"
    inference_cost.main([*options.split(), "--seed", "4", "--out", str(out)])
    result = json.loads(out.read_text())
    assert list(result["tables"]) == ["own, one pass", "own, test-time compute"]
    for table, rows in result["tables"].items():
        assert all(row["regime"] == table for row in rows)
        assert (table == "own, one pass") == all(row["evaluations_per_puzzle"] <= 16 for row in rows)
    (fixed, halting, surer, given_up), (long, halting_long, *several) = result["tables"].values()
    training, _ = cli.training_puzzles(checkpoint, get_task("sudoku6"))
    puzzles = load_puzzles("generated", "sudoku6", count=12, seed=4, exclude=training)
    assert result["evaluated_on"] == puzzles.describe()
    model = checkpoint.model
    for row, steps in ((fixed, 16), (long, 20)):
        score = evaluate(model, puzzles, n_supervision=steps)
        assert (row["exact"], row["evaluations_per_puzzle"]) == (score.score, steps)
        assert row["interval"] == list(score.interval)
    for row, steps in ((halting, 16), (halting_long, 20)):
        score = evaluate_halting(model, puzzles, n_supervision=steps, batch_size=8)
        assert (row["exact"], row["evaluations_per_puzzle"]) == (score.exact, score.steps)
    for row, rule in ((surer, {}), (given_up, {"give_up": inference_cost.GIVE_UP})):
        score = evaluate_halting(model, puzzles, halt_above=2.0, batch_size=8, **rule)
        assert (row["exact"], row["evaluations_per_puzzle"]) == (score.exact, score.steps)
    for row, pick in zip(several, PICKS * 2, strict=True):
        ways = {"starts": 3, "noise": 1.0} if "starts" in row["strategy"] else {"symmetries": 2}
        score = evaluate_starts(model, puzzles, **ways, pick=pick, seed=4, batch_size=8)
        assert (row["pick"], row["exact"], row["evaluations_per_puzzle"]) == (pick, score.exact, score.steps)


# --- gpu_campaign -----------------------------------------------------------------------------------------------------


def campaign(what: str, out: Path, *options: str) -> None:
    gpu_campaign.main([what, "--small", "--device", "cpu", "--out", str(out), *options])


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def test_training_goes_on_through_pieces_until_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, limits = gpu_campaign.train, []

    def noted(recipe: Recipe, *args: Any, **options: Any) -> Run:
        limits.append(recipe.max_seconds)
        return train(recipe, *args, **options)

    monkeypatch.setattr(gpu_campaign, "train", noted)
    monkeypatch.setattr(gpu_campaign, "PIECE_BYTES", 20_000)
    pieces, no_time = tmp_path / "pieces", ("--minutes", "1e-7")
    campaign("train", tmp_path / "1", "--pieces", str(pieces), *no_time)
    first = read(tmp_path / "1" / "train-seed0.json")
    assert (first["steps"], first["finished"], first["rehearsal"], first["regime"]) == (4, False, True, "own, one pass")
    names = read(pieces / "pieces.json")["pieces"]
    assert len(names) > 1 and {path.name for path in pieces.iterdir()} == {*names, "pieces.json"}
    assert all((pieces / name).stat().st_size <= 20_000 for name in names)

    campaign("train", tmp_path / "2", "--pieces", str(pieces), *no_time)  # on another machine
    assert read(tmp_path / "2" / "train-seed0.json")["resumed_at"] == [4]
    spent = gpu_campaign.newest_state(tmp_path / "1" / "seed-0")[0].facts["seconds"]
    assert 0 <= limits[1] - spent < 1e-4 and limits[0] < 1e-4 < spent  # the minutes are those of one call
    campaign("train", tmp_path / "3", "--pieces", str(pieces), "--minutes", "1")
    last = read(tmp_path / "3" / "train-seed0.json")
    assert last["finished"] and last["steps"] == 24 and last["resumed_at"] == [4, 8]
    # the second call ended at step 8, before the evaluation that was due there
    assert [(point["step"], point["on"]) for point in last["curve"]] == [(8, "part"), (16, "part"), (24, "all")]
    best = load_model(tmp_path / "3" / "seed-0" / "best.safetensors")

    gpu_campaign.main(["unpack", "--pieces", str(pieces), "--out", str(tmp_path / "4")])
    assert read(tmp_path / "4" / "train-seed0.json") == last
    travelled = load_model(tmp_path / "4" / "seed-0" / "best.safetensors")
    for mine, theirs in zip(best.model.parameters(), travelled.model.parameters(), strict=True):
        assert torch.equal(mine.bfloat16().float(), theirs)
    before = (tmp_path / "3" / "seed-0" / "log.jsonl").read_bytes()
    campaign("train", tmp_path / "3", "--minutes", "1")  # nothing is left to do
    assert (tmp_path / "3" / "seed-0" / "log.jsonl").read_bytes() == before

    (pieces / names[0]).write_bytes(b"something else")
    with pytest.raises(SystemExit, match="are not whole"):
        campaign("train", tmp_path / "5", "--pieces", str(pieces), *no_time)


def test_weights_that_travel_hold_the_optimizer_and_the_average(tmp_path: Path) -> None:
    """What is left out of a state is the slots' puzzles, and nothing else."""
    campaign("train", tmp_path / "1", "--pieces", str(tmp_path / "p"), "--minutes", "1e-7")
    gpu_campaign.main(["unpack", "--pieces", str(tmp_path / "p"), "--out", str(tmp_path / "2")])
    whole, slim = (gpu_campaign.newest_state(tmp_path / n / "seed-0")[0] for n in ("1", "2"))
    left_out = {name for name in whole.tensors if name.startswith("carry/")}
    assert left_out and set(slim.tensors) == set(whole.tensors) - left_out and slim.facts == whole.facts
    assert all(torch.equal(slim.tensors[name], whole.tensors[name]) for name in slim.tensors)


def test_no_seed_is_left_out_and_the_best_is_measured_on_other_puzzles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = gpu_campaign.train

    def ill(recipe: Recipe, *args: Any, **options: Any) -> Run:
        if recipe.seed == 1:
            raise Diverged("the loss is nan at step 3")
        return train(recipe, *args, **options)

    monkeypatch.setattr(gpu_campaign, "train", ill)
    campaign("seeds", tmp_path, "--seeds", "1", "2", "--minutes", "1")
    first, second = read(tmp_path / "seeds.json")["runs"]
    assert first == {"seed": 1, "finished": False, "problem": "Diverged: the loss is nan at step 3"}
    assert second["finished"] and second["end"]["count"] == 12

    measure, measured = gpu_campaign.measure_inference, []
    monkeypatch.setattr(
        gpu_campaign, "measure_inference", lambda c, puzzles, **o: (measured.append(puzzles), measure(c, puzzles, **o))
    )
    campaign("testtime", tmp_path, "--count", "5")
    result = read(tmp_path / "testtime.json")
    assert result["seed"] == 2 and result["evaluated_on"].endswith(
        "5 puzzles of sudoku4, 5 distinct under its symmetries"
    )
    recipe = gpu_campaign.FAST.replace(name="small", **gpu_campaign.SMALL)
    _, held_out = gpu_campaign.load_sets(recipe)
    assert np.array_equal(measured[0].questions, held_out.questions[4:9])  # training looked at the first four
    weights = load_model(tmp_path / "seed-2" / "best.safetensors").model
    score = evaluate(weights, held_out.take(np.arange(4, 9)))
    assert result["tables"]["own, one pass"][0]["exact"] == score.score
    assert {row["count"] for rows in result["tables"].values() for row in rows} == {5}


def test_probe_times_each_variant_in_a_process_and_goes_on(tmp_path: Path) -> None:
    campaign("probe", tmp_path, "--seconds", "0", "--variants", "eager")
    rows = read(tmp_path / "probe.json")["rows"]
    assert rows["eager"]["ms"] > 0 and rows["eager"]["changes"] == {"compile": False}
    campaign("probe", tmp_path, "--seconds", "0", "--variants", "eager")  # nothing is left to do
    assert read(tmp_path / "probe.json")["rows"] == rows
    campaign("probe", tmp_path, "--seconds", "0", "--minutes", "0", "--variants", "eager", "batch 384")
    assert list(read(tmp_path / "probe.json")["rows"]) == ["eager"]  # no time was left for the other
    assert read(tmp_path / "probe.json")["rows"] == rows and read(tmp_path / "probe.json")["pick"] == "eager"


def test_probe_covers_modes_padding_batch_depth_and_optimizers() -> None:
    found = gpu_campaign.variants(small=False)
    base = gpu_campaign.FAST.replace(depths=())
    recipes = {name: base.replace(**changes) for name, (changes, _) in found.items()}
    assert {r.compile_mode for r in recipes.values() if r.compile} >= {"default", "reduce-overhead", "max-autotune"}
    assert {r.batch_size for r in recipes.values()} == {384, 768}
    assert {(r.T, r.n) for r in recipes.values()} == {(3, 6), (6, 9)}
    assert {r.optimizer for r in recipes.values()} == {"muon", "adamw", "adam_atan2"}
    assert {r.model_config("bfloat16").n_positions for r in recipes.values()} == {81, 96}
    for name, (_, same) in found.items():
        r = recipes[name]
        alike = (r.batch_size, r.T, r.n, r.optimizer) == (base.batch_size, base.T, base.n, base.optimizer)
        assert same == alike, name


def test_the_pick_trains_the_same_recipe() -> None:
    rows = {
        "a": {"ms": 3.0, "same_training": True},
        "b": {"ms": 2.0, "same_training": True},
        "smaller batch": {"ms": 1.0, "same_training": False},
        "ill": {"failed": "?", "same_training": True},
    }
    assert gpu_campaign.pick(rows) == "b"
    assert gpu_campaign.pick({"ill": rows["ill"]}) is None


def test_a_variant_that_hangs_or_crashes_is_a_row(tmp_path: Path) -> None:
    begun, mark = time.perf_counter(), tmp_path / "alive"
    # the grandchild stands for a compiler's worker
    nested = f"(sleep 3; touch {mark}) & sleep 60"
    assert re.match("stopped after 1 s", gpu_campaign.in_a_process(["bash", "-c", nested], 1)["failed"])
    crash = [sys.executable, "-c", "raise MemoryError('too much')"]
    assert gpu_campaign.in_a_process(crash, 60) == {"failed": "exit status 1: MemoryError: too much"}
    time.sleep(max(0.0, 3.5 - (time.perf_counter() - begun)))
    assert not mark.exists()


# --- slurm ------------------------------------------------------------------------------------------------------------

SBATCH = BENCHMARKS / "slurm" / "train.sbatch"


@pytest.fixture
def cluster(tmp_path: Path) -> dict[str, str]:
    """A cluster of stubs: srun writes down its arguments and stays, scontrol names two nodes and notes what it did."""
    tools = {
        "srun": f'printf "%s\\n" "$@" > {tmp_path}/srun.part; echo $OMP_NUM_THREADS > {tmp_path}/threads\n'
        f'mv {tmp_path}/srun.part {tmp_path}/srun; [ -n "$STAY" ] && exec sleep 20; exit 0',
        "scontrol": f'[ "$1" = show ] && printf "node-a\\nnode-b\\n"; echo "$@" >> {tmp_path}/scontrol',
    }
    (tmp_path / "bin").mkdir()
    for name, text in tools.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "bin" / "activate").write_text("")
    given = {"SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_NODELIST": "node-[a-b]"}
    given |= {"SLURM_CPUS_PER_TASK": "32", "VENV": str(tmp_path), "SHARED": "/shared", "STAY": ""}
    return os.environ | given | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}


def launched(tmp_path: Path, environment: dict[str, str], *arguments: str) -> tuple[Any, list[str]]:
    """torchrun's options and the arguments of trm-edu, as srun got them."""
    subprocess.run(["bash", str(SBATCH), *arguments], env=environment, check=True, cwd=tmp_path, timeout=30)
    words = (tmp_path / "srun").read_text().splitlines()
    options = get_args_parser().parse_args(words[words.index("torchrun") + 1 :])
    return options, options.training_script_args


def test_batch_script_is_a_shell_script_for_slurm() -> None:
    assert subprocess.run(["bash", "-n", str(SBATCH)]).returncode == 0
    asked = re.findall(r"^#SBATCH (--\S+)", SBATCH.read_text(), re.M)
    assert {"--nodes=2", "--gpus-per-node=4", "--ntasks-per-node=1", "--requeue", "--signal=B:USR1@120"} <= set(asked)
    before = SBATCH.read_text().split("set -euo")[0]
    assert all(f"#SBATCH {option}" in before for option in asked)  # below the first command Slurm reads none


def test_batch_script_starts_a_training_that_exists(
    tmp_path: Path, cluster: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def pretend(recipe: Recipe, folder: Path, **options: Any) -> Run:
        seen.update(recipe=recipe, folder=folder)
        raise KeyboardInterrupt

    monkeypatch.setattr("trm_edu.train.train", pretend)
    puzzles = load_puzzles("generated", "sudoku4", count=4)
    monkeypatch.setattr("trm_edu.train.load_sets", lambda recipe: (puzzles, puzzles))
    options, command = launched(tmp_path, cluster)
    assert (options.nnodes, options.nproc_per_node, options.module) == ("2", "4", True)
    assert (options.rdzv_backend, options.rdzv_endpoint, options.rdzv_id) == ("c10d", "node-a:29500", "7")
    assert options.training_script == "trm_edu.cli" and (tmp_path / "threads").read_text() == "8\n"
    assert cli.main(command) == 130
    assert seen["recipe"] == RECIPES["sudoku-extreme-fast"].replace(save_every=250, max_seconds=None)
    assert seen["folder"] == Path("/shared/runs/sudoku-extreme-fast")

    given = cluster | {"RUN": "other"}
    _, command = launched(tmp_path, given, "sudoku-extreme", "--seed", "1", "--save-every", "50")
    assert cli.main(command) == 130
    assert seen["recipe"] == RECIPES["sudoku-extreme"].replace(save_every=50, max_seconds=None, seed=1)
    assert seen["folder"] == Path("/shared/runs/other")


def test_batch_job_goes_back_into_the_queue_on_the_signal(tmp_path: Path, cluster: dict[str, str]) -> None:
    job = subprocess.Popen(["bash", str(SBATCH)], env=cluster | {"STAY": "1"}, start_new_session=True)
    try:
        deadline = time.monotonic() + 10
        while not (tmp_path / "srun").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        job.send_signal(signal.SIGUSR1)
        assert job.wait(timeout=10) != 0  # not done: the next start goes on
        assert (tmp_path / "scontrol").read_text().splitlines()[-1] == "requeue 7"
    finally:
        os.killpg(job.pid, signal.SIGKILL)


def test_torchrun_line_for_one_node_is_one_of_torchrun() -> None:
    (words,) = re.findall(r"torchrun (--standalone .*)", SBATCH.read_text())
    options = get_args_parser().parse_args(words.split())
    assert options.standalone and options.training_script == "trm_edu.cli"
    assert options.training_script_args[0] == "train" and options.training_script_args[1] in RECIPES


# --- README -----------------------------------------------------------------------------------------------------------


def test_readme_names_every_script_and_commands_that_parse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (BENCHMARKS / "README.md").read_text()
    for script in BENCHMARKS.glob("*.py"):
        assert f"`{script.name}" in text, f"{script.name} is not in the table"
    for name in ("probe", "train_command", "seeds_command", "testtime"):
        monkeypatch.setattr(gpu_campaign, name, lambda args: ran.append(args.what))
    ran: list[str] = []
    monkeypatch.chdir(tmp_path)
    for words in re.findall(r"^python benchmarks/gpu_campaign\.py (.*?)(?: +#.*)?$", text, re.M):
        gpu_campaign.main(words.split())
    assert {"probe", "train", "seeds", "testtime"} <= set(ran)


def test_results_name_command_machine_and_versions() -> None:
    """All that these scripts wrote; a figure of a GPU is there only if a GPU is named."""
    found = sorted(record.RESULTS.glob("*.json"))
    assert found
    for path in found:
        result = read(path)
        assert path.stem in result["command"] and result["device"] and result["versions"]["torch"], path.name
        assert not re.search(r"/(work|home|root|tmp)/", json.dumps(result)), path.name
        assert not result.get("rehearsal"), path.name


# --- seeds and sources ------------------------------------------------------------------------------------------------


def test_every_seed_leaves_its_log_and_its_score(tmp_path: Path) -> None:
    small = ["hidden=8", "steps=4", "eval_every=2", "train_count=8", "eval_count=8", "dtype=float32", "batch_size=4"]
    arguments = ["laptop-sudoku4", "--seeds", "2", "--name", "small", "--set", *small, "task=maze7"]
    seeds.main([*arguments, "--runs", str(tmp_path / "runs"), "--out", str(tmp_path)])
    found = json.loads((tmp_path / "small.json").read_text())
    assert [run["seed"] for run in found["runs"]] == [0, 1] and found["recipe"]["task"] == "maze7"
    assert set(found["summary"]) == {"exact", "seconds", "valid shortest path", "valid path"}
    for seed, run in enumerate(found["runs"]):
        end = json.loads((tmp_path / f"small-seed{seed}.jsonl").read_text().splitlines()[-1])
        assert end["kind"] == "end" and end["exact"][-1] == run["exact"] and end["step"] == run["steps"] == 4
        assert end["scores"] == run["scores"]


def test_another_recipe_needs_another_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        seeds.main(["laptop-sudoku4", "--set", "steps=4", "--out", str(tmp_path)])
    assert "give its results a --name of their own" in capsys.readouterr().err


def test_sources_count_what_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    monkeypatch.setattr(sources, "MAZES", {"maze7": 50})
    monkeypatch.setattr(sources, "ARC", ())
    sources.main(["--seconds", "0.05", "--out", str(tmp_path / "sources.json")])
    found = json.loads((tmp_path / "sources.json").read_text())
    (row,) = found["mazes"]
    assert row["mazes"] % 50 == 0 and row["mazes"] > 0 and row["distance"] == 9
    assert [(row["mazes"], row["reproduced"]) for row in found["labels"]] == [(1000, 1000), (500, 500)]


def test_ids_are_compared_and_rows_adapted(tmp_path: Path) -> None:
    small = ["hidden=8", "steps=4", "eval_every=2", "eval_count=4", "dtype=float32", "batch_size=4", "augmentations=1"]
    small += ["eval_augmentations=1", "puzzle_ids=9", "eval_supervision=2"]
    seeds.main(
        [
            "laptop-arc",
            "--seeds",
            "1",
            "--name",
            "small",
            "--set",
            *small,
            "--runs",
            str(tmp_path),
            "--out",
            str(tmp_path),
        ]
    )
    out = tmp_path / "ids.json"
    arc_ids.main([str(tmp_path / "small-seed0"), "--steps", "3", "--out", str(out)])
    (row,) = json.loads(out.read_text())["runs"]
    assert set(row["ids"]) == {"right", "blank", "wrong"} and row["ids"]["right"]["count"] >= 8
    assert "ARC-AGI-1 evaluation" in row["adapted"]["tasks"] and row["adapted"]["steps"] == 3
    assert row["adapted"]["before"]["count"] == row["adapted"]["after"]["count"]


# --- the runs behind lessons 05 and 06 ------------------------------------------------------------------------------

SMALL = {"train_count": 40, "eval_count": 16, "eval_part": 8, "hidden": 16, "batch_size": 8}


@pytest.mark.parametrize("script", [n_supervision, fixed_point], ids=["n_supervision", "fixed_point"])
def test_a_benchmark_of_many_runs_goes_on_and_refuses_the_runs_of_another_recipe(
    script: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(script, "CHANGED", script.CHANGED | SMALL)
    for name, value in {"RECURSIONS": ((1, 1),), "N_SUPERVISION": (1, 2), "MODELS": ("hrm", "trm")}.items():
        if hasattr(script, name):
            monkeypatch.setattr(script, name, value)
    if script is fixed_point:
        for name, value in {"TESTED": 16, "BATCHES": 2, "BATCH": 4}.items():
            monkeypatch.setattr(script, name, value)
    trained = []
    monkeypatch.setattr(script, "train", lambda recipe, **options: trained.append(recipe) or train(recipe, **options))
    out = tmp_path / "out.json"
    threads = torch.get_num_threads()
    try:
        script.main(["--seeds", "1", "--steps", "3", "--out", str(out)])
        first = json.loads(out.read_text())["runs"]
        script.main(["--seeds", "2", "--steps", "3", "--out", str(out)])
        runs = json.loads(out.read_text())["runs"]
        with pytest.raises(SystemExit, match="holds runs of another recipe"):
            script.main(["--seeds", "1", "--steps", "4", "--out", str(out)])
    finally:
        torch.set_num_threads(threads)
    assert len(first) == 2 and len(runs) == 4 and runs[:2] == first
    assert [recipe.seed for recipe in trained] == [0, 0, 1, 1], "what was done is not done again"
    assert json.loads(out.read_text())["runs"] == runs, "a refusal writes nothing"
