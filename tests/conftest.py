"""Fixtures that every test may use, and the enforcement of the shapes and types that the library states."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import jaxtyping
import numpy as np
import pytest
import torch
from jaxtyping import install_import_hook

REPOSITORY = Path(__file__).resolve().parent.parent


def checked_modules() -> list[str]:
    """The modules whose annotations are enforced while the tests run: all but the package of tasks.

    Tasks take what users type. They refuse wrong shapes in words of their own, which their tests want to hear, and
    numba compiles their inner loops and cannot look through a type checker's wrapper.
    """
    names = sorted(path.stem for path in (REPOSITORY / "trm_edu").glob("*.py"))
    return [f"trm_edu.{name}" for name in [*names, "plots", "widgets"] if name != "__init__"]


# It must stand before the first import of trm_edu, hence here and not in a fixture.
# An int may stand where a float is asked for, as everywhere in Python.
install_import_hook(checked_modules(), "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")


# The same examples in every run: a test that is red for one person is red for all. Whoever wants new examples types
# `pytest --hypothesis-profile=default`.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder with pyproject.toml."""
    return REPOSITORY


@pytest.fixture(scope="session", autouse=True)
def few_threads() -> None:
    """At most two threads: more of them on contended cores make small tensors slower, not faster."""
    torch.set_num_threads(min(2, torch.get_num_threads()))


@pytest.fixture(autouse=True)
def same_seed_every_time() -> None:
    """A test alone and a test among others see the same random numbers."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real puzzles. Unset is a reason to skip; set to something that is no folder is a mistake."""
    folder = os.environ.get("TRM_EDU_DATA")
    if not folder:
        pytest.skip("TRM_EDU_DATA is not set; point it at a folder of real puzzles to run this test")
    if not Path(folder).is_dir():
        pytest.fail(f"TRM_EDU_DATA is {folder!r}, which is not a folder; unset it or point it at the puzzles")
    return Path(folder)


@pytest.fixture
def unchecked_types() -> Iterator[None]:
    """A learner runs the library without the type checker of the tests: it must refuse wrong input by itself."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is handed to IPython's display."""
    caught: list[Any] = []
    monkeypatch.setattr("IPython.display.display", lambda *objects, **_: caught.extend(objects))
    return caught
