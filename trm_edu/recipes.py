"""Named training recipes. A recipe is a frozen record: together with the code and a seed it determines a run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from trm_edu.errors import RecipeError
from trm_edu.interface import ModelConfig
from trm_edu.tasks import get_task
from trm_edu.variants import MODELS


@dataclass(frozen=True)
class Recipe:
    """Everything that a training run depends on. The comment behind a field is its help on the command line."""

    name: str = "custom"  # what the run is called
    task: str = "sudoku6"  # which puzzle: see `trm-edu data`
    # Data
    train_data: str = "generated"  # a data set, a CSV file, or "generated"
    train_count: int | None = 3000  # how many training puzzles (None: all of the file)
    eval_data: str = "generated"  # puzzles to measure on; none is equivalent to a training puzzle
    eval_count: int | None = 1000  # how many of them (None: all of the file)
    data_seed: int = 0  # seed of the drawn or generated puzzles
    augment: bool = True  # turn every puzzle by a random symmetry each time it is drawn
    reveal: float = 0.0  # at first up to this share of the open cells is filled in, less and less until the last step
    # Model
    model: str = "trm"  # trm, hrm, direct, or one of the ablations
    hidden: int = 64  # width D
    n_layers: int = 2  # blocks in the network
    T: int = 2  # recursions a supervision step, the last one with gradient
    n: int = 3  # updates of z in one recursion
    mixer: Literal["mlp", "attention"] = "mlp"  # how positions are mixed
    heads: int = 4  # attention heads
    expansion: float = 4.0  # SwiGLU width: 2/3 * expansion * D
    positions: Literal["none", "rotary", "learned"] = "none"  # position encoding (attention only)
    prefix_len: int = 0  # positions of the puzzle embedding before the cells (16 in the published code)
    swiglu_multiple: int = 8  # SwiGLU widths are rounded up to a multiple of this (256 in the published code)
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"  # of the forward pass; auto measures which is faster
    start_from: str | None = None  # weights to start from instead of a random draw (T and n may differ)
    # Supervision
    n_supervision: int = 16  # steps after which a slot halts whatever the network says
    exploration: float = 0.1  # probability that a slot must reach a random minimal age
    stagger: bool = True  # start the first puzzles at random ages (the published code starts them all at 0)
    q_learning: bool = False  # HRM's continue head with its second forward pass
    loss: str = "stablemax32"  # stablemax, stablemax32, softmax or softmax_smooth
    halt_weight: float = 0.5  # weight of the halting loss
    # Optimisation
    optimizer: Literal["adamw", "adam_atan2", "muon"] = "adamw"  # muon: matrices by Muon, the rest by AdamW
    batch_size: int = 64  # slots
    steps: int = 1000  # optimizer steps, one after every supervision step
    lr: float = 2e-3  # peak rate of AdamW or AdamATan2
    muon_lr: float = 0.02  # peak rate of Muon
    weight_decay: float = 0.1  # decoupled
    warmup: int = 50  # steps of linear warm-up
    min_lr_ratio: float = 1.0  # end of the cosine, relative to the peak (1: constant)
    clip: float = 1.0  # gradient norm is cut to this (0: never)
    ema: float = 0.99  # decay of the averaged weights, which are evaluated and saved
    # Run
    eval_every: int = 250  # steps between evaluations on a fixed part of the evaluation puzzles
    eval_supervision: int = 16  # supervision steps at evaluation (may be more than in training)
    eval_part: int = 200  # how many puzzles those evaluations use
    save_every: int = 500  # steps between states from which a stopped run goes on
    max_seconds: float | None = None  # stop after this time
    seed: int = 0  # of weights, batches and exploration
    device: str = "auto"  # auto, cpu, cuda, mps
    compile: bool = False  # torch.compile the model: pays off after minutes

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise RecipeError(f"model {self.model!r} does not exist; choose one of {', '.join(MODELS)}")
        for name in (
            "batch_size",
            "steps",
            "n_supervision",
            "eval_every",
            "eval_part",
            "eval_supervision",
            "save_every",
        ):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} is {getattr(self, name)}; it must be at least 1")

    def model_config(self, dtype: str) -> ModelConfig:
        """The model's settings for this recipe's task, with the number format already chosen."""
        task = get_task(self.task)
        return ModelConfig(
            vocab_size=task.vocab_size,
            seq_len=task.seq_len,
            hidden=self.hidden,
            n_layers=self.n_layers,
            T=self.T,
            n=self.n,
            mixer=self.mixer,
            heads=self.heads,
            expansion=self.expansion,
            positions=self.positions,
            prefix_len=self.prefix_len,
            puzzle_ids=1 if self.prefix_len else 0,
            puzzle_dim=self.prefix_len * self.hidden,
            swiglu_multiple=self.swiglu_multiple,
            dtype=dtype,
        )

    def replace(self, **changes) -> Recipe:
        """A copy with some fields changed. RecipeError for a field that does not exist."""
        known = {field.name for field in dataclasses.fields(self)}
        if unknown := sorted(set(changes) - known):
            raise RecipeError(f"a recipe has no field {', '.join(unknown)}; it has {', '.join(sorted(known))}")
        return dataclasses.replace(self, **changes)

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        # Four supervision steps a puzzle in training, sixteen at evaluation: in single trial runs of a minute, seeing
        # many puzzles was worth more than dwelling on each. The paper trains with sixteen.
        Recipe(
            name="laptop-sudoku6",
            n=2,
            n_supervision=4,
            batch_size=32,
            lr=3e-3,
            min_lr_ratio=0.1,
            steps=2000,
            eval_every=250,
            eval_part=100,
        ),
        # The shipped 9x9 network, made on one core: the 1,000 real puzzles, at first made easier by showing a share of
        # their open cells. Without that, 2,000 steps solved none of the test puzzles (benchmarks/README.md).
        Recipe(
            name="sudoku9-cpu",
            task="sudoku9",
            train_data="sudoku-extreme-1k",
            train_count=None,
            eval_data="sx-proxy",
            reveal=1.0,
            hidden=128,
            n=2,
            swiglu_multiple=16,
            n_supervision=8,
            optimizer="muon",
            lr=2e-3,
            weight_decay=0.05,
            warmup=200,
            min_lr_ratio=0.02,
            ema=0.998,
            steps=10000,
            eval_every=1000,
            compile=True,
        ),
    )
}


def get_recipe(name: str) -> Recipe:
    """The recipe of that name. RecipeError with the known names if there is none."""
    if name not in RECIPES:
        raise RecipeError(f"no recipe is named {name!r}; known: {', '.join(RECIPES)}")
    return RECIPES[name]
