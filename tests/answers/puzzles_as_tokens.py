"""Lesson 01: what people hand in."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from answers import Answers

# --- encode_sudoku ---------------------------------------------------------------------------------------------------


def with_a_table(text: str) -> np.ndarray:
    tokens = {".": 1, "0": 1} | {str(digit): digit + 1 for digit in range(1, 10)}
    return np.fromiter((tokens[c] for c in text), dtype=np.uint8)


def blank_is_padding(text: str) -> np.ndarray:
    numbers = np.array([0 if c == "." else int(c) for c in text])
    return np.where(numbers > 0, numbers + 1, 0)


def digits_as_they_are(text: str) -> np.ndarray:
    return np.array([max(1, int(c.replace(".", "0"))) for c in text])


def zero_is_no_blank(text: str) -> np.ndarray:
    return np.array([1 if c == "." else ord(c) - ord("0") + (c != "0") for c in text])


# --- decode_sudoku ---------------------------------------------------------------------------------------------------


def decode_with_a_loop(tokens: np.ndarray) -> str:
    text = ""
    for token in tokens.tolist():
        if token < 1:
            raise ValueError("padding is no cell")
        text += "." if token == 1 else f"{token - 1}"
    return text


def decode_with_a_dictionary(tokens: np.ndarray) -> str:
    if not tokens.all():
        raise ValueError(f"token 0 in {tokens}")
    name = dict(zip(range(1, 11), ".123456789", strict=True))
    return "".join(map(name.get, tokens.tolist()))


def token_as_digit(tokens: np.ndarray) -> str:
    return "".join("." if t == 1 else str(t) for t in tokens)


def zero_for_blank(tokens: np.ndarray) -> str:
    return "".join("0123456789"[t - 1] for t in tokens)


def characters(tokens: np.ndarray) -> list[str]:
    return [".123456789"[t - 1] for t in tokens]


def spaced(tokens: np.ndarray) -> str:
    return " ".join(".123456789"[t - 1] for t in tokens)


def counted_down_in_place(tokens: np.ndarray) -> str:
    tokens -= 1
    return "".join(".123456789"[t] for t in tokens)


def last_for_padding(tokens: np.ndarray) -> str:
    return "".join(".123456789"[t - 1] for t in tokens)


# --- shuffle_bands ---------------------------------------------------------------------------------------------------


def stacked(grid: np.ndarray, bands: Any, rows: Any) -> np.ndarray:
    parts = grid.reshape(3, 3, 9)[list(bands)]
    return np.concatenate([part[list(order)] for part, order in zip(parts, rows, strict=True)])


def cell_by_cell(grid: np.ndarray, bands: Any, rows: Any) -> np.ndarray:
    result = np.zeros_like(grid)
    for r in range(9):
        old = 3 * bands[r // 3] + rows[r // 3][r % 3]
        for c in range(9):
            result[r, c] = grid[old, c]
    return result


def rows_across_bands(grid: np.ndarray, bands: Any, rows: Any) -> np.ndarray:
    return grid[[bands[b] + 3 * row for b in range(3) for row in rows[b]]]


def columns_instead(grid: np.ndarray, bands: Any, rows: Any) -> np.ndarray:
    return grid[:, [3 * bands[b] + row for b in range(3) for row in rows[b]]]


def sent_there(grid: np.ndarray, bands: Any, rows: Any) -> np.ndarray:
    result = np.empty_like(grid)
    for b in range(3):
        for i in range(3):
            result[3 * bands[b] + rows[b][i]] = grid[3 * b + i]
    return result


def rows_then_bands(grid: np.ndarray, bands: Any, rows: Any) -> np.ndarray:
    parts = [grid[3 * b : 3 * b + 3][list(rows[b])] for b in range(3)]
    return np.concatenate([parts[b] for b in bands])


def rows_alone(grid: np.ndarray, bands: Any, rows: Any) -> np.ndarray:
    return np.concatenate([grid[3 * b : 3 * b + 3][list(rows[b])] for b in range(3)])


def bands_alone(grid: np.ndarray, bands: Any, rows: Any) -> np.ndarray:
    return np.concatenate([grid[3 * b : 3 * b + 3] for b in bands])


def bands_in_place(grid: np.ndarray, bands: Any, rows: Any) -> np.ndarray:
    grid[:] = stacked(grid, bands, rows)
    return grid


# --- is_symmetry -----------------------------------------------------------------------------------------------------


def by_trying(rows: Any, columns: Any, transpose: bool) -> bool:
    """Move the numbers of the boxes; a box of the result must hold one number, and six different ones there are."""
    r, c = np.indices((6, 6))
    boxes = (r // 2) * 2 + c // 3
    moved = (boxes.T if transpose else boxes)[np.ix_(rows, columns)]
    whole = all(len(set(moved[boxes == b])) == 1 for b in range(6))
    return whole and len(set(rows)) == 6 and len(set(columns)) == 6


def as_sets(rows: Any, columns: Any, transpose: bool) -> bool:
    pairs = {frozenset(rows[i : i + 2]) for i in (0, 2, 4)}
    triples = {frozenset(columns[i : i + 3]) for i in (0, 3)}
    bands = {frozenset(x) for x in ((0, 1), (2, 3), (4, 5))}
    return not transpose and pairs == bands and triples == {frozenset((0, 1, 2)), frozenset((3, 4, 5))}


def stays_together(order: Any, size: int) -> bool:
    return all(len({x // size for x in order[i : i + size]}) == 1 for i in range(0, 6, size))


def transposition_allowed(rows: Any, columns: Any, transpose: bool) -> bool:
    return as_sets(rows, columns, False)


def boxes_turned(rows: Any, columns: Any, transpose: bool) -> bool:
    if transpose or sorted(rows) != sorted(columns) or len(set(rows)) != 6:
        return False
    return stays_together(rows, 3) and stays_together(columns, 2)


def as_in_a_9x9(rows: Any, columns: Any, transpose: bool) -> bool:
    permuted = len(set(rows)) == len(set(columns)) == 6
    return permuted and stays_together(rows, 3) and stays_together(columns, 3) and not transpose


def columns_forgotten(rows: Any, columns: Any, transpose: bool) -> bool:
    return len(set(rows)) == 6 and stays_together(rows, 2) and not transpose


def bands_must_stay(rows: Any, columns: Any, transpose: bool) -> bool:
    inside = [sorted(rows[i : i + 2]) == [i, i + 1] for i in (0, 2, 4)]
    inside += [sorted(columns[i : i + 3]) == [i, i + 1, i + 2] for i in (0, 3)]
    return all(inside) and not transpose


def repeats_allowed(rows: Any, columns: Any, transpose: bool) -> bool:
    return not transpose and stays_together(rows, 2) and stays_together(columns, 3)


def any_order(rows: Any, columns: Any, transpose: bool) -> bool:
    return not transpose and sorted(rows) == sorted(columns) == [0, 1, 2, 3, 4, 5]


# --- transform_pair --------------------------------------------------------------------------------------------------


def by_loops(question: Any, answer: Any, cells: Any, digits: Any) -> list[np.ndarray]:
    results = []
    for tokens in (question, answer):
        new = np.zeros_like(tokens)
        for i, cell in enumerate(cells):
            token = tokens[cell]
            new[i] = token if token < 2 else digits[token - 2] + 1
        results.append(new)
    return results


def renamed_before_moved(question: Any, answer: Any, cells: Any, digits: Any) -> tuple[np.ndarray, np.ndarray]:
    table = np.concatenate([[0, 1], np.asarray(digits) + 1])
    return tuple(np.take(table, tokens)[cells] for tokens in (question, answer))


def new_names(digits: Any) -> np.ndarray:
    return np.array([0, 1, *(digit + 1 for digit in digits)])


def answer_left(question: Any, answer: Any, cells: Any, digits: Any) -> tuple[np.ndarray, np.ndarray]:
    return new_names(digits)[question[cells]], answer


def answer_not_moved(question: Any, answer: Any, cells: Any, digits: Any) -> tuple[np.ndarray, np.ndarray]:
    return new_names(digits)[question[cells]], new_names(digits)[answer]


def answer_not_renamed(question: Any, answer: Any, cells: Any, digits: Any) -> tuple[np.ndarray, np.ndarray]:
    return new_names(digits)[question[cells]], answer[cells]


def moved_differently(question: Any, answer: Any, cells: Any, digits: Any) -> tuple[np.ndarray, np.ndarray]:
    moved = np.empty_like(answer)
    moved[cells] = answer
    return new_names(digits)[question[cells]], new_names(digits)[moved]


def blank_relabelled(question: Any, answer: Any, cells: Any, digits: Any) -> tuple[np.ndarray, np.ndarray]:
    return digits[question[cells] - 2] + 1, digits[answer[cells] - 2] + 1


def inverse_cells(question: Any, answer: Any, cells: Any, digits: Any) -> tuple[np.ndarray, np.ndarray]:
    results = np.empty_like(question), np.empty_like(answer)
    for result, tokens in zip(results, (question, answer), strict=True):
        result[cells] = new_names(digits)[tokens]
    return results


def inverse_digits(question: Any, answer: Any, cells: Any, digits: Any) -> tuple[np.ndarray, np.ndarray]:
    old_name = {0: 0, 1: 1} | {new + 1: old + 1 for old, new in enumerate(digits.tolist(), 1)}
    return tuple(np.array([old_name[t] for t in tokens[cells].tolist()]) for tokens in (question, answer))


def renamed_twice(question: Any, answer: Any, cells: Any, digits: Any) -> tuple[np.ndarray, np.ndarray]:
    question, answer = question[cells], answer[cells]
    for d in range(len(digits)):
        question[question == d + 2] = digits[d] + 1
        answer[answer == d + 2] = digits[d] + 1
    return question, answer


def in_place(question: Any, answer: Any, cells: Any, digits: Any) -> tuple[np.ndarray, np.ndarray]:
    question[:] = new_names(digits)[question[cells]]
    answer[:] = new_names(digits)[answer[cells]]
    return question, answer


# --- exact_accuracy --------------------------------------------------------------------------------------------------


def exact_by_loops(predicted: torch.Tensor, labels: torch.Tensor) -> float:
    whole = 0
    for p, t in zip(predicted.tolist(), labels.tolist(), strict=True):
        whole += all(a == b for a, b in zip(p, t, strict=True) if b != -100)
    return whole / len(labels)


def exact_without_a_wrong_cell(predicted: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    wrong = ((predicted != labels) & (labels >= 0)).sum(dim=-1)
    return (wrong == 0).double().mean()


def cell_accuracy(predicted: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    mask = labels != -100
    return (predicted[mask] == labels[mask]).float().mean()


def ignored_as_wrong(predicted: torch.Tensor, labels: torch.Tensor) -> float:
    return float(np.mean([torch.equal(p, t) for p, t in zip(predicted, labels, strict=True)]))


def ignored_as_right_cells(predicted: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return torch.where(labels == -100, True, predicted == labels).float().mean()


def mean_then_threshold(predicted: torch.Tensor, labels: torch.Tensor) -> float:
    mask = labels != -100
    share = ((predicted == labels) & mask).sum(1) / mask.sum(1)
    return (share.round() == 1).float().mean().item()


def mean_of_the_grids(predicted: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return torch.stack([cell_accuracy(p, t) for p, t in zip(predicted, labels, strict=True)]).mean()


def wrong_axis(predicted: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return ((predicted == labels) | (labels == -100)).all(dim=0).float().mean()


def one_answer_for_all(predicted: torch.Tensor, labels: torch.Tensor) -> bool:
    mask = labels != -100
    return bool((predicted[mask] == labels[mask]).all())


def count_not_share(predicted: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return ((predicted == labels) | (labels == -100)).all(dim=1).sum()


def labels_filled_in(predicted: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    labels[labels == -100] = predicted[labels == -100]
    return (predicted == labels).all(dim=1).float().mean()


# --- encode_arc ------------------------------------------------------------------------------------------------------


def arc_by_loops(grid: np.ndarray, side: int) -> np.ndarray:
    rows, columns = grid.shape
    tokens = []
    for r in range(side):
        for c in range(side):
            if r < rows and c < columns:
                tokens.append(int(grid[r, c]) + 2)
            else:
                tokens.append(int((r == rows and c < columns) or (c == columns and r < rows)))
    return np.array(tokens)


def arc_by_padding(grid: np.ndarray, side: int) -> np.ndarray:
    rows, columns = grid.shape
    framed = np.pad(grid + 2, ((0, 1), (0, 1)), constant_values=1)
    framed[rows, columns] = 0
    square = np.zeros((side + 1, side + 1), dtype=np.uint8)
    square[: rows + 1, : columns + 1] = framed
    return square[:side, :side].ravel()


def arc_square(grid: np.ndarray, side: int, first: int = 2) -> np.ndarray:
    square = np.zeros((side, side), dtype=int)
    rows, columns = grid.shape
    square[:rows, :columns] = grid + first
    square[rows : rows + 1, :columns] = 1
    square[:rows, columns : columns + 1] = 1
    return square


def colour_0_is_padding(grid: np.ndarray, side: int) -> np.ndarray:
    return arc_square(grid, side, first=0).reshape(-1)


def colour_0_is_the_marker(grid: np.ndarray, side: int) -> np.ndarray:
    return arc_square(grid, side, first=1).reshape(-1)


def column_by_column(grid: np.ndarray, side: int) -> np.ndarray:
    return arc_square(grid, side).flatten(order="F")


def no_markers(grid: np.ndarray, side: int) -> np.ndarray:
    rows, columns = grid.shape
    return np.pad(grid + 2, ((0, side - rows), (0, side - columns))).reshape(-1)


def corner_marked(grid: np.ndarray, side: int) -> np.ndarray:
    rows, columns = grid.shape
    square = np.zeros((side, side), dtype=int)
    square[: rows + 1, : columns + 1] = 1
    square[:rows, :columns] = grid + 2
    return square.reshape(-1)


def markers_everywhere(grid: np.ndarray, side: int) -> np.ndarray:
    square = np.ones((side, side), dtype=int)
    square[: len(grid), : len(grid[0])] = grid + 2
    return square.reshape(-1)


def colours_raised_in_place(grid: np.ndarray, side: int) -> np.ndarray:
    grid += 2
    return arc_square(grid, side, first=0).reshape(-1)


ANSWERS = {
    "encode_sudoku": Answers(
        right=[with_a_table],
        wrong={
            "blank-is-padding": blank_is_padding,
            "digits-as-they-are": digits_as_they_are,
            "zero-is-no-blank": zero_is_no_blank,
        },
    ),
    "decode_sudoku": Answers(
        right=[decode_with_a_loop, decode_with_a_dictionary],
        wrong={
            "not-moved-back": token_as_digit,
            "blank-as-zero": zero_for_blank,
            "list-of-characters": characters,
            "lines-or-spaces": spaced,
            "padding-accepted": last_for_padding,
            "input-changed": counted_down_in_place,
        },
    ),
    "shuffle_bands": Answers(
        right=[stacked, cell_by_cell],
        wrong={
            "rows-across-bands": rows_across_bands,
            "columns-instead": columns_instead,
            "inverse-order": sent_there,
            "rows-of-the-old-band": rows_then_bands,
            "bands-left": rows_alone,
            "rows-left": bands_alone,
            "input-changed": bands_in_place,
        },
    ),
    "is_symmetry": Answers(
        right=[by_trying, as_sets],
        wrong={
            "transposition-allowed": transposition_allowed,
            "boxes-turned": boxes_turned,
            "thirds-everywhere": as_in_a_9x9,
            "columns-forgotten": columns_forgotten,
            "bands-must-stay": bands_must_stay,
            "repeats-allowed": repeats_allowed,
            "any-order": any_order,
        },
    ),
    "transform_pair": Answers(
        right=[by_loops, renamed_before_moved],
        wrong={
            "answer-left": answer_left,
            "answer-not-moved": answer_not_moved,
            "answer-not-renamed": answer_not_renamed,
            "moved-differently": moved_differently,
            "blank-relabelled": blank_relabelled,
            "inverse-cells": inverse_cells,
            "inverse-digits": inverse_digits,
            "renamed-twice": renamed_twice,
            "input-changed": in_place,
        },
    ),
    "exact_accuracy": Answers(
        right=[exact_by_loops, exact_without_a_wrong_cell],
        wrong={
            "cell-accuracy": cell_accuracy,
            "ignored-as-wrong": ignored_as_wrong,
            "ignored-as-right-cells": ignored_as_right_cells,
            "mean-then-threshold": mean_then_threshold,
            "mean-of-the-grids": mean_of_the_grids,
            "wrong-axis": wrong_axis,
            "one-answer-for-all": one_answer_for_all,
            "count-not-share": count_not_share,
            "input-changed": labels_filled_in,
        },
    ),
    "encode_arc": Answers(
        right=[arc_by_loops, arc_by_padding],
        wrong={
            "colour-0-is-padding": colour_0_is_padding,
            "colour-0-is-the-marker": colour_0_is_the_marker,
            "column-by-column": column_by_column,
            "no-markers": no_markers,
            "corner-marked": corner_marked,
            "markers-everywhere": markers_everywhere,
            "not-flattened": arc_square,
            "input-changed": colours_raised_in_place,
        },
    ),
}
