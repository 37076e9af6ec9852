"""The words of the checks: what they compare, what they say, and what a notebook shows of it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from trm_edu.checks import WrongAnswer
from trm_edu.checks.teacher import NOTHING, Mistake, first_difference, judge, kind, passed, refuse, run, same, show

SQUARED = Mistake("squared", 9, "You squared the number.", "Twice x is x + x.")


def refused(*arguments: Any, **named: Any) -> WrongAnswer:
    with pytest.raises(WrongAnswer) as caught:
        judge(*arguments, **{"given": "double(3)", "where": "Try it by hand."} | named)
    return caught.value


def test_a_message_says_what_then_where_then_both_values() -> None:
    error = refused(9, 6, mistakes=[SQUARED])
    assert error.mistake == "squared"
    assert str(error) == (
        "You squared the number.\nTwice x is x + x.\n\n  given     double(3)\n  yours     9\n  expected  6"
    )


def test_an_unknown_mistake_says_so_and_still_shows_the_values() -> None:
    error = refused(7, 6, mistakes=[SQUARED])
    assert (error.mistake, error.what, error.where) == (
        "other",
        "The result is not the expected one.",
        "Try it by hand.",
    )
    assert "yours     7" in str(error)
    assert refused(7, 6, what="It is not twice.").what == "It is not twice."


def test_a_right_answer_is_let_through_even_if_a_mistake_leads_to_it_as_well() -> None:
    judge(4, 4, given="double(2)", where="", mistakes=[SQUARED._replace(value=4)])


def test_the_first_mistake_that_fits_is_named() -> None:
    assert refused(9, 6, mistakes=[SQUARED, SQUARED._replace(name="later")]).mistake == "squared"


def test_nothing_returned_another_kind_another_shape() -> None:
    none = refused(None, 6)
    assert none.mistake == "nothing-returned" and "return" in none.where and "yours     None" in str(none)
    other = refused([6], np.array([6]))
    assert other.mistake == "other-kind" and other.what == "Your function returned a list; an array was expected."
    assert refused("6", 6).what == "Your function returned text; a number was expected."
    shape = refused(torch.zeros(3, 2), torch.zeros(2, 3))
    assert shape.mistake == "shape" and shape.what == "The shape is [3, 2]; [2, 3] was expected."


def test_a_mistake_of_another_shape_or_kind_is_named_before_the_shape_is() -> None:
    turned = Mistake("turned", torch.zeros(3, 2), "It lies on its side.", "Turn it back.")
    assert refused(torch.zeros(3, 2), torch.zeros(2, 3), mistakes=[turned]).mistake == "turned"
    nothing = Mistake("printed", None, "It was printed.", "Return it.")
    assert refused(None, 6, mistakes=[nothing]).mistake == "printed"


def test_the_tolerance_is_absolute_below_one_and_relative_above() -> None:
    judge(1e-7, 0.0, given="", where="")
    judge(1000.0005, 1000.0, given="", where="")
    assert refused(1e-5, 0.0).mistake == "other"
    assert refused(1000.01, 1000.0).mistake == "other"
    judge(1.01, 1.0, given="", where="", tolerance=0.1)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 1.0),
        (True, 1),
        (torch.tensor(2.0), 2),
        (np.float32(0.5), 0.5),
        (torch.tensor([1, 2]), torch.tensor([1.0, 2.0])),
        (torch.tensor([1.0], requires_grad=True), torch.tensor([1.0])),
        (torch.tensor([True, False]), torch.tensor([1, 0])),
        (np.array([np.nan, np.inf]), np.array([np.nan, np.inf])),
        ((1, 2), [1, 2]),
        ({"a": torch.zeros(2)}, {"a": torch.zeros(2)}),
        ("x", "x"),
        (None, None),
        (torch.tensor([1.0], dtype=torch.bfloat16), torch.tensor([1.0])),
    ],
)
def test_the_same(a: Any, b: Any) -> None:
    assert same(a, b) and same(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 2),
        (1, "1"),
        (None, 0),
        (torch.zeros(2), np.zeros(2)),
        (np.zeros(2), [0, 0]),
        (torch.zeros(1), 0),
        (torch.zeros(1, 2), torch.zeros(2)),
        (np.array([np.nan]), np.array([0.0])),
        ([1, 2], [1, 2, 3]),
        ([1, 2], [1, 3]),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 2}),
        ("x", "y"),
    ],
)
def test_not_the_same(a: Any, b: Any) -> None:
    assert not same(a, b) and not same(b, a)


def test_kinds() -> None:
    values = [torch.zeros(2), np.zeros(2), torch.tensor(1), np.float64(1), True, 2, "x", {}, [], (), None, SQUARED]
    names = "tensor array number number number number text dictionary list list NoneType list"
    assert " ".join(kind(value) for value in values) == names


def test_values_are_shown_short() -> None:
    assert show(torch.tensor([[1.0, 2.5], [1 / 3, -1e-9]])) == "[2, 2] [[1, 2.5], [0.3333, -1e-09]]"
    assert show(np.array([True, False])) == "[2] [1, 0]"
    assert show([torch.tensor(3), "a"]) == "[3, 'a']" and show((1, None)) == "(1, None)"
    assert show({"k": 0.123456}) == "{'k': 0.1235}"
    assert show(float("nan")) == "nan" and show(1e9) == "1e+09" and show(True) == "True"
    long = show(np.arange(1000))
    assert len(long) == 240 and long.endswith(" ...")


def test_long_arrays_say_where_they_part() -> None:
    a, b = np.zeros((4, 4)), np.zeros((4, 4))
    b[1, 2] = b[3, 3] = 5
    assert first_difference(a, b) == "2 of 16 numbers; first at [1, 2]: yours 0, expected 5"
    assert "differ    2 of 16" in str(refused(a, b))
    assert first_difference(a[:1, :4], b[:1, :4]) == ""  # short ones can be read
    assert first_difference(a, b[:2]) == "" and first_difference(a, "text") == "" and first_difference(a, a) == ""
    assert first_difference(NOTHING, NOTHING) == ""


def test_run_hands_copies_over_and_refuses_a_changed_input() -> None:
    def clears(values: torch.Tensor, *, other: list[int]) -> int:
        other.append(1)
        return len(values)

    given = [1, 2]
    with pytest.raises(WrongAnswer) as caught:
        run(clears, torch.zeros(3), other=given)
    assert caught.value.mistake == "input-changed" and given == [1, 2]
    assert "given     [1, 2]" in str(caught.value) and "yours     [1, 2, 1]" in str(caught.value)
    assert run(lambda a, b: a - b, 5, b=3) == 2


def test_run_lets_what_belongs_to_something_else_through_as_it_is() -> None:
    weight = torch.ones(2, requires_grad=True)
    run(lambda f, w: f(w).sum().backward(), torch.nn.Identity(), weight)
    assert weight.grad is not None
    run(lambda optimizer: optimizer.step(), torch.optim.SGD([weight], lr=1.0))
    assert weight.tolist() == [0.0, 0.0]
    generator = torch.Generator().manual_seed(0)
    run(lambda g: torch.rand(1, generator=g), generator)
    assert torch.rand(1, generator=generator) != torch.rand(1, generator=torch.Generator().manual_seed(0))


def test_errors_of_the_learner_s_own_are_let_through() -> None:
    def unfinished() -> None:
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        run(unfinished)
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 / 0)


def test_refuse_and_passed(capsys) -> None:
    with pytest.raises(WrongAnswer) as caught:
        refuse("name", "What.", "Where.")
    assert str(caught.value) == "What.\nWhere."  # no values, no empty rows
    passed("double", "1 and 2 were doubled", "0 stayed 0")
    assert capsys.readouterr().out == "double: right. 1 and 2 were doubled; 0 stayed 0\n"


def test_a_notebook_shows_the_message_and_no_traceback(capsys) -> None:
    shell = InteractiveShell()
    shell.run_cell("from trm_edu.checks.teacher import refuse\nrefuse('name', 'It is wrong.', 'Look there.', yours=3)")
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert shown.strip().splitlines() == ["Not yet. It is wrong.", "Look there.", "", "  yours     3"]
