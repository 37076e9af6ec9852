"""What the compiled parts of the tasks share: how they are compiled and called, and their random numbers.

Import it only where it is used: it imports numba. Kernels carry no type hints: numba finds the types itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import no_type_check

import numba
import numpy as np

_KERNELS: list[Callable] = []


def kernel(function):
    """Compile on the first call, without the GIL; keep the machine code on disk if that is possible."""
    try:
        compiled = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba found no folder it may write to: compile in every process instead
        compiled = numba.njit(nogil=True)(function)
    _KERNELS.append(compiled)
    return compiled


def run(compiled: Callable, *arguments: object) -> None:
    """Call a kernel; if its machine code cannot be stored (full disk, used-up quota), go on without storing it."""
    try:
        compiled(*arguments)
    except OSError:
        for each in _KERNELS:
            each._cache.disable()
        compiled(*arguments)


@kernel
@no_type_check
def next_random(state):
    """SplitMix64 (Steele, Lea, Flood 2014): the state moves on by a constant, the output is a mix of it."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    x = state[0]
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@kernel
@no_type_check
def start_stream(state, seed, number):
    """Puzzle k of a seed has a stream of its own, so that it is the same however many are asked for."""
    state[0] = seed
    state[0] = next_random(state) ^ (np.uint64(number) * np.uint64(0xD1342543DE82EF95))


@kernel
@no_type_check
def below(state, bound):
    """A whole number in [0, bound). The bias of the remainder is below bound / 2**63."""
    return np.int64(next_random(state) >> np.uint64(1)) % bound


@kernel
@no_type_check
def uniform(state):
    """A number in [0, 1)."""
    return np.float64(next_random(state) >> np.uint64(11)) * 2.0**-53
