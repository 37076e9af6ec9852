"""Sudoku: text, rules, symmetries, fingerprints and drawing, against plain references written here."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sudoku_reference import PUZZLE9, S4, S6, S9, made, units_of

from trm_edu.errors import DataError, PuzzleError
from trm_edu.tasks.sudoku import Sudoku, Symmetry

ALL = pytest.mark.parametrize("task", [S4, S6, S9], ids=lambda task: task.name)


# --- references ---------------------------------------------------------------------------------------------------


def solved_by_definition(task: Sudoku, question, answer) -> bool:
    kept = all(q in (1, a) for q, a in zip(question, answer, strict=True))
    return kept and all({answer[i] for i in unit} == set(range(2, task.side + 2)) for unit in units_of(task))


def canonical(task: Sudoku, questions: np.ndarray) -> list[bytes]:
    """The smallest image of each puzzle under all moves, digits renamed in order of appearance: exact, but slow."""

    def orders(groups: int, size: int) -> np.ndarray:
        inner = list(itertools.permutations(range(size)))
        return np.array(
            [
                [g * size + i for g, inside in zip(outer, insides, strict=True) for i in inside]
                for outer in itertools.permutations(range(groups))
                for insides in itertools.product(inner, repeat=groups)
            ]
        )

    rows, columns = orders(task.box_cols, task.box_rows), orders(task.box_rows, task.box_cols)
    moves = (rows[:, None, :, None] * task.side + columns[None, :, None, :]).reshape(-1, task.seq_len)
    if task.box_rows == task.box_cols:
        grid = np.arange(task.seq_len).reshape(task.side, -1)
        moves = np.concatenate([moves, grid.T.reshape(-1)[moves]])
    assert len(moves) == {4: 128, 6: 3456}[task.side]
    forms = []
    for question in questions:
        images = question[moves]
        every = np.arange(len(images))
        names = np.zeros((len(images), task.vocab_size), np.uint8)
        names[:, 1], following = 1, np.full(len(images), 2, np.uint8)
        for cell in range(task.seq_len):
            token = images[:, cell]
            fresh = names[every, token] == 0
            names[every[fresh], token[fresh]] = following[fresh]
            following += fresh
        renamed = np.take_along_axis(names, images.astype(np.intp), axis=1)
        forms.append(min(map(bytes, renamed)))
    return forms


# --- text ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "cols", "name", "vocabulary"), [(2, 2, "sudoku4", 6), (4, 4, "sudoku4x4", 18)])
def test_names_and_sizes(rows, cols, name, vocabulary):
    task = Sudoku(rows, cols)
    assert (task.name, task.vocab_size, task.seq_len) == (name, vocabulary, (rows * cols) ** 2)


@pytest.mark.parametrize("box", [(1, 4), (3, 0), (5, 6)])
def test_impossible_boxes_are_refused(box):
    with pytest.raises(DataError, match=f"Boxes of {box[0]}x{box[1]}"):
        Sudoku(*box)


def test_encode_tokens():
    tokens = S4.encode("1.0." + "3412" + "2143" + "4321")
    assert tokens.dtype == np.uint8 and tokens.tolist() == [2, 1, 1, 1, 4, 5, 2, 3, 3, 2, 5, 4, 5, 4, 3, 2]
    assert Sudoku(4, 4).encode("g." * 128)[0] == Sudoku(4, 4).encode("G0" * 128)[0] == 17


def test_encode_skips_frames():
    pasted = """
        +-----+-----+
        | 1 . | 3 4 |
        | 3 4 | . 2 |
        +-----+-----+
        | 2 1 | 4 3 |
        | 4 3 | 2 0 |
        +-----+-----+
    """
    assert S4.decode(S4.encode(pasted)) == "1.34" + "34.2" + "2143" + "432."
    assert S4.format_grid(S4.encode(pasted)).split() == pasted.replace("0", ".").split()


def test_format_grid_has_the_right_boxes():
    lines = S6.format_grid(np.ones(36, np.uint8)).splitlines()
    assert lines[:4] == ["+-------+-------+", "| . . . | . . . |", "| . . . | . . . |", "+-------+-------+"]
    assert len(lines) == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("." * 80, "sudoku9: found 80 cells, need 81"),
        ("." * 82, "sudoku9: found 82 cells, need 81"),
        ("", "found 0 cells, need 81"),
        ("." * 10 + "x" + "." * 70, "'x' at position 11 .*Found 80 cells, need 81"),
        ("-" * 81, "found 0 cells.*'-' is read as a box line"),
        ("." * 80 + "\u0663", "position 81"),  # an Arabic-Indic three is a digit to str.isdigit, not to us
    ],
)
def test_encode_names_what_is_wrong(text, message):
    with pytest.raises(PuzzleError, match=message):
        S9.encode(text)


def test_digits_above_the_side_are_foreign():
    with pytest.raises(PuzzleError, match="sudoku6: character '7' at position 2 is no cell .digits are 1 to 6"):
        S6.encode(".7" + "." * 34)


def test_encode_answer_wants_every_cell():
    with pytest.raises(PuzzleError, match="this has 1, first at row 2 column 3"):
        S4.encode_answer("1234" + "34.2" + "2143" + "4321")


@pytest.mark.parametrize("bad", [0, 6, 200])
def test_decode_refuses_foreign_tokens(bad):
    tokens = np.ones(16, np.uint8)
    tokens[5] = bad
    with pytest.raises(PuzzleError, match=f"token {bad} at row 2 column 2"):
        S4.decode(tokens)
    with pytest.raises(PuzzleError, match=r"shape \[16\], got \[15\]"):
        S4.decode(np.ones(15, np.uint8))


# --- rules --------------------------------------------------------------------------------------------------------


def test_violations_read_well():
    question, solution = made(S9).questions[0], made(S9).answers[0]
    answer = solution.copy()
    answer[2 * 9 + 6] = answer[2 * 9 + 1]  # row 3: column 7 repeats column 2
    digit = answer[2 * 9 + 1] - 1
    assert f"row 3 holds {digit} twice at columns 2 and 7" in S9.violations(np.ones(81, np.uint8), answer)
    answer = solution.copy()
    clue = int(np.flatnonzero(question > 1)[0])
    answer[clue] = (answer[clue] - 1) % 9 + 2
    where = f"row {clue // 9 + 1} column {clue % 9 + 1}"
    lines = S9.violations(question, answer)
    assert lines[0] == f"clue at {where} changed from {solution[clue] - 1} to {answer[clue] - 1}"
    assert [line.split()[0] for line in lines] == ["clue", "row", "column", "box"]
    answer[clue] = 1
    assert S9.violations(question, answer) == [
        f"clue at {where} changed from {solution[clue] - 1} to an empty cell",
        f"cell at {where} is empty",
    ]
    answer[clue] = 0
    assert f"cell at {where} holds token 0, which is no digit" in S9.violations(question, answer)


def test_violations_of_columns_boxes_and_triples():
    tokens = np.ones(16, np.uint8)
    tokens[[0, 8, 12]] = 2
    blank = np.ones(16, np.uint8)
    lines = [line for line in S4.violations(blank, tokens) if "empty" not in line]
    assert lines == [
        "column 1 holds 1 3 times at rows 1, 3 and 4",
        "box 3 holds 1 twice at row 3 column 1 and at row 4 column 1",
    ]
    assert len(S4.violations(blank, tokens)) == 13 + 2


@ALL
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_checker_agrees_with_the_definition(task, data):
    puzzles = made(task, 30)
    row = data.draw(st.integers(0, 29))
    question, answer = puzzles.questions[row], puzzles.answers[row].copy()
    for _ in range(data.draw(st.integers(0, 2))):
        answer[data.draw(st.integers(0, task.seq_len - 1))] = data.draw(st.integers(0, task.vocab_size))
    if data.draw(st.booleans()):  # still a valid grid, but the clues are not kept
        i, j = data.draw(st.permutations(range(2, task.side + 2)))[:2]
        answer = np.where(answer == i, j, np.where(answer == j, i, answer)).astype(np.uint8)
    expected = solved_by_definition(task, question.tolist(), answer.tolist())
    assert task.is_solved(question, answer) is expected
    assert (task.violations(question, answer) == []) is expected


@ALL
def test_right_rows_and_columns_are_not_enough(task):
    r, c = np.divmod(np.arange(task.seq_len), task.side)
    latin = ((r + c) % task.side + 2).astype(np.uint8)  # every row and column is complete, no box is
    assert not task.is_solved(np.ones(task.seq_len, np.uint8), latin)
    lines = task.violations(np.ones(task.seq_len, np.uint8), latin)
    assert lines and all(line.startswith("box") for line in lines)


@ALL
def test_batch_checker_is_the_single_one(task):
    rng, puzzles = np.random.default_rng(1), made(task, 30)
    answers = puzzles.answers.repeat(10, axis=0)
    cells = rng.integers(task.seq_len, size=150)
    answers[np.arange(150), cells] = rng.integers(task.vocab_size, size=150)
    questions = puzzles.questions.repeat(10, axis=0)
    together = task.is_solved_batch(questions, answers)
    assert together.tolist() == [task.is_solved(q, a) for q, a in zip(questions, answers, strict=True)]
    assert 150 <= together.sum() < 250
    with pytest.raises((PuzzleError, TypeError)):  # TypeError: the tests' shape checker sees it first
        task.is_solved_batch(questions, answers[1:])


def test_check_question_names_the_contradiction():
    S9.check_question(S9.encode(PUZZLE9))
    with pytest.raises(PuzzleError, match="row 1 holds 5 twice at columns 1 and 7"):
        S9.check_question(S9.encode("5" + PUZZLE9[1:]))
    with pytest.raises(PuzzleError, match="token 0 at row 1 column 1"):
        S9.check_question(np.zeros(81, np.uint8))


# --- symmetries ---------------------------------------------------------------------------------------------------


def test_group_orders():
    orders = [task.symmetries().rsplit("= ", 1)[1] for task in (S4, S6, S9)]
    assert orders == ["3,072", "2,488,320", "1,218,998,108,160"]


@ALL
@given(seed=st.integers(0, 2**32), data=st.data())
@settings(max_examples=40, deadline=None)
def test_symmetry_round_trip(task, seed, data):
    symmetry = task.random_symmetry(np.random.default_rng(seed))
    tokens = np.random.default_rng(seed + 1).integers(0, task.vocab_size, (2, 3, task.seq_len)).astype(np.int64)
    moved = task.apply(symmetry, tokens)
    assert moved.dtype == tokens.dtype and moved.shape == tokens.shape
    assert np.array_equal(task.apply(task.invert(symmetry), moved), tokens)
    assert np.array_equal(task.apply(symmetry, torch.from_numpy(tokens)).numpy(), moved)
    assert np.array_equal((moved < 2).sum(-1), (tokens < 2).sum(-1))
    assert task.invert(task.invert(symmetry)) == symmetry
    # cell by cell, as the docstring of Symmetry defines it
    r, c = data.draw(st.integers(0, task.side - 1)), data.draw(st.integers(0, task.side - 1))
    source = (symmetry.rows[r], symmetry.columns[c])
    source = source[::-1] if symmetry.transpose else source
    old = tokens[0, 0, source[0] * task.side + source[1]]
    assert moved[0, 0, r * task.side + c] == (old if old < 2 else symmetry.digits[old - 2] + 1)


def test_foreign_symmetries_are_refused():
    same4, same6 = tuple(range(4)), tuple(range(6))
    tokens = np.ones(36, np.uint8)
    with pytest.raises(DataError, match="rows 1 and 2 come from several bands"):
        S6.apply(Symmetry((1, 2, 0, 3, 4, 5), same6, (1, 2, 3, 4, 5, 6)), tokens)
    with pytest.raises(DataError, match="come from several stacks"):
        S6.apply(Symmetry(same6, (1, 0, 3, 2, 5, 4), (1, 2, 3, 4, 5, 6)), tokens)
    with pytest.raises(DataError, match="boxes of 2x3 do not survive a transposition"):
        S6.apply(Symmetry(same6, same6, (1, 2, 3, 4, 5, 6), transpose=True), tokens)
    with pytest.raises(DataError, match="digits .* are no permutation"):
        S6.apply(Symmetry(same6, same6, (0, 1, 2, 3, 4, 5)), tokens)
    with pytest.raises(DataError, match="rows .* are no permutation"):
        S6.apply(Symmetry(same4, same6, (1, 2, 3, 4, 5, 6)), tokens)
    with pytest.raises(PuzzleError, match="needs 36 cells"):
        S6.apply(Symmetry(same6, same6, (1, 2, 3, 4, 5, 6)), np.ones(16, np.uint8))


def test_draws_reach_the_whole_group_and_nothing_else():
    # a puzzle that no symmetry leaves as it is has one image for each of the 3,072 symmetries
    question = max(made(S4, 36).questions, key=lambda q: len(np.unique(orbit_sample(S4, q, 3000))))
    _, counts = np.unique(orbit_sample(S4, question, 60_000), return_counts=True)
    assert len(counts) == 3072
    expected = 60_000 / 3072  # chi-square with 3,071 degrees of freedom: mean 3,071, deviation 78
    assert abs(((counts - expected) ** 2 / expected).sum() - 3071) < 5 * 78
    rng = np.random.default_rng(0)
    single = {bytes(S4.apply(S4.random_symmetry(rng), question)) for _ in range(3000)}
    # 3,000 draws of 3,072 hit 1 - e**-0.977 = 62.3% of them, give or take 0.6%
    assert 1820 < len(single) < 2010


def orbit_sample(task: Sudoku, question: np.ndarray, draws: int) -> np.ndarray:
    batch = torch.from_numpy(question).expand(draws, -1)
    images, _ = task.augment(batch, batch, torch.Generator().manual_seed(5))
    return images.numpy().astype(np.uint64) @ (np.uint64(8) ** np.arange(16, dtype=np.uint64))


@ALL
def test_augment_keeps_clues_and_answers_together(task):
    puzzles = made(task, 30)
    questions, answers = (torch.from_numpy(t).long() for t in (puzzles.questions, puzzles.answers))
    q, a = task.augment(questions, answers, torch.Generator().manual_seed(3))
    assert ((q == 1) | (q == a)).all()
    assert torch.equal((q == 1).sum(1), (questions == 1).sum(1))
    assert not torch.equal(q, questions)


# --- fingerprints -------------------------------------------------------------------------------------------------


@ALL
def test_fingerprints_do_not_change_under_symmetries(task):
    puzzles = made(task, 36 if task is S4 else 300)
    questions = torch.from_numpy(puzzles.questions).repeat(2000 // len(puzzles), 1)
    images, _ = task.augment(questions, questions, torch.Generator().manual_seed(9))
    assert np.array_equal(task.fingerprint(images.numpy()), task.fingerprint(questions.numpy()))


@pytest.mark.parametrize(("task", "clues", "count"), [(S4, None, 36), (S4, 7, 100), (S6, None, 300), (S6, 16, 200)])
def test_fingerprints_against_the_exact_form(task, clues, count):
    questions = torch.from_numpy(task.generate(count, 21, clues=clues).questions).repeat(2, 1)
    images, _ = task.augment(questions, questions, torch.Generator().manual_seed(9))
    exact, prints = canonical(task, images.numpy()), task.fingerprint(images.numpy())
    assert len(set(exact)) == len(set(prints.tolist())) == len(set(zip(exact, prints.tolist(), strict=True))) == count


def test_there_are_36_minimal_4x4_puzzles():
    # known from exhaustive enumeration by others: 13 with 4 clues, 22 with 5 and 1 with 6
    puzzles = S4.generate(36, seed=0)
    assert np.bincount(puzzles.extra["clues"]).tolist() == [0, 0, 0, 0, 13, 22, 1]
    assert len(set(canonical(S4, puzzles.questions))) == 36


def test_similar_puzzles_have_different_fingerprints():
    questions = made(S9).questions
    clue = np.argmax(questions > 1, axis=1)
    removed, changed = questions.copy(), questions.copy()
    removed[np.arange(len(questions)), clue] = 1
    changed[np.arange(len(questions)), clue] = (questions[np.arange(len(questions)), clue] - 1) % 9 + 2
    prints = np.concatenate([S9.fingerprint(q) for q in (questions, removed, changed)])
    assert len(np.unique(prints)) == 3 * len(questions)


def test_a_transposed_6x6_is_another_puzzle():
    questions = made(S6).questions
    flipped = np.ascontiguousarray(questions.reshape(-1, 6, 6).transpose(0, 2, 1).reshape(-1, 36))
    assert not (S6.fingerprint(flipped) == S6.fingerprint(questions)).any()


def test_fingerprints_are_the_same_everywhere():
    # they may stand in files: a change breaks them
    prints = [hex(task.fingerprint(task.generate(1, seed=0).questions)[0]) for task in (S4, S6, S9)]
    assert prints == ["0x131022ce7fad5d3f", "0xd4e2a58d4aa23c87", "0x1629b6dcbee6a1f0"]
    assert S9.fingerprint(np.ones((0, 81), np.uint8)).shape == (0,)


# --- drawing ------------------------------------------------------------------------------------------------------


def test_drawing_marks_cells():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    from matplotlib.colors import to_hex

    figure, ax = pyplot.subplots(figsize=(4, 4))
    question, answer = made(S6).questions[0], made(S6).answers[0]
    filled = np.flatnonzero(question == 1)
    wrong, changed = np.zeros(36, bool), np.zeros(36, bool)
    wrong[filled[:2]], changed[filled[2:5]] = True, True
    confidence = np.linspace(0, 1, 36)
    assert S6.draw(ax, answer, given=question, changed=changed, wrong=wrong, confidence=confidence) is ax
    colours = [to_hex(text.get_color()) for text in ax.texts]
    assert [text.get_text() for text in ax.texts] == list(S6.decode(answer))
    assert [c == "#000000" for c in colours] == (question > 1).tolist()
    assert [t.get_weight() == "bold" for t in ax.texts] == (question > 1).tolist()
    assert [i for i, c in enumerate(colours) if c == "#d55e00"] == filled[:2].tolist()
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert [(int(c.get_xdata()[0]), int(c.get_ydata()[0])) for c in crosses] == [(i % 6, i // 6) for i in filled[:2]]
    assert [(int(p.get_x()), int(p.get_y())) for p in ax.patches] == [(i % 6, i // 6) for i in filled[2:5]]
    lengths = [s[1, 0] - s[0, 0] for s in ax.collections[-1].get_segments()]  # the blue bars of doubt
    assert np.allclose(lengths, [0.8 * confidence[i] for i in filled if confidence[i] < 0.95])
    thick = sorted(line.get_xydata()[0].tolist() for line in ax.lines if line.get_linewidth() == 2.4)
    assert len(thick) == 4 + 3  # 3 bands and 2 stacks have 4 and 3 edges
    texts = len(S6.draw(ax, question).texts)  # drawn afresh, blanks stay empty, clues are black
    assert texts == (question > 1).sum() and {to_hex(t.get_color()) for t in ax.texts} == {"#000000"}
    S6.draw(ax, answer, given=question > 1)
    assert {to_hex(t.get_color()) for t in ax.texts} == {"#000000", "#0072b2"}
    pyplot.close(figure)
