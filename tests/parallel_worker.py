"""Started under torchrun by tests/test_parallel.py: trains every recipe of a JSON file, as one of several processes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trm_edu import parallel
from trm_edu.arc import arc_sets
from trm_edu.arc_score import ArcMeasure, VotingJudge
from trm_edu.arc_tasks import ArcTask
from trm_edu.recipes import Recipe
from trm_edu.tasks.arc import grid_tokens
from trm_edu.train import Run, load_sets, train
from trm_edu.variants import build_model


def train_in_float64(recipe: Recipe, folder: Path, **options: Any) -> Run:
    """AdamW turns the rounding of a gradient that should be zero into a step of full size; float64 hardly rounds."""
    torch.manual_seed(recipe.seed)
    model = build_model(recipe.model, recipe.model_config("float64")).double()
    return train(recipe, folder, model=model, sets=load_sets(recipe), progress=False, **options)


def votes_of_both() -> dict[str, Any]:
    """Each process has one of two tasks right; the score of both together is that of all."""
    grids = [np.full((2, 2), colour, np.uint8) for colour in range(1, 5)]
    tasks = [ArcTask(name, [(g, g)], [(g, h)]) for name, g, h in (("a", *grids[:2]), ("b", *grids[2:]))]
    judge = VotingJudge(ArcMeasure(arc_sets([], tasks, side=7, augmentations=0)[1]))
    mine = tasks[parallel.rank()]
    question, answer = (grid_tokens(grid, 7)[None] for grid in mine.test[0])
    judge.voting.add([mine.id], question, answer, np.zeros(1))
    return judge.scores()


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    with parallel.together("cpu"):
        assert parallel.world_size() == 2
        for name, settings in json.loads((folder / "recipes.json").read_text()).items():
            train_in_float64(Recipe.from_dict(settings), folder / name)
        mine = torch.tensor([parallel.rank()])
        found = {
            "gathered": parallel.gathered(torch.full((2, 1), parallel.rank(), dtype=torch.bfloat16)).flatten().tolist(),
            "flags": parallel.gathered(torch.tensor([parallel.is_first()])).tolist(),
            "summed": parallel.summed(mine + 1).item(),
            "agreed": parallel.agreed(parallel.rank() + 0.5, torch.device("cpu")),
            "equal": [parallel.all_equal(n, torch.device("cpu")) for n in (7, parallel.rank())],
            "everyones": parallel.everyones({"rank": parallel.rank(), "text": "x" * 5 * parallel.rank()}),
            "votes": votes_of_both()["pass@1"][0],
            "slots": [[s.start, s.stop] for s in parallel.my_slots(8, 2)],
        }
        (folder / f"found-{parallel.rank()}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
