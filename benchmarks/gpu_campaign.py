"""What can one GPU do in a few calls of ten minutes? Each command below is one call; together they are the campaign.

    python benchmarks/gpu_campaign.py probe    --out runs/gpu                # which compiled step is fastest
    python benchmarks/gpu_campaign.py train    --out runs/gpu --minutes 7    # again: goes on where it stopped
    python benchmarks/gpu_campaign.py seeds    --out runs/gpu --minutes 7 --seeds 1 2 3
    python benchmarks/gpu_campaign.py testtime --out runs/gpu --count 2000
    python benchmarks/gpu_campaign.py probe --small --device cpu --out /tmp/rehearsal   # the same in seconds, anywhere

probe: times variants of the step of `sudoku-extreme-fast` at its full depth, each in a process of its own that may fail
or be stopped, and writes `probe.json` after each one. A second call does only what is missing. Its pick is the fastest
of the variants that train the same recipe (compile mode, padding); other batches, depths and optimizers are timed
beside them, but are other trainings.

train: the recipe in regime A (1,000 puzzles, one pass), evaluated every 500 steps, for at most --minutes of training in
this call; `train-seedN.json` holds the curve. It takes compile mode and padding from `probe.json` if that is there.
seeds: the same for more seeds, one after the other; `seeds.json` lists every seed, finished or not.

testtime: `benchmarks/inference_cost.py` with the best weights of all seeds in --out, best by the part of the evaluation
puzzles that was used in training; the score is of other puzzles. Writes `testtime.json`.

--pieces FOLDER is for a machine from which only small files come back: at the end of a call, results, logs, best
weights and the states to go on from are put there in files of at most 15 MB; a call begins by putting back from there
what is not in --out. The half-solved puzzles of the slots are left out of such a state (they are most of it): the
slots take new puzzles, so a run that went on from pieces is not bit-equal to an uninterrupted one. Weights travel in
bfloat16. `unpack --pieces FOLDER --out FOLDER` only puts back.

The puzzles: --train-data and --eval-data. The defaults need TRM_EDU_DATA and nothing else; sx-proxy is a stand-in for
the Sudoku-Extreme test split, and its scores are not comparable with published ones. With the hub at hand:
--train-data sudoku-extreme-train --eval-data sudoku-extreme-test --eval-count 20000
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from inference_cost import measure as measure_inference
from inference_cost import regime
from record import first_line, header, write
from step_time import attempt, line

from trm_edu.checkpoints import load_model, save_model
from trm_edu.cli import training_puzzles
from trm_edu.data import write_whole
from trm_edu.devices import pick_device
from trm_edu.logs import LOG_NAME, load_run
from trm_edu.recipes import RECIPES, Recipe
from trm_edu.resume import Saved, flatten, newest_state, write_state
from trm_edu.tasks import PuzzleSet, get_task
from trm_edu.train import BEST, LAST, load_sets, train
from trm_edu.trainer import Trainer

PIECE_BYTES = 15_000_000
FAST = RECIPES["sudoku-extreme-fast"].replace(max_seconds=None, eval_part=1000, save_every=250)
SMALL = {
    "task": "sudoku4",
    "train_data": "generated",
    "train_count": 8,
    "eval_data": "generated",
    "eval_count": 12,
    "eval_part": 4,
    "hidden": 8,
    "n_layers": 1,
    "T": 1,
    "n": 2,
    "heads": 2,
    "n_supervision": 3,
    "eval_supervision": 3,
    "batch_size": 4,
    "warmup": 2,
    "steps": 24,
    "eval_every": 8,
    "save_every": 4,
    "dtype": "float32",
    "compile": False,
    "depths": ((0.2, 1, 1),),
}


def recipe_for(args: argparse.Namespace) -> Recipe:
    """`sudoku-extreme-fast` on the puzzles that were asked for, or its rehearsal."""
    if args.small:
        return FAST.replace(name="small", device=args.device, **SMALL)
    puzzles = {"train_data": args.train_data, "eval_data": args.eval_data, "eval_count": args.eval_count}
    recipe = FAST.replace(device=args.device, **puzzles)
    return recipe if args.steps is None else recipe.replace(steps=args.steps)


# --- probe ------------------------------------------------------------------------------------------------------------


def variants(small: bool) -> dict[str, tuple[dict[str, Any], bool]]:
    """Name -> (what differs from the recipe at its full depth, whether it trains the same). The likeliest first.

    Padding is a prefix of learned tokens: 15 of them make 96 positions of 81.
    """
    base = FAST.replace(**SMALL) if small else FAST
    half, deep = {"batch_size": base.batch_size // 2}, {"T": 2 * base.T, "n": base.n * 3 // 2}
    on = {} if small else {"compile": True}
    found: dict[str, tuple[dict[str, Any], bool]] = {
        "reduce-overhead": ({**on, "compile_mode": "reduce-overhead"}, True),
        "default": ({"compile": True, "compile_mode": "default"}, True),
        "eager": ({"compile": False}, True),
        "padded to 96": ({**on, "prefix_len": 15}, True),
        "SwiGLU widths to 128": ({**on, "swiglu_multiple": 128}, True),
        "AdamW": ({**on, "optimizer": "adamw"}, False),
        "AdamATan2": ({**on, "optimizer": "adam_atan2"}, False),
        "batch 384": ({**on, **half}, False),
        "T=6 n=9, batch 384": ({**on, **half, **deep}, False),
        "max-autotune-no-cudagraphs": ({**on, "compile_mode": "max-autotune-no-cudagraphs"}, True),
        "T=6 n=9": ({**on, **deep}, False),
        "max-autotune": ({**on, "compile_mode": "max-autotune"}, True),
    }
    return found


def probe_one(args: argparse.Namespace) -> None:
    """One variant; its row is the last line of the output."""
    changes, _ = variants(args.small)[args.variant]
    recipe = recipe_for(args).replace(depths=(), **changes)
    print(json.dumps(attempt(recipe, pick_device(args.device), args.seconds)))


def in_a_process(command: list[str], seconds: float) -> dict[str, Any]:
    """The row that it prints, or why there is none. The compiler's own processes end with it."""
    begun, pipes = time.perf_counter(), {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, **pipes) as child:
        try:
            out, errors = child.communicate(timeout=max(1.0, seconds))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            return {"failed": f"stopped after {time.perf_counter() - begun:.0f} s"}
    try:
        return json.loads(out.splitlines()[-1])
    except (IndexError, ValueError):
        last = (errors.strip().splitlines() or [""])[-1]
        return {"failed": f"exit status {child.returncode}: {last[:200]}"}


def pick(rows: dict[str, dict[str, Any]]) -> str | None:
    """The fastest variant that trains the same recipe."""
    timed = {name: row["ms"] for name, row in rows.items() if "ms" in row and row["same_training"]}
    return min(timed, key=timed.__getitem__) if timed else None


def probe(args: argparse.Namespace) -> None:
    if args.variant:
        return probe_one(args)
    path, deadline = args.out / "probe.json", time.perf_counter() + 60 * args.minutes
    result = header(__file__, args.argv, pick_device(args.device)) | {"rehearsal": args.small}
    # A card's times stand beside times of the same card only; what failed is tried again.
    earlier = json.loads(path.read_text()) if path.exists() else {}
    same = all(earlier.get(name) == result[name] for name in ("device", "versions", "rehearsal"))
    rows = {name: row for name, row in earlier["rows"].items() if "ms" in row} if same else {}
    forms = variants(args.small)
    for name in args.variants or forms:
        if name in rows:
            print(line(name, rows[name]) + " (earlier)")
            continue
        left = deadline - time.perf_counter()
        if left < args.least:
            print(f"{name}: no time left; the same command goes on here")
            break
        options = ["--out", str(args.out), "--device", args.device, "--seconds", str(args.seconds)]
        options += ["--small"] if args.small else []
        command = [sys.executable, str(Path(__file__).resolve()), "probe", "--variant", name, *options]
        row = in_a_process(command, min(left, args.limit))
        rows[name] = row | {"changes": forms[name][0], "same_training": forms[name][1]}
        print(line(name, rows[name]), flush=True)
        write(path, result | {"pick": pick(rows), "rows": rows})
    print(f"pick: {pick(rows)}; written to {path}")


# --- pieces -----------------------------------------------------------------------------------------------------------


def light(path: Path, scratch: Path) -> Path | None:
    """A file of a run as it travels: a state without the slots' puzzles, weights in bfloat16. None: it stays."""
    if path.name == BEST or (path.name == LAST and not (path.parent / BEST).exists()):
        best = load_model(path)
        about = {"task": best.task, "recipe": best.recipe, "metrics": best.metrics}
        return save_model(scratch / path.name, best.model, **about, dtype=torch.bfloat16)
    if path.name.startswith("state-"):
        saved, _ = newest_state(path.parent)
        if saved is None or saved.path != path:
            return None
        small = {name: tensor for name, tensor in saved.tensors.items() if not name.startswith("carry/")}
        return write_state(scratch, small, saved.facts)
    return path if path.suffix in (".json", ".jsonl") else None


def pack(out: Path, pieces: Path) -> None:
    """Results, logs, best weights and newest states of the campaign, in files of at most PIECE_BYTES."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar, tempfile.TemporaryDirectory() as scratch:
        for path in sorted([*out.glob("*.json"), *out.glob("seed-*/*")]):
            if (slim := light(path, Path(scratch))) is not None:
                tar.add(slim, arcname=str(path.relative_to(out)))
    content = archive.getvalue()
    for old in pieces.glob("piece-*"):
        old.unlink()
    names = []
    for start in range(0, len(content), PIECE_BYTES):
        names.append(f"piece-{len(names):03d}")
        write_whole(pieces / names[-1], content[start : start + PIECE_BYTES])
    about = {"pieces": names, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    write(pieces / "pieces.json", about)
    print(f"{len(content) / 1e6:.1f} MB in {len(names)} pieces in {pieces}")


def unpack(pieces: Path, out: Path) -> None:
    """Put back what is not in `out` yet. SystemExit if a piece is not what was written."""
    if not (pieces / "pieces.json").exists():
        return
    about = json.loads((pieces / "pieces.json").read_text())
    content = b"".join((pieces / name).read_bytes() for name in about["pieces"] if (pieces / name).exists())
    if hashlib.sha256(content).hexdigest() != about["sha256"]:
        raise SystemExit(f"the pieces in {pieces} are not whole: they differ from what was written there")
    there = {path.name for path in out.iterdir()}
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar.getmembers():
            place = PurePosixPath(member.name)
            file = tar.extractfile(member)
            if file is not None and ".." not in place.parts and not place.is_absolute() and place.parts[0] not in there:
                write_whole(out / place, file.read())


def state_to_go_on_from(folder: Path, recipe: Recipe, training: PuzzleSet) -> Saved | None:
    """The newest state of a run. One that came in pieces gets slots with new puzzles."""
    saved, _ = newest_state(folder)
    if saved is not None and not any(name.startswith("carry/") for name in saved.tensors):
        carry = dict(flatten({"carry": Trainer(recipe, training).carry}))
        write_state(folder, saved.tensors | carry, saved.facts)
    return saved


# --- train, seeds -----------------------------------------------------------------------------------------------------


def finished(folder: Path, recipe: Recipe) -> bool:
    """Whether a run has made all its steps and was measured on all puzzles."""
    if not (folder / LOG_NAME).exists():
        return False
    log = load_run(folder)
    return log.finished and log.steps >= recipe.steps


def summary(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """The curve of a run and where it stands."""
    log = load_run(folder)
    curve = [{name: row[name] for name in ("step", "seconds", "interval", "count")} for row in log.scores]
    for point, row in zip(curve, log.scores, strict=True):
        point["exact"], point["on"] = row["exact"][-1], "all" if row["kind"] == "end" else "part"
    about = {
        name: log.start.get(name) for name in ("device", "versions", "dtype", "parameters", "training", "held_out")
    }
    about |= {"regime": regime(recipe.model, recipe.as_dict(), one_pass=True), "recipe": recipe.as_dict()}
    state = {"finished": finished(folder, recipe), "resumed_at": log.resumed, "steps": log.steps}
    return about | state | {"train_seconds": log.seconds, "curve": curve}


def fastest_step(args: argparse.Namespace, recipe: Recipe) -> Recipe:
    """The recipe with what `probe` found, if it ran here."""
    path = args.out / "probe.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    if not found.get("pick") or found["rehearsal"] != args.small:
        return recipe
    print(f"the step that probe picked: {found['pick']}")
    return recipe.replace(**found["rows"][found["pick"]]["changes"])


def train_one(args: argparse.Namespace, recipe: Recipe, sets: tuple[PuzzleSet, PuzzleSet], minutes: float) -> dict:
    """A run, or the next part of it."""
    folder = args.out / f"seed-{recipe.seed}"
    if not finished(folder, recipe):
        saved = state_to_go_on_from(folder, recipe, sets[0])
        limit = (saved.facts["seconds"] if saved else 0.0) + 60 * minutes
        train(recipe.replace(max_seconds=limit), folder, sets=sets, progress=args.progress)
    result = header(__file__, args.argv, pick_device(args.device)) | {"rehearsal": args.small}
    result |= summary(folder, recipe)
    write(args.out / f"train-seed{recipe.seed}.json", result)
    end = result["curve"][-1] if result["curve"] else {"exact": float("nan"), "count": 0}
    print(
        f"seed {recipe.seed}: {result['steps']:,} of {recipe.steps:,} steps, {result['train_seconds']:.0f} s, "
        f"exact {end['exact']:.1%} of {end['count']:,}{'' if result['finished'] else '; the same command goes on'}",
        flush=True,
    )
    return result


def train_seeds(args: argparse.Namespace, seeds: Sequence[int]) -> list[dict[str, Any]]:
    recipe = fastest_step(args, recipe_for(args))
    sets, rows = load_sets(recipe), []
    deadline = time.perf_counter() + 60 * args.minutes
    for seed in seeds:
        left = max(0.0, (deadline - time.perf_counter()) / 60)
        if rows and not left:  # the first one is always begun
            rows.append({"seed": seed, "finished": False, "steps": 0, "problem": "no time left in this call"})
            print(f"seed {seed}: no time left; the same command goes on")
            continue
        try:
            result = train_one(args, recipe.replace(seed=seed), sets, left)
            rows.append({"seed": seed, **{name: result[name] for name in ("finished", "steps", "train_seconds")}})
            rows[-1]["end"] = result["curve"][-1] if result["curve"] else None
        except Exception as error:  # a seed that diverges is a result, and the others go on
            rows.append({"seed": seed, "finished": False, "problem": first_line(error)})
            print(f"seed {seed}: {rows[-1]['problem']}", flush=True)
    return rows


def train_command(args: argparse.Namespace) -> None:
    rows = train_seeds(args, [args.seed])
    if "problem" in rows[0]:
        raise SystemExit(1)


def seeds_command(args: argparse.Namespace) -> None:
    rows = train_seeds(args, args.seeds)
    result = header(__file__, args.argv, pick_device(args.device)) | {"rehearsal": args.small, "runs": rows}
    write(args.out / "seeds.json", result)


# --- testtime ---------------------------------------------------------------------------------------------------------


def best_weights(out: Path) -> Path:
    """The best of the seeds, by the part of the evaluation puzzles that training looked at."""
    found = sorted(out.glob(f"seed-*/{BEST}")) or sorted(out.glob(f"seed-*/{LAST}"))
    if not found:
        raise SystemExit(f"{out} holds no weights; run train first, or give --weights FILE")
    return max(found, key=lambda path: load_model(path).metrics.get("exact", 0.0))


def testtime(args: argparse.Namespace) -> None:
    device, weights = pick_device(args.device), args.weights or best_weights(args.out)
    checkpoint, recipe = load_model(weights, device=device), recipe_for(args)
    _, held_out = load_sets(recipe)
    rest = held_out.take(slice(recipe.eval_part, recipe.eval_part + args.count))
    _, overlap = training_puzzles(checkpoint, get_task(recipe.task))
    result = header(__file__, args.argv, device) | {"rehearsal": args.small, "seed": checkpoint.recipe.get("seed")}
    result |= {"trained_on": checkpoint.regime, "steps": checkpoint.metrics.get("steps")}
    result |= {"evaluated_on": rest.describe(), "not_among": f"the {recipe.eval_part} puzzles that chose the weights"}
    print(f"{weights}, measured on {rest.describe()}")

    def keep(tables: dict[str, list[dict[str, Any]]]) -> None:
        write(args.out / "testtime.json", result | {"overlap": overlap, "tables": tables})

    spend = {"starts": 3, "symmetries": 2, "steps": 20, "batch": 4} if args.small else {"batch": args.batch}
    measure_inference(checkpoint, rest, **spend, done=keep)


def main(argv: Sequence[str] | None = None) -> None:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--out", type=Path, default=Path("runs/gpu"), help="folder of the campaign (default runs/gpu)")
    shared.add_argument("--small", action="store_true", help="a rehearsal: a tiny network on 4x4 Sudoku")
    shared.add_argument("--device", default="auto")
    shared.add_argument("--pieces", type=Path, help="folder for what must come back in files below 16 MB")
    shared.add_argument("--train-data", default="sudoku-extreme-1k")
    shared.add_argument("--eval-data", default="sx-proxy")
    shared.add_argument("--eval-count", type=int, help="puzzles of the final evaluation (default: all)")
    shared.add_argument("--steps", type=int, help="optimizer steps (default: the recipe's); a cosine ends with them")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)

    sub = commands.add_parser("probe", parents=[shared], help="which step is fastest")
    sub.set_defaults(function=probe)
    sub.add_argument("--minutes", type=float, default=9.0, help="of this call (default 9)")
    sub.add_argument("--limit", type=float, default=240.0, help="seconds for one variant, compiling included")
    sub.add_argument("--least", type=float, default=30.0, help="seconds that must be left to begin another variant")
    sub.add_argument("--seconds", type=float, default=5.0, help="of steps that are timed")
    sub.add_argument("--variants", nargs="+", choices=list(variants(False)), metavar="NAME", help="only these")
    sub.add_argument("--variant", choices=list(variants(False)), help=argparse.SUPPRESS)  # in a process of its own

    for name, function, text in (
        ("train", train_command, "one seed, or the next part of it"),
        ("seeds", seeds_command, "several seeds, one after the other"),
    ):
        sub = commands.add_parser(name, parents=[shared], help=text)
        sub.set_defaults(function=function)
        sub.add_argument("--minutes", type=float, default=7.0, help="of training in this call (default 7)")
        sub.add_argument("--progress", action="store_true", help="show a progress bar")
        if name == "train":
            sub.add_argument("--seed", type=int, default=0)
        else:
            sub.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])

    sub = commands.add_parser("testtime", parents=[shared], help="test-time compute with the best weights")
    sub.set_defaults(function=testtime)
    sub.add_argument("--weights", help="a .safetensors file instead of the best one in --out")
    sub.add_argument("--count", type=int, default=2000, help="puzzles (default 2000)")
    sub.add_argument("--batch", type=int, default=1024, help="puzzles side by side (default 1024)")

    sub = commands.add_parser("unpack", parents=[shared], help="put back what is in --pieces, nothing else")
    sub.set_defaults(function=None)

    args = parser.parse_args(argv)
    args.argv = sys.argv[1:] if argv is None else list(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.pieces:
        unpack(args.pieces, args.out)
    if args.function is None:
        return
    args.function(args)
    if args.pieces:
        pack(args.out, args.pieces)


if __name__ == "__main__":
    main()
