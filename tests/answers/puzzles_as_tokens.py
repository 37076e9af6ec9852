"""Lesson 01: what people hand in."""

from __future__ import annotations

import numpy as np

from answers import Answers


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


ANSWERS = {
    "encode_sudoku": Answers(
        right=[with_a_table],
        wrong={
            "blank-is-padding": blank_is_padding,
            "digits-as-they-are": digits_as_they_are,
            "zero-is-no-blank": zero_is_no_blank,
        },
    ),
}
