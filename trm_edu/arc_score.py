"""ARC in a training run: the sets that a recipe names, and a measurement in which augmentations vote.

`trm_edu.train.load_sets` and `trm-edu evaluate` come here for tasks that are judged by their stored answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

from trm_edu import parallel
from trm_edu.arc import ArcSet, arc_sets
from trm_edu.arc_tasks import ArcTask, fits, load_tasks
from trm_edu.errors import DataError
from trm_edu.evaluate import Share
from trm_edu.intervals import wilson_interval
from trm_edu.tasks import PuzzleSet
from trm_edu.voting import Voting

Ids = Literal["right", "blank", "wrong"]
NO_TASKS = "none"  # as the name of the training tasks: only demonstrations of the evaluation tasks are trained on


@dataclass(frozen=True, eq=False)
class ArcMeasure:
    """What `trm_edu.evaluate.evaluate` takes to measure a network on the test pairs of ARC tasks.

    pairs: the evaluation set of `trm_edu.arc.arc_sets`. augmentations: how many of each task's vote beside the task
    itself (None: all). ids: under which ids the network sees them: the right ones, id 0, which belongs to no task and
    is never trained, or those of the next task. Votes are counted for the right task in each case. own_judge: a judge
    whose votes are wanted afterwards, for a submission; else each evaluation has its own.
    """

    pairs: ArcSet
    augmentations: int | None = None
    ids: Ids = "right"
    own_judge: VotingJudge | None = None

    def __post_init__(self) -> None:
        if self.ids not in ("right", "blank", "wrong"):
            raise DataError(f"ids is {self.ids!r}; it must be right, blank or wrong")
        if self.ids == "wrong" and len(self.pairs.tasks) < 2:
            raise DataError("a wrong id needs at least two tasks")

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[PuzzleSet]:
        for piece in self.pairs.chunks(self.augmentations):
            shown = piece.ids
            if self.ids == "blank":
                shown = np.zeros_like(shown)
            elif self.ids == "wrong":
                shown = self._of_the_next_task(shown)
            names = {"votes_for": piece.ids}
            yield PuzzleSet(
                piece.task, piece.questions, piece.answers, self.describe(), piece.distinct, names, ids=shown
            )

    def _of_the_next_task(self, ids: np.ndarray) -> np.ndarray:
        """For each id one of the next task: the same augmentation if that has so many, else its last."""
        first = self.pairs.ids.first
        places = np.array([self.pairs.ids.place(task.id) for task in self.pairs.tasks])
        next_place = dict(zip(places.tolist(), np.roll(places, -1).tolist(), strict=True))
        own = np.searchsorted(first, ids, "right") - 1
        other = np.array([next_place[place] for place in own.tolist()])
        return np.minimum(first[other] + (ids - first[own]), first[other + 1] - 1)

    def take(self, part: slice) -> ArcMeasure:
        """Some of the tasks."""
        return ArcMeasure(self.pairs.take(part), self.augmentations, self.ids)

    def describe(self) -> str:
        """One line to print beside every score."""
        votes = "all augmentations" if self.augmentations is None else f"up to {self.augmentations} augmentations"
        shown = "" if self.ids == "right" else f"; shown under {self.ids} ids"
        return f"{self.pairs.describe()}; the task and {votes} vote{shown}"

    def judge(self) -> VotingJudge:
        return self.own_judge or VotingJudge(self)


class VotingJudge:
    """Lets the answers vote and tells pass@1 and pass@2. `voting` is there for a submission afterwards.

    The interval is Wilson's for as many trials as there are tasks: a task with two test inputs can be half right.
    """

    def __init__(self, measure: ArcMeasure) -> None:
        self.voting = Voting(measure.pairs)

    def add(self, piece: PuzzleSet, answers: UInt8[np.ndarray, "N L"], halt_logit: Float[np.ndarray, " N"]) -> None:
        self.voting.add(piece.extra["votes_for"], piece.questions, answers, halt_logit)

    def scores(self) -> dict[str, Share]:
        self.voting = self.everyones()
        count = len(self.voting.tasks)
        scores = self.voting.pass_at((1, 2))
        # Wilson's formula takes any share; it is asked for whole hits because tasks are what was drawn
        return {f"pass@{k}": (share, *wilson_interval(share * count, count)) for k, share in scores.items()}

    def everyones(self) -> Voting:
        """The votes of all processes."""
        if parallel.world_size() == 1:
            return self.voting
        mine = {
            task: {question.hex(): {a.hex(): v for a, v in answers.items()} for question, answers in questions.items()}
            for task, questions in self.voting.votes.items()
        }
        whole = Voting(list(self.voting.tasks.values()))
        for votes in parallel.everyones(mine):
            other = Voting(list(self.voting.tasks.values()))
            other.votes = {
                task: {
                    bytes.fromhex(question): {bytes.fromhex(a): v for a, v in answers.items()}
                    for question, answers in questions.items()
                }
                for task, questions in votes.items()
            }
            whole.merge(other)
        return whole


def tasks_named(names: str, side: int) -> list[ArcTask]:
    """The tasks of several sets or files, joined by "+", whose grids fit into the square. "none": no task."""
    if names == NO_TASKS:
        return []
    return [task for name in names.split("+") for task in fits(load_tasks(name), side)]


def drawn(tasks: Sequence[ArcTask], count: int | None, seed: int, names: str) -> list[ArcTask]:
    """`count` of the tasks, drawn with `seed`; all if None. DataError if there are not so many."""
    if count is None or count == len(tasks):
        return list(tasks)
    if count > len(tasks):
        raise DataError(f"{names} holds {len(tasks)} tasks that fit, {count} were asked for")
    order = np.random.default_rng(seed).permutation(len(tasks))[:count]
    return [tasks[i] for i in sorted(order.tolist())]


def load_arc_sets(
    train_data: str,
    eval_data: str,
    *,
    side: int,
    augmentations: int,
    eval_augmentations: int | None,
    train_count: int | None = None,
    eval_count: int | None = None,
    seed: int = 0,
    allow: Collection[str] = (),
) -> tuple[ArcSet, ArcMeasure]:
    """The sets of a recipe: names or files of tasks, several joined by "+".

    Tasks with a grid above `side` are left out. train_count, eval_count: how many of them, drawn with `seed`. Raises
    DataError for unknown names, too few tasks, or a task that is trained and measured and not in `allow`
    (`trm_edu.arc_tasks.check_leak`).
    """
    training = drawn(tasks_named(train_data, side), train_count, seed, train_data)
    evaluation = drawn(tasks_named(eval_data, side), eval_count, seed, eval_data)
    if not evaluation:
        raise DataError(f"{eval_data} holds no task whose grids fit into {side} x {side}")
    trained, measured = arc_sets(training, evaluation, side=side, augmentations=augmentations, seed=seed, allow=allow)
    return trained, ArcMeasure(measured, eval_augmentations)
