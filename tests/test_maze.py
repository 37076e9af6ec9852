"""Mazes: text, rules, label rule, turns, generator; against plain Python and against the real Maze-Hard."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_edu.data import load_puzzles
from trm_edu.errors import DataError, PuzzleError
from trm_edu.tasks import Maze, get_task

SMALL = Maze(3, 4, least=2)
QUESTION = "S...\n.##.\n...G"


def neighbours(cell: tuple[int, int], shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Down, left, right, up: the label rule's order."""
    row, column = cell
    around = [(row + 1, column), (row, column - 1), (row, column + 1), (row - 1, column)]
    return [(r, c) for r, c in around if 0 <= r < shape[0] and 0 <= c < shape[1]]


def plain_distances(grid: np.ndarray) -> dict[tuple[int, int], int]:
    """Moves to G from every cell that reaches it, by a queue and a dictionary."""
    goal = tuple(np.argwhere(grid == 4)[0].tolist())
    found, queue = {goal: 0}, deque([goal])
    while queue:
        cell = queue.popleft()
        for other in neighbours(cell, grid.shape):
            if grid[other] != 1 and other not in found:
                found[other] = found[cell] + 1
                queue.append(other)
    return found


def plain_label(grid: np.ndarray) -> np.ndarray:
    """The label rule, read off its description."""
    found, answer = plain_distances(grid), grid.copy()
    cell = tuple(np.argwhere(grid == 3)[0].tolist())
    while found[cell] > 1:
        cell = next(other for other in neighbours(cell, grid.shape) if found.get(other) == found[cell] - 1)
        answer[cell] = 5
    return answer


def all_paths(grid: np.ndarray) -> list[list[tuple[int, int]]]:
    """Every way from S to G that visits no cell twice."""
    start = tuple(np.argwhere(grid == 3)[0].tolist())
    done, open_ends = [], [[start]]
    while open_ends:
        path = open_ends.pop()
        for other in neighbours(path[-1], grid.shape):
            if grid[other] == 4:
                done.append([*path, other])
            elif grid[other] != 1 and other not in path:
                open_ends.append([*path, other])
    return done


@st.composite
def mazes(draw, largest: int = 6) -> np.ndarray:
    """Any grid with one S and one G, with or without a path."""
    shape = draw(st.integers(2, largest)), draw(st.integers(2, largest))
    cells = draw(st.lists(st.sampled_from([1, 2, 2]), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    ends = draw(st.lists(st.integers(0, len(cells) - 1), min_size=2, max_size=2, unique=True))
    grid = np.array(cells, np.uint8)
    grid[ends[0]], grid[ends[1]] = 3, 4
    return grid.reshape(shape)


def task_for(grid: np.ndarray) -> Maze:
    return Maze(*grid.shape, least=2)


# --- text -----------------------------------------------------------------------------------------------------------


def test_tokens_are_those_of_the_published_data():
    assert SMALL.encode("# SG" + " " * 8).tolist() == [1, 2, 3, 4] + [2] * 8
    assert SMALL.encode("#.SGo       ").tolist()[:5] == [1, 2, 3, 4, 5]
    assert SMALL.vocab_size == 6 and get_task("maze30").seq_len == 900


def test_a_space_at_an_end_is_a_cell():
    text = " S         G"
    assert SMALL.decode(SMALL.encode(text)) == text
    assert SMALL.format_grid(SMALL.encode(text)) == ".S..\n....\n...G"
    assert np.array_equal(SMALL.encode(".S..\n....\n...G\n"), SMALL.encode(text))
    assert np.array_equal(SMALL.encode(".S..\r\n....\r\n...G\r\n"), SMALL.encode(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("S..G", r"found 4 cells, need 12 \(3x4\)"),
        ("S...\n..\n...G", r"line 2 has 2 cells, need 4; a space at the end of a line is a cell too: write \."),
        ("S...\n.....\n...G", r"line 2 has 5 cells, need 4\.$"),
        ("S...\n.X#.\n...G", r"character 'X' at line 2 column 2 is no cell"),
        (5, "text of 12 cells, got int"),
    ],
)
def test_text_that_is_no_maze_is_refused(text, message):
    with pytest.raises(PuzzleError, match=message):
        SMALL.encode(text)


def test_an_answer_marks_a_path():
    with pytest.raises(PuzzleError, match="marks its path with o, this has no mark"):
        SMALL.encode_answer(QUESTION)
    assert (SMALL.encode_answer("Sooo\n.##o\n...G") == 5).sum() == 4
    SMALL.encode_answer("SG..\n.##.\n....")  # nothing lies between them


def test_many_texts_at_once_equal_one_by_one():
    texts = ["Sooo.##o...G", "Sooo ##o   G"]
    assert np.array_equal(SMALL.encode_batch(texts, complete=True), np.stack([SMALL.encode(t) for t in texts]))
    with pytest.raises(PuzzleError, match="'X' at line 1 column 2"):
        SMALL.encode_batch([texts[0], "SXoo ##o   G"])
    with pytest.raises(PuzzleError, match="no mark"):
        SMALL.encode_batch([texts[0], "S... ##.   G"], complete=True)


@pytest.mark.parametrize("sizes", [(1, 5), (51, 50)])
def test_sizes_that_are_no_maze_are_refused(sizes):
    with pytest.raises(DataError, match="both sizes need at least 2, their product at most 2500"):
        Maze(*sizes)


def test_a_distance_that_no_maze_has_is_refused():
    with pytest.raises(DataError, match="distance 12: it needs 2 to 11"):
        Maze(3, 4, least=12)


# --- rules ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("....\n.##.\n...G", "a maze has one S, this has 0"),
        ("S..S\n.##.\n...G", r"one S, this has 2: at row 1 column 1, at row 1 column 4"),
        ("S...\n.##.\n....", "one G, this has 0"),
        ("S#..\n.##.\n.#.G", r"no path leads from S to G \(S at row 1 column 1, G at row 3 column 4\)"),
    ],
)
def test_questions_that_cannot_be_solved_are_refused(text, message):
    with pytest.raises(PuzzleError, match=message):
        SMALL.check_question(SMALL.encode(text))


def test_padding_in_a_question_is_refused():
    with pytest.raises(PuzzleError, match="token 0 at row 1 column 1 is no cell"):
        SMALL.check_question(np.zeros(12, np.uint8))


@pytest.mark.parametrize(
    ("answer", "message", "path"),
    [
        ("Sooo\n.##o\n...G", None, 2),
        ("S...\no##.\noooG", None, 2),
        ("S...\n.##.\n...G", "S at row 1 column 1 touches 0 cells of the path, it needs 1", 0),
        ("Sooo\no##o\noooG", "S at row 1 column 1 touches 2 cells", 0),
        ("Sooo\n.##.\n...G", "the mark at row 1 column 4 touches 1 cell of the path, it needs 2", 0),
        ("Sooo\no##o\n...G", "S at row 1 column 1 touches 2 cells", 0),
        ("Sooo\n.o#o\n...G", "changed from a wall to a path mark", 0),
        ("#ooo\n.##o\n...G", "changed from S to a wall", 0),
        ("Sooo\n.##o\n.#.G", "changed from an open cell to a wall", 0),
    ],
)
def test_answers_are_judged_and_told_why(answer, message, path):
    question, tokens = SMALL.encode(QUESTION), SMALL.encode(answer)
    lines = SMALL.violations(question, tokens)
    assert (lines == []) if message is None else any(message in line for line in lines)
    assert SMALL.is_solved(question, tokens) == (path == 2)
    scores = SMALL.scores(question[None], tokens[None])
    assert scores["valid shortest path"][0] == (path == 2) and scores["valid path"][0] == (path >= 1)


def test_a_longer_path_is_valid_but_not_shortest():
    task = Maze(3, 5, least=2)
    question, detour = task.encode("S...G\n.###.\n....."), task.encode("S...G\no###o\nooooo")
    assert task.violations(question, detour) == ["the path takes 8 moves, the shortest takes 4"]
    assert {name: bool(hit[0]) for name, hit in task.scores(question[None], detour[None]).items()} == {
        "valid shortest path": False,
        "valid path": True,
    }


def test_a_ring_beside_the_path_is_no_path():
    task = Maze(5, 7, least=2)
    question = "S.....G\n.......\n.......\n.......\n......."
    ring = "SoooooG\n.......\n..ooo..\n..o.o..\n..ooo.."
    assert task.violations(task.encode(question), task.encode(ring)) == [
        "beside the path from S to G there are marks in a ring"
    ]
    assert not task.is_solved(task.encode(question), task.encode(ring))


def test_a_second_start_does_not_hang_the_judge():
    for text in ("Sooo\n.##o\n...S", "Sooo\n.##o\n....", "Sooo\nS##o\n...G", "Gooo\n.##o\n...G"):
        tokens = SMALL.encode(text)[None]
        assert not SMALL.is_solved_batch(tokens, tokens).any()


@settings(max_examples=150)
@given(mazes())
def test_distance_and_label_equal_plain_python(grid):
    task = task_for(grid)
    start = tuple(np.argwhere(grid == 3)[0].tolist())
    expected = plain_distances(grid).get(start, -1)
    flat = grid.reshape(1, -1)
    assert task.distances(flat)[0] == expected
    if expected > 0:
        label = task.label(flat)
        assert np.array_equal(label[0].reshape(grid.shape), plain_label(grid))
        assert task.is_solved_batch(flat, label).all()
    else:
        assert np.array_equal(task.label(flat), flat)


@settings(max_examples=60)
@given(mazes(largest=4), st.data())
def test_the_judge_equals_a_list_of_all_paths(grid, data):
    """Marks are valid exactly if they are the cells of one way from S to G that does not run along itself."""
    task, flat = task_for(grid), grid.reshape(1, -1)
    paths = all_paths(grid)
    shortest = min((len(path) for path in paths), default=0)
    lines: dict[frozenset, int] = {}
    for path in paths:
        order = {cell: i for i, cell in enumerate(path)}
        along = any(abs(order[a] - order[b]) > 1 for a in path for b in neighbours(a, grid.shape) if b in order)
        if not along:
            lines[frozenset(path[1:-1])] = len(path)
    open_cells = [tuple(cell) for cell in np.argwhere(grid == 2).tolist()]
    choices = st.sets(st.sampled_from(open_cells)) if open_cells else st.just(set())
    tried = [frozenset(data.draw(choices)), *lines]
    answers = np.repeat(flat, len(tried), 0)
    for answer, marks in zip(answers.reshape(-1, *grid.shape), tried, strict=True):
        for cell in marks:
            answer[cell] = 5
    scores = task.scores(np.repeat(flat, len(tried), 0), answers)
    assert scores["valid path"].tolist() == [marks in lines for marks in tried]
    assert scores["valid shortest path"].tolist() == [lines.get(marks) == shortest for marks in tried]
    if paths:
        for answer, solved in zip(answers, scores["valid shortest path"], strict=True):
            assert (task.violations(flat[0], answer) == []) == solved


def test_a_shortest_path_shown_in_part_is_judged_like_the_whole():
    """A question may show marks (`reveal`): they are open cells to the rules."""
    question, answer = SMALL.encode("So..\n.##.\n...G"), SMALL.encode("S...\no##.\noooG")
    assert SMALL.is_solved(question, answer) and SMALL.violations(question, answer) == []
    assert np.array_equal(SMALL.label(question[None])[0], answer)


# --- turns ----------------------------------------------------------------------------------------------------------


@given(mazes())
def test_turns_undo_themselves_and_keep_the_fingerprint(grid):
    task, flat = task_for(grid), grid.reshape(1, -1)
    turns = task.all_symmetries()
    assert len(set(turns)) == len(turns) == (8 if grid.shape[0] == grid.shape[1] else 4)
    images = []
    for turn in turns:
        turned = task.apply(turn, flat)
        images.append(turned)
        assert np.array_equal(task.apply(task.invert(turn), turned), flat)
        assert torch.equal(task.apply(turn, torch.from_numpy(flat)), torch.from_numpy(np.ascontiguousarray(turned)))
        assert np.array_equal(task.fingerprint(turned), task.fingerprint(flat))
        assert np.array_equal(task.distances(turned), task.distances(flat))


def test_the_turns_of_a_square_are_the_eight_of_numpy():
    task = Maze(3, least=2)
    grid = np.arange(9).reshape(3, 3)
    eight = {np.rot90(side, k).tobytes() for side in (grid, grid.T) for k in range(4)}
    assert {grid.reshape(-1)[list(turn.cells)].tobytes() for turn in task.all_symmetries()} == {
        np.frombuffer(image, grid.dtype).tobytes() for image in eight
    }


def test_fingerprints_tell_mazes_apart():
    questions = get_task("maze7").generate(2000, seed=0).questions
    assert len(np.unique(get_task("maze7").fingerprint(questions))) == 2000
    changed = questions.copy()
    changed[np.arange(2000), (changed == 2).argmax(1)] = 1  # one open cell less
    assert not np.isin(get_task("maze7").fingerprint(changed), get_task("maze7").fingerprint(questions)).any()


def test_a_maze_that_is_not_square_is_not_transposed():
    other = Maze(3, least=2).all_symmetries()[-1]
    with pytest.raises(DataError, match="maze3x4: the cells of a symmetry must be a permutation of 0 to 11"):
        SMALL.apply(other, SMALL.encode(QUESTION))


def test_augment_turns_the_maze_and_labels_it_anew():
    task = get_task("maze10")
    puzzles = task.generate(200, seed=0)
    questions, answers = torch.from_numpy(puzzles.questions).long(), torch.from_numpy(puzzles.answers).long()
    turned, labels = task.augment(questions, answers, torch.Generator().manual_seed(0))
    assert np.array_equal(labels.numpy(), task.label(turned.numpy()))
    assert np.array_equal(task.fingerprint(turned.numpy()), task.fingerprint(puzzles.questions))
    kept = (turned == questions).all(1).float().mean()
    assert 0.05 < kept < 0.2  # one of eight


def test_a_turned_label_is_mostly_not_the_rules_label():
    """Why `augment` labels anew: the trap that costs a published run most of its exact accuracy."""
    task = get_task("maze10")
    puzzles = task.generate(500, seed=0)
    same = {}
    for turn in task.all_symmetries():
        questions, answers = task.apply(turn, puzzles.questions), task.apply(turn, puzzles.answers)
        same[turn] = (task.label(questions) == answers).all(1).mean()
        assert task.is_solved_batch(questions, answers).all()
    assert sorted(same.values())[-1] == 1.0 and sorted(same.values())[-3] < 0.7


# --- generator ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["maze7", "maze10"])
def test_generated_mazes_are_far_and_spread_as_said(name):
    task = get_task(name)
    puzzles = task.generate(4000, seed=0)
    assert (puzzles.extra["distance"] >= task.least).all() and puzzles.extra["distance"].min() == task.least
    assert (task.distances(puzzles.questions) == puzzles.extra["distance"]).all()
    # S and G are drawn alike: each is as often in a corner region as the other
    rows = [np.argmax(puzzles.questions == end, axis=1) // task.cols for end in (3, 4)]
    assert abs(rows[0].mean() - rows[1].mean()) < 0.2
    plain = rejection(task, 300, np.random.default_rng(0))
    for value in (lambda q: (q == 1).mean(1), lambda q: task.distances(q)):
        ours, theirs = value(puzzles.questions), value(plain)
        assert abs(ours.mean() - theirs.mean()) < 4 * theirs.std() / len(theirs) ** 0.5


def rejection(task: Maze, count: int, rng: np.random.Generator) -> np.ndarray:
    """The distribution in plain numpy: draw everything, keep what is far enough."""
    kept = []
    while len(kept) < count:
        grids = np.where(rng.random((500, task.seq_len)) < rng.uniform(0.3, 0.5, (500, 1)), 1, 2).astype(np.uint8)
        ends = rng.integers(task.seq_len, size=(2, 500))
        grids[np.arange(500), ends[0]], grids[np.arange(500), ends[1]] = 3, 4
        grids = grids[ends[0] != ends[1]]
        kept.extend(grids[task.distances(grids) >= task.least])
    return np.array(kept[:count])


def test_large_mazes_come_in_blocks_of_the_same_distribution():
    """Small enough to be drawn by plain rejection too, and still drawn in blocks: the two must agree."""
    task = Maze(17, least=30)
    puzzles = task.generate(640, seed=3)
    plain = rejection(task, 400, np.random.default_rng(1))
    for value in (lambda q: (q == 1).mean(1), task.distances, lambda q: np.argmax(q == 3, 1) // 17):
        ours, theirs = value(puzzles.questions), value(plain)
        assert abs(ours.mean() - theirs.mean()) < 4 * (theirs.std() ** 2 / 400 + ours.std() ** 2 / 640) ** 0.5
        assert 0.85 < ours.std() / theirs.std() < 1.15
    walls = puzzles.questions == 1
    beside, apart = (walls[1:] == walls[:-1]).mean(), (walls[320:] == walls[:320]).mean()
    assert abs(beside - apart) < 0.01  # neighbours in a block have no more cells in common than strangers


def test_30x30_mazes_are_like_maze_hard(data_dir):
    real = load_puzzles("maze-hard-train", "maze30")
    task = get_task("maze30")
    made = task.generate(256, seed=0)
    assert made.extra["distance"].min() >= 109 and real.extra["path_len"].min() == 109
    for value in (lambda p: (p.questions == 1).mean(1), lambda p: task.distances(p.questions)):
        ours, theirs = value(made), value(real)
        assert abs(ours.mean() - theirs.mean()) < 4 * theirs.std() / len(ours) ** 0.5


@pytest.mark.parametrize("name", ["maze-hard-train", "maze-hard-test-a"])
def test_the_label_rule_gives_every_real_label(name, data_dir):
    task, puzzles = get_task("maze30"), load_puzzles(name, "maze30")
    assert len(puzzles) == {"maze-hard-train": 1000, "maze-hard-test-a": 500}[name] == puzzles.distinct
    assert np.array_equal(task.label(puzzles.questions), puzzles.answers)
    assert np.array_equal(task.distances(puzzles.questions), puzzles.extra["path_len"].astype(int))
    assert task.is_solved_batch(puzzles.questions, puzzles.answers).all()


def test_too_few_mazes_are_an_error():
    with pytest.raises(DataError, match=r"maze2: found \d+ different mazes of the 100 asked for \(0 excluded\)"):
        Maze(2, least=2).generate(100, seed=0)


@pytest.mark.parametrize(("count", "seed"), [(-1, 0), (1, -1)])
def test_negative_counts_and_seeds_are_refused(count, seed):
    with pytest.raises(DataError, match=f"count {count} and seed {seed} must not be negative"):
        get_task("maze7").generate(count, seed)


# --- pictures -------------------------------------------------------------------------------------------------------


def test_the_drawn_path_grows_with_its_marks():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, ax = pyplot.subplots()
    lengths = []
    for answer in (QUESTION, "Soo.\n.##.\n...G", "Sooo\n.##o\n...G"):
        SMALL.draw(ax, SMALL.encode(answer), given=SMALL.encode(QUESTION))
        lengths.append(sum(len(collection.get_segments()) for collection in ax.collections))
    assert lengths == [0, 2, 5]  # joints between touching cells of the path, S and G among them
    assert [text.get_text() for text in ax.texts] == ["S", "G"]
    pyplot.close(figure)
