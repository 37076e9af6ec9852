"""Errors that a user can mend. Each message names the thing, its value and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import SupportsInt


class TrmEduError(Exception):
    """Base of every error that `trm-edu` prints as one line before it exits with status 2."""


class PuzzleError(TrmEduError, ValueError):
    """A puzzle that cannot be read or breaks its own rules: wrong length, foreign characters, contradicting clues.

    cells: those that are to blame, counted from 0 in reading order; empty if there are none or nobody knows them.
    """

    def __init__(self, *args: object, cells: Iterable[SupportsInt] = ()) -> None:
        super().__init__(*args)
        self.cells: tuple[int, ...] = tuple(int(cell) for cell in cells)


class DataError(TrmEduError, ValueError):
    """A data set, file or name that is missing or malformed."""


class CheckpointError(TrmEduError, ValueError):
    """A weights file that is damaged, foreign, or made for another task."""


class RecipeError(TrmEduError, ValueError):
    """A recipe name or a setting that does not exist or cannot work."""
