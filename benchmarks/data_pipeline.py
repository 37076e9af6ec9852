"""Does training ever wait for puzzles? What the stream of batches delivers against what training uses up.

    python benchmarks/data_pipeline.py
    python benchmarks/data_pipeline.py --seconds 0.2 --recipes laptop-sudoku6 --out my.json

The results go to benchmarks/results/data_pipeline.json unless --out says otherwise.

Two tables from one process. `streams`: puzzles a second from `BatchStream` alone, with and without augmentation and
revealed cells. `training`: the same stream beside the training of a recipe, counted in two ways, because a slot takes a
new puzzle only when it has halted, but the stream makes a whole batch at every step:

- offered: batch size / step time. What the stream has to deliver so that no step waits; `ratio_offered` = step time /
  time of one batch. The stricter way.
- taken: slots that had halted / time, counted at each step. The rest of the batch was made for nothing.
  `ratio_taken` = puzzles a second of the stream / puzzles a second that were taken.

How many slots halt depends on how sure the network is: an untrained one stays to the last supervision step, so the
shipped network is measured too.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from record import RESULTS, header, write
from step_time import some_puzzles
from torch import nn

from trm_edu.checkpoints import DEFAULT, shipped_model
from trm_edu.data import BatchStream
from trm_edu.devices import pick_device
from trm_edu.recipes import RECIPES, Recipe
from trm_edu.trainer import Trainer

STREAMS = [(task, batch) for task in ("sudoku6", "sudoku9") for batch in (32, 64, 256, 768)]


def waiter(device: torch.device):
    return torch.cuda.synchronize if device.type == "cuda" else (lambda: None)


def time_stream(stream: BatchStream, seconds: float) -> dict[str, float]:
    """Puzzles that came out of the stream, counted, over the time that they took."""
    wait = waiter(stream.device)
    for _ in range(3):
        next(stream)
    wait()
    puzzles = batches = 0
    started = time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds or batches < 5:
        puzzles += len(next(stream).inputs)
        wait()
        batches += 1
    return {"puzzles_per_second": puzzles / spent, "ms_per_batch": spent / batches * 1e3, "batches": batches}


def stream_rows(device: torch.device, seconds: float) -> list[dict[str, Any]]:
    rows = []
    for task, batch in STREAMS:
        for augment, reveal in ((True, 0.0), (True, 1.0), (False, 0.0)):
            stream = BatchStream(some_puzzles(task), batch, seed=0, device=device, augment=augment)
            stream.reveal = reveal
            row = {"task": task, "batch": batch, "augment": augment, "reveal": reveal}
            rows.append(row | time_stream(stream, seconds))
            print(" ".join(f"{k} {v:,.1f}" if isinstance(v, float) else f"{k} {v}" for k, v in rows[-1].items()))
    return rows


def time_training(recipe: Recipe, device: torch.device, seconds: float, model: nn.Module | None) -> dict[str, Any]:
    """Steps of a recipe, the slots that took a new puzzle in them, and its own stream by itself."""
    trainer, wait = Trainer(recipe.replace(device=str(device)), some_puzzles(recipe.task), model), waiter(device)
    for _ in range(recipe.n_supervision):  # until slots have come to their last step once
        trainer.step()
    taken = torch.zeros((), dtype=torch.long, device=device)
    wait()
    steps, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds or steps < 5:
        for carry in trainer.carries:
            taken += carry.halted.sum()  # these slots are filled anew by the step that follows
        trainer.step()
        wait()
        steps += 1
    alone = time_stream(trainer.stream, seconds)
    step_ms, offered, used = spent / steps * 1e3, recipe.batch_size * steps / spent, int(taken) / recipe.starts / spent
    return {
        "recipe": recipe.name,
        "network": "untrained" if model is None else "shipped",
        "batch": recipe.batch_size,
        "augment": recipe.augment,
        "reveal": trainer.stream.reveal,
        "steps": steps,
        "step_ms": step_ms,
        "stream_ms_per_batch": alone["ms_per_batch"],
        "stream_puzzles_per_second": alone["puzzles_per_second"],
        "offered_per_second": offered,
        "taken_per_second": used,
        "taken_per_step": int(taken) / recipe.starts / steps,
        "ratio_offered": alone["puzzles_per_second"] / offered,
        "ratio_taken": alone["puzzles_per_second"] / used if used else None,
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=2.0, help="time spent on each row (training: five times that)")
    parser.add_argument("--recipes", nargs="+", choices=sorted(RECIPES), metavar="NAME", help="whose training is timed")
    parser.add_argument("--out", type=Path, default=RESULTS / "data_pipeline.json")
    args = parser.parse_args(argv)
    device = pick_device(args.device)
    full_size = ["sudoku-extreme", "sudoku-extreme-fast"] if device.type == "cuda" else []
    names = args.recipes or ["laptop-sudoku6", "sudoku9-cpu", *full_size]
    result = header(__file__, sys.argv[1:] if argv is None else argv, device)
    result["streams"], result["training"] = stream_rows(device, args.seconds), []
    for name in names:
        # Uncompiled on a CPU, where it would take minutes: a compiled step is shorter, and so are the ratios.
        recipe = RECIPES[name].replace(depths=(), compile=RECIPES[name].compile and device.type == "cuda")
        networks = [None]
        if recipe.task in DEFAULT and recipe.hidden < 512:
            networks.append(shipped_model(recipe.task, device=device).model)
        for model in networks:
            row = time_training(recipe, device, 5 * args.seconds, model)
            row["compiled"] = recipe.compile
            result["training"].append(row)
            print(
                f"{name}, {row['network']}: step {row['step_ms']:.1f} ms, batch {row['stream_ms_per_batch']:.2f} ms; "
                f"offered {row['offered_per_second']:,.0f}/s ({row['ratio_offered']:.0f}x), taken "
                f"{row['taken_per_second']:,.0f}/s ({row['ratio_taken'] or 0:.0f}x)",
                flush=True,
            )
    write(args.out, result)
    print(f"written to {args.out}")


if __name__ == "__main__":
    main()
