"""Checks of lesson 01: how a puzzle becomes a sequence of tokens."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trm_edu.checks.teacher import Mistake, judge, passed, run

__all__ = ["encode_sudoku"]


def encode_sudoku(answer: Callable[[str], np.ndarray]) -> None:
    """Text to tokens: blanks 1, digit d is d + 1."""
    for text in ("5.01", "53..7....", "0" * 6):
        digits = np.array([0 if character == "." else int(character) for character in text])
        expected = digits + 1
        judge(
            run(answer, text),
            expected,
            given=f"encode_sudoku({text!r})",
            mistakes=[
                Mistake(
                    "blank-is-padding",
                    np.where(digits == 0, 0, expected),
                    "A blank became 0, and 0 is padding.",
                    "Padding is no cell at all. The blank is a cell whose digit is asked for: its token is 1.",
                ),
                Mistake(
                    "digits-as-they-are",
                    np.where(digits == 0, 1, digits),
                    "A digit kept its own number, so that digit 1 and the blank have the same token.",
                    "Blank takes 1, so every digit moves up by one.",
                ),
                Mistake(
                    "zero-is-no-blank",
                    np.array([1 if character == "." else int(character) for character in text]) + 1 - (expected == 1),
                    "`.` and `0` got different tokens.",
                    "Both are ways to write a blank.",
                ),
            ],
            where="Write the tokens of `5.01` down by hand: 6, 1, 1, 2.",
        )
    passed("encode_sudoku", "3 texts, with dots, zeros and digits")
