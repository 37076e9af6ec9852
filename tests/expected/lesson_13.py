"""Lesson 13: for each exercise, how to compute what its text says is expected."""

from __future__ import annotations

import numpy as np
import torch

t = torch.tensor

EXPECTED = {
    ("13", "read_answer"): [
        (lambda f: f(np.array([3, 2, 1, 4, 1, 1, 5, 6, 0]), 3), np.array([[1], [2], [3]]), "gives `[[1], [2], [3]]`")
    ],
    ("13", "augment_task"): [
        (
            lambda f: f([(np.array([[1, 0, 2]]), np.array([[1]]))], False, 1, [2, 3, 4, 5, 6, 7, 8, 9, 1])[0][0],
            np.array([[3], [0], [2]]),
            "becomes `[[3], [0], [2]]`",
        )
    ],
    ("13", "undo_augmentation"): [
        (
            lambda f: f(np.array([[3], [0], [2]]), False, 1, [2, 3, 4, 5, 6, 7, 8, 9, 1]),
            np.array([[1, 0, 2]]),
            "becomes `[[1, 0, 2]]`",
        )
    ],
    ("13", "vote"): [
        (
            lambda f: [
                (int(g[0, 0]), n, p)
                for g, n, p in f(
                    [np.array([[k]]) for k in (1, 2, 1, 2, 3)], [0] * 5, [0.6, 0.9, 0.2, 0.8, 0.99], lambda g, _: g
                )
            ],
            [(2, 2, 0.85), (1, 2, 0.4), (3, 1, 0.99)],
            "give b with 2 votes and mean 0.85, then a with 2 and 0.4, then c with 1 and 0.99",
        )
    ],
    ("13", "pass_at_2"): [
        (
            lambda f: f(
                {"P": [[np.array([[1]])], [np.array([[2]])]], "Q": [[np.array([[3]])]]},
                {"P": [np.array([[1]]), np.array([[9]])], "Q": [np.array([[3]])]},
            ),
            0.75,
            "give 0.75",
        )
    ],
    ("13", "sparse_sign_sgd"): [
        (
            lambda f: f(t([[1.0, 1], [2, 2], [3, 3]]), t([2, 0, 2]), t([[4.0, -1], [0, 5], [-1, -2]]), 0.1, 1.0),
            t([[0.9, 0.8], [2, 2], [2.6, 2.8]]),
            "give `[0.9, 0.8]`, `[2, 2]`, `[2.6, 2.8]`",
        )
    ],
    ("13", "find_leak"): [
        (
            lambda f: sorted(
                f(
                    {
                        k: [(np.array([[i]]), np.array([[i]])) for i in v]
                        for k, v in {"p": [1], "r": [2, 3], "s": [2]}.items()
                    },
                    {k: [(np.array([[i]]), np.array([[i]])) for i in v] for k, v in {"p": [4], "q": [3, 2]}.items()},
                )
            ),
            ["p", "r"],
            '`["p", "r"]`',
        )
    ],
}
