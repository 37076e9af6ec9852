"""trm_edu: the Tiny Recursive Model and its relatives, small enough to read.

The names in `__all__` are loaded when they are first used, so `import trm_edu` itself costs nothing.
A module whose main function bears its own name keeps that name for itself: `from trm_edu.solve import solve`.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

# Exported name -> the module it lives in. None of these names may equal a module's: importing that module would
# overwrite the name, and `trm_edu.solve` would mean one thing before the import and another after it.
_EXPORTS = {
    "TrmEduError": "errors",
    "PuzzleError": "errors",
    "DataError": "errors",
    "CheckpointError": "errors",
    "RecipeError": "errors",
    "PuzzleSet": "tasks",
    "Task": "tasks",
    "get_task": "tasks",
    "register_task": "tasks",
    "task_names": "tasks",
    "load_puzzles": "data",
    "ModelConfig": "interface",
    "TRM": "trm",
    "HRM": "hrm",
    "HRMConfig": "hrm",
    "Direct": "direct",
    "load_model": "checkpoints",
}

__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> object:
    """Load an exported name on first use (PEP 562)."""
    if name not in _EXPORTS:
        raise AttributeError(f"module 'trm_edu' has no attribute {name!r}; it exports {', '.join(_EXPORTS)}")
    value = getattr(import_module(f"trm_edu.{_EXPORTS[name]}"), name)
    globals()[name] = value  # the next access finds it at once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
