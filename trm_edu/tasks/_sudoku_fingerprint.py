"""Hashes of Sudoku puzzles that do not change under the symmetries, vectorised in numpy."""

from __future__ import annotations

import numpy as np
from jaxtyping import Integer, UInt64


def _hash(x: UInt64[np.ndarray, "*shape"], salt: int) -> UInt64[np.ndarray, "*shape"]:
    """Scramble 64-bit numbers (an xor-shift-multiply mixer); other salts give unrelated numbers."""
    x = x + np.uint64(salt * 0x9E3779B97F4A7C15 % 2**64)
    x = (x ^ (x >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    x = (x ^ (x >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return x ^ (x >> np.uint64(32))


def _refine_upright(
    tokens: Integer[np.ndarray, "N L"], box_rows: int, box_cols: int, rounds: int
) -> UInt64[np.ndarray, " N"]:
    """The hash without transposition."""
    side = box_rows * box_cols
    shape = (len(tokens), box_cols, box_rows, box_rows, box_cols)  # N, band, row in it, stack, column in it
    index = tokens.astype(np.intp)
    holders = [tokens == token for token in range(2, side + 2)]
    cells = (tokens > 1).astype(np.uint64).reshape(shape)
    for _ in range(rounds):
        cells = _hash(cells, 1)
        row = _hash(cells.sum((3, 4), keepdims=True), 2)
        column = _hash(cells.sum((1, 2), keepdims=True), 3)
        box = _hash(cells.sum((2, 4), keepdims=True), 4)
        band, stack = _hash(row.sum(2, keepdims=True), 5), _hash(column.sum(4, keepdims=True), 6)
        flat = cells.reshape(tokens.shape)
        digit = np.zeros((len(tokens), side + 2), np.uint64)
        for token, held in enumerate(holders, start=2):
            digit[:, token] = _hash(np.where(held, flat, np.uint64(0)).sum(1), 7)
        seen = np.take_along_axis(digit, index, axis=1).reshape(shape)
        around = _hash(row ^ _hash(band, 8), 9) + _hash(column ^ _hash(stack, 10), 11)
        cells = cells + around + _hash(box, 12) + _hash(seen, 13)
    return _hash(_hash(cells, 14).reshape(tokens.shape).sum(1), 15)


def refine(
    tokens: Integer[np.ndarray, "N L"], box_rows: int, box_cols: int, rounds: int = 4
) -> UInt64[np.ndarray, " N"]:
    """Colour refinement (Weisfeiler and Leman 1968) of every puzzle, summed up in 64 bits.

    A cell starts as clue or blank. In each round it takes in the colours of its row and band, column and stack,
    box, and of all cells with its digit. Each of these is a sum, which is blind to order. Where boxes are square,
    the smaller of the two hashes of the grid and its transpose counts.
    """
    side = box_rows * box_cols
    prints = np.zeros(len(tokens), np.uint64)
    for start in range(0, len(tokens), 4096):  # bounds the memory that the steps between need
        part = tokens[start : start + 4096]
        hashes = _refine_upright(part, box_rows, box_cols, rounds)
        if box_rows == box_cols:
            flipped = part.reshape(-1, side, side).transpose(0, 2, 1).reshape(part.shape)
            hashes = np.minimum(hashes, _refine_upright(flipped, box_rows, box_cols, rounds))
        prints[start : start + 4096] = hashes
    return prints
