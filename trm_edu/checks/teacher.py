"""How a check tries an answer, compares, and speaks. The checks of the lessons are written with these few words.

    def double(answer):
        for x in (1, 2):
            judge(
                run(answer, x),
                2 * x,
                given=f"double({x})",
                mistakes=[Mistake("squared", x**2, "You squared the number.", "Twice x is x + x.")],
                where="Try it by hand with 1 and with 2.",
            )
        passed("double", "1 and 2 were doubled")

The order of the cases matters: on its first case a mistake should differ from the right answer and from every other
mistake. A `NotImplementedError`, or any other error of the learner's own code, is let through as it is: its traceback
shows the line.
"""

from __future__ import annotations

import copy
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

LONGEST = 240  # characters of a value in a message
NOTHING = object()  # "there is no such value", since None is one that people return


class WrongAnswer(AssertionError):
    """An answer that a check refused.

    mistake: a short name of what seems to have gone wrong; "other" if the check does not know. what: one line that
    says it. where: one line on where to look. Below, as far as they are there: `given`, `yours` and `expected`.
    """

    def __init__(
        self,
        mistake: str,
        what: str,
        where: str,
        *,
        given: str | None = None,
        yours: Any = NOTHING,
        expected: Any = NOTHING,
    ) -> None:
        self.mistake, self.what, self.where = mistake, what, where
        rows = [("given", given)] if given is not None else []
        rows += [(name, show(v)) for name, v in (("yours", yours), ("expected", expected)) if v is not NOTHING]
        if difference := first_difference(yours, expected):
            rows.append(("differ", difference))
        lines = [f"  {name:<9} {text}" for name, text in rows]
        super().__init__("\n".join([what, where, *([""] if lines else []), *lines]))

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the message alone. The inside of a check would only distract."""
        first, *rest = str(self).splitlines()
        return [f"\x1b[31;1mNot yet.\x1b[0m {first}", *rest]


class Mistake(NamedTuple):
    """A mistake that people make, and the value to which it leads in the case at hand."""

    name: str
    value: Any
    what: str
    where: str


def refuse(mistake: str, what: str, where: str, **values: Any) -> None:
    """Raise `WrongAnswer`: for a check that found out in its own way (`given`, `yours`, `expected` as there)."""
    raise WrongAnswer(mistake, what, where, **values)


def passed(name: str, *tried: str) -> None:
    """Say that an answer is right, and what was tried."""
    print(f"{name}: right. " + "; ".join(tried))


def run(function: Callable, *arguments: Any, **named: Any) -> Any:
    """Call the learner's function with copies of the arguments; refuse it if it changes one of them.

    Functions, networks, optimizers and random generators are handed over as they are: they are there to be used.
    """
    given = [copied(value) for value in (*arguments, *named.values())]
    result = function(*given[: len(arguments)], **dict(zip(named, given[len(arguments) :], strict=True)))
    for before, after in zip((*arguments, *named.values()), given, strict=True):
        if not callable(before) and not same(after, before):
            refuse(
                "input-changed",
                "Your function changed what it was given.",
                "Make a copy first (`.copy()` or `.clone()`), or build a new value: the caller needs the old one.",
                given=show(before),
                yours=after,
            )
    return result


def copied(value: Any) -> Any:
    """A copy that can be changed. What belongs to something else stays what it is: an optimizer to its weights, a
    tensor to its graph."""
    belongs = isinstance(value, torch.optim.Optimizer | torch.Generator)
    if callable(value) or belongs or (isinstance(value, torch.Tensor) and value.requires_grad):
        return value
    return copy.deepcopy(value)


def judge(
    yours: Any,
    expected: Any,
    *,
    given: str,
    where: str,
    mistakes: Iterable[Mistake] = (),
    what: str = "The result is not the expected one.",
    tolerance: float = 1e-6,
) -> None:
    """Compare a result with the expected one; if it differs, say which mistake it looks like.

    given: the call in words. where: what to look at if no mistake fits. tolerance: how far numbers may be apart,
    absolutely, and relative to the expected number if that is above 1.
    """
    if same(yours, expected, tolerance):
        return
    shown = {"given": given, "yours": yours, "expected": expected}
    for mistake in mistakes:
        if same(yours, mistake.value, tolerance):
            refuse(mistake.name, mistake.what, mistake.where, **shown)
    if yours is None:
        refuse(
            "nothing-returned", "Your function returned None.", "Does every way through it end in `return`?", **shown
        )
    if kind(yours) != kind(expected):
        what = f"Your function returned {article(kind(yours))}; {article(kind(expected))} was expected."
        refuse("other-kind", what, "Compare with the first line of the stub: it names what comes back.", **shown)
    if kind(expected) in ("tensor", "array") and tuple(yours.shape) != tuple(expected.shape):
        what = f"The shape is {list(yours.shape)}; {list(expected.shape)} was expected."
        refuse("shape", what, where, **shown)
    refuse("other", what, where, **shown)


def judge_verdicts(
    answer: Callable,
    cases: Sequence[tuple],
    right: Callable[..., bool],
    rules: Mapping[str, tuple[Callable[..., bool], str, str]],
    *,
    given: Callable[..., str],
    what: Callable[[bool], str],
    where: str,
) -> int:
    """Compare the yes or no of a function with that of `right`, case by case; return how many of them are a yes.

    A single yes or no tells no mistake from another: one is recognised by its verdicts on all cases together.
    rules: of each mistake its own verdict on a case, and its two sentences. given: the call in words. what: what is
    wrong with a verdict where no mistake fits, by the right one.
    """
    yours = [run(answer, *case) for case in cases]
    expected = [right(*case) for case in cases]
    said = [bool(value) if kind(value) == "number" else None for value in yours]
    for case, value, mine, theirs in zip(cases, yours, said, expected, strict=True):
        if mine == theirs:
            continue
        for name, (rule, *sentences) in rules.items():
            if said == [bool(rule(*case)) for case in cases]:
                refuse(name, *sentences, given=given(*case), yours=value, expected=theirs)
        judge(value, theirs, given=given(*case), what=what(theirs), where=where)
    return sum(expected)


def kind(value: Any) -> str:
    """What sort of thing a value is, in a learner's words. A tensor or array without axes is a number."""
    if isinstance(value, torch.Tensor | np.ndarray) and value.ndim == 0:
        return "number"
    kinds = {
        torch.Tensor: "tensor",
        np.ndarray: "array",
        bool | np.bool_: "number",
        numbers.Number: "number",
        str: "text",
        dict: "dictionary",
        list | tuple: "list",
    }
    return next((name for cls, name in kinds.items() if isinstance(value, cls)), type(value).__name__)


def article(name: str) -> str:
    """'a tensor', 'an array'; text goes without."""
    return name if name == "text" else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def same(a: Any, b: Any, tolerance: float = 1e-6) -> bool:
    """Whether two values are equal: of one kind, of one shape, and their numbers within the tolerance.

    Lists and tuples of values count as equal if their parts do. Number formats (float32, float64) are not compared.
    """
    if kind(a) != kind(b):
        return False
    if kind(a) in ("tensor", "array", "number"):
        first, second = as_array(a), as_array(b)
        if first.shape != second.shape:
            return False
        return bool(np.allclose(first, second, rtol=tolerance, atol=tolerance, equal_nan=True))
    if kind(a) == "dictionary":
        return a.keys() == b.keys() and all(same(a[key], b[key], tolerance) for key in a)
    if kind(a) == "list":
        return len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def as_array(value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        value = value.detach().to("cpu", torch.float64 if value.is_floating_point() else value.dtype).numpy()
    array = np.asarray(value)
    return array if array.dtype.kind == "c" else array.astype(np.float64)


def show(value: Any) -> str:
    """A value on one line, short: numbers with four digits, the shape before a tensor or array."""
    if isinstance(value, torch.Tensor | np.ndarray) and value.ndim:
        text = f"{list(value.shape)} {numbers_of(as_array(value).tolist())}"
    elif kind(value) == "number":
        text = numbers_of(value.item() if hasattr(value, "item") else value)
    elif kind(value) == "list":
        left, right = "[]" if isinstance(value, list) else "()"
        text = left + ", ".join(map(show, value)) + right
    elif kind(value) == "dictionary":
        text = "{" + ", ".join(f"{key!r}: {show(v)}" for key, v in value.items()) + "}"
    else:
        text = repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 4] + " ..."


def numbers_of(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(numbers_of, value)) + "]"
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return f"{value:.4g}" if value != int_or_none(value) else str(int(value))


def int_or_none(value: float) -> int | None:
    return int(value) if np.isfinite(value) and abs(value) < 1e6 else None


def first_difference(yours: Any, expected: Any) -> str:
    """Where two long arrays of one shape part, and how often; "" if they are short or cannot be compared."""
    if not {kind(yours), kind(expected)} <= {"tensor", "array"}:
        return ""
    first, second = as_array(yours), as_array(expected)
    if first.shape != second.shape or first.size <= 12:
        return ""
    differ = ~np.isclose(first, second, rtol=1e-6, atol=1e-6, equal_nan=True)
    if not differ.any():
        return ""
    at = tuple(int(i) for i in np.argwhere(differ)[0])
    values = f"yours {numbers_of(float(first[at]))}, expected {numbers_of(float(second[at]))}"
    return f"{differ.sum()} of {differ.size} numbers; first at {list(at)}: {values}"
