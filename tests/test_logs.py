"""The log of a run: every row is on the disk at once, a kill costs half a line at most, what is no log is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from trm_edu.errors import DataError, RecipeError
from trm_edu.logs import Log, RunLog, continuous, load_run, read_log
from trm_edu.recipes import Recipe

RECIPE = Recipe(name="tiny", steps=60, seed=3).as_dict()
START = {"step": 0, "recipe": RECIPE, "training": "some", "held_out": "others", "device": "a processor"}
SCORE = {"exact": [0.1, 0.2, 0.3, 0.4, 0.5], "interval": [0.3, 0.7], "count": 10}


def write_run(log: Log, steps: tuple[int, ...] = (20, 40)) -> None:
    log.write("start", **START)
    for step in steps:
        log.write("step", step=step, seconds=step / 10, loss=1.0 / step, halt=0.25)


def steps_in(rows: list[dict[str, Any]]) -> list[int]:
    return [row["step"] for row in rows if row["kind"] == "step"]


# --- writing --------------------------------------------------------------------------------------------------------


def test_every_row_is_in_the_file_in_memory_and_told_at_once(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    with Log(tmp_path / "runs" / "a", told.append) as log:
        for i, step in enumerate((20, 40), start=1):
            log.write("step", step=step, seconds=1.0, loss=0.5)
            lines = (tmp_path / "runs" / "a" / "log.jsonl").read_text().splitlines()
            assert [json.loads(line) for line in lines] == log.rows == told and len(told) == i


def test_a_closed_log_takes_no_row_and_may_be_closed_again(tmp_path: Path) -> None:
    with Log(tmp_path, None) as log:
        write_run(log)
    with pytest.raises(ValueError, match="closed file"):
        log.write("step", step=60)
    log.close()
    assert len(read_log(tmp_path)) == 3


def test_without_a_folder_rows_are_kept_in_memory() -> None:
    with Log(None, None) as log:
        write_run(log)
    assert steps_in(log.rows) == [20, 40]


def test_a_resumed_log_goes_on_behind_the_step_that_was_saved(tmp_path: Path) -> None:
    with Log(tmp_path, None) as log:
        write_run(log, (20, 40, 60))
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"kind": "step", "st')
    with Log(tmp_path, None, keep_to=40) as log:
        assert steps_in(log.rows) == [20, 40]
        log.write("resume", step=40, recipe=RECIPE)
        log.write("step", step=60, seconds=7.0, loss=0.1)
    assert read_log(tmp_path) == log.rows
    assert [row["kind"] for row in log.rows] == ["start", "step", "step", "resume", "step"]


def test_a_new_run_in_an_old_folder_begins_a_new_log(tmp_path: Path) -> None:
    for steps in ((20, 40, 60), (20,)):
        with Log(tmp_path, None) as log:
            write_run(log, steps)
    assert steps_in(read_log(tmp_path)) == [20]


def test_a_kill_while_a_log_is_shortened_leaves_it_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Log(tmp_path, None) as log:
        write_run(log)
    before = (tmp_path / "log.jsonl").read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        Log(tmp_path, None, keep_to=20)
    assert (tmp_path / "log.jsonl").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


# --- TensorBoard ----------------------------------------------------------------------------------------------------


def board(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows: tag -> (step, value)."""
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_shows_the_numbers_of_the_log(tmp_path: Path) -> None:
    with Log(tmp_path, None, tensorboard=True) as log:
        write_run(log, (20,))
        log.write("step", step=40, seconds=4.5, loss=0.5, halt=0.25, grad_norm=2.0)
        log.write("eval", step=40, seconds=5.0, **SCORE)
        shown = board(tmp_path)  # while the run goes on
        log.write("end", step=60, seconds=8.0, train_seconds=7.0, **SCORE | {"exact": [0.25, 0.75]})
    assert shown == {
        "loss": [(20, pytest.approx(0.05)), (40, 0.5)],
        "halt": [(20, 0.25), (40, 0.25)],
        "grad_norm": [(40, 2.0)],
        "seconds": [(20, 2.0), (40, 4.5), (40, 5.0)],
        "exact/step_1": [(40, pytest.approx(0.1))],
        "exact/step_4": [(40, pytest.approx(0.4))],
        "exact/step_last": [(40, pytest.approx(0.5))],
    }
    end = board(tmp_path)
    assert (end["exact_all/step_1"], end["exact_all/step_last"]) == ([(60, 0.25)], [(60, 0.75)])
    assert "exact_all/step_4" not in end, "there were two steps"


@pytest.mark.parametrize(("keep_to", "left"), [(40, [20, 40, 50]), (None, [50])])
def test_tensorboard_forgets_what_the_log_forgets(tmp_path: Path, keep_to: int | None, left: list[int]) -> None:
    with Log(tmp_path, None, tensorboard=True) as log:
        write_run(log, (20, 40, 60))
    with Log(tmp_path, None, keep_to, tensorboard=True) as log:
        log.write("step", step=50, seconds=5.0, loss=0.1)
    assert [step for step, _ in board(tmp_path)["loss"]] == left == steps_in(log.rows)


def test_without_the_package_one_line_says_what_to_type_and_the_log_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Log(tmp_path, None) as log:
        write_run(log)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(RecipeError, match=r'type pip install "trm-edu\[tensorboard\]"$'):
        Log(tmp_path, None, tensorboard=True)
    assert len(read_log(tmp_path)) == 3


def test_tensorboard_needs_a_folder() -> None:
    with pytest.raises(RecipeError, match="tensorboard is True, but the run has no folder"):
        Log(None, None, tensorboard=True)


def test_tensorboard_is_not_imported_by_a_run_without_it(repository: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from trm_edu.logs import Log\n"
        f"with Log(Path({str(tmp_path)!r}), None) as log:\n    log.write('step', step=1)\n"
        "print([name for name in ('tensorboard', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("[]\n", "")


# --- reading --------------------------------------------------------------------------------------------------------


def test_a_folder_and_its_file_are_read_alike_without_the_half_line(tmp_path: Path) -> None:
    with Log(tmp_path, None) as log:
        write_run(log)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"kind": "step", "step": 60}')  # complete to the eye, but its end of line is not there yet
    assert read_log(tmp_path) == read_log(str(tmp_path / "log.jsonl")) == log.rows


FIRST = json.dumps({"kind": "start", **START}) + "\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no whole row"),
        (b'{"kind": "st', "has no whole row"),
        (b"\x89PNG\r\n", "is no log of a run: 'utf-8' codec"),
        (b"a log\n", "line 1 is no row of a run: Expecting value"),
        (b"[1, 2]\n", "line 1 is no row of a run: it must be a JSON object with a kind, not '[1, 2]'"),
        (b'{"text": "a"}\n', "line 1 is no row of a run: it must be a JSON object with a kind"),
        (b'{"kind": "start"}\n', "line 1 is no row of a run: kind 'start' without recipe, training, held_out"),
        (
            FIRST.encode() + b'{"kind": "step", "step": 1}\n',
            "line 2 is no row of a run: kind 'step' without seconds, ",
        ),
        (FIRST.encode() + b"\n", "line 2 is no row of a run"),
        (b'{"kind": "resume", "recipe": {}, "step": 5}\n', "begins with a row of kind 'resume'"),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_log(path)
    assert said in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_run_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist; give the folder of a run"):
        read_log(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is a folder without log.jsonl"):
        read_log(tmp_path)


def test_a_kind_that_came_later_is_passed_over(tmp_path: Path) -> None:
    with Log(tmp_path, None) as log:
        write_run(log)
        log.write("note", text="of a later version")
        log.write("step", step=60, seconds=6.0, loss=0.1)
    assert load_run(tmp_path).steps == 60


@pytest.mark.parametrize("name", ["sudoku6", "sudoku9"])
def test_committed_logs_are_read(name: str, repository: Path) -> None:
    path = repository / "benchmarks" / "results" / f"{name}.jsonl"
    run = load_run(path)
    assert (run.path, run.seed, run.finished, run.resumed) == (path, 0, True, [])
    assert run.steps == run.recipe["steps"] and run.seconds == run.rows[-1]["train_seconds"]
    assert run.recipe["save_every"] == 500, "a setting that is younger than the log has its default"


# --- one run --------------------------------------------------------------------------------------------------------


def rows_of(*rows: tuple[str, int, float]) -> list[dict[str, Any]]:
    """A start and (kind, step, seconds); an end has its final evaluation three seconds later."""
    more = {"step": {"loss": 1.0}, "eval": SCORE, "end": SCORE, "resume": {"recipe": RECIPE}}
    made = [{"kind": kind, "step": step, "seconds": seconds, **more[kind]} for kind, step, seconds in rows]
    for row in made:
        if row["kind"] == "end":
            row |= {"train_seconds": row["seconds"], "seconds": row["seconds"] + 3}
        if row["kind"] == "resume":
            del row["seconds"]
    return [{"kind": "start", **START}, *made]


def places(rows: list[dict[str, Any]]) -> list[tuple[str, int, float | None]]:
    return [(row["kind"], row["step"], row.get("seconds")) for row in rows[1:]]


def test_a_run_as_its_log_tells_it() -> None:
    run = RunLog.of(rows_of(("step", 20, 2.0), ("eval", 20, 2.5), ("step", 40, 4.0), ("end", 40, 4.0)))
    assert (run.name, run.seed, run.steps, run.seconds, run.finished) == ("tiny", 3, 40, 4.0, True)
    assert [row["kind"] for row in run.scores] == ["eval", "end"] and [row["step"] for row in run.losses] == [20, 40]
    begun = RunLog.of(rows_of())
    assert (begun.steps, begun.seconds, begun.finished, begun.scores, begun.losses) == (0, 0.0, False, [], [])


def test_an_end_that_was_gone_beyond_is_no_final_score() -> None:
    run = RunLog.of(rows_of(("step", 20, 2.0), ("end", 20, 2.0), ("resume", 20, 0.0), ("step", 40, 4.0)))
    assert not run.finished and run.scores == [] and run.resumed == [20]
    assert run.seconds == 4.0, "the final evaluation of the first end is no reason to shift the clock"


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ([("step", 60, 6.5), ("step", 80, 8.5)], [6.5, 8.5]),  # what train writes
        ([("step", 60, 2.5), ("step", 80, 4.5)], [6.5, 8.5]),  # a clock that began anew
    ],
)
def test_a_resumed_run_has_one_clock_and_each_step_once(after: list[tuple], seconds: list[float]) -> None:
    written = rows_of(("step", 20, 2.0), ("step", 40, 4.0), ("step", 60, 6.0), ("resume", 40, 0.0), *after)
    rows = places(continuous(written))
    assert [(kind, step) for kind, step, _ in rows] == [
        ("step", 20), ("step", 40), ("resume", 40), ("step", 60), ("step", 80),
    ]  # fmt: skip
    assert [second for *_, second in rows] == [2.0, 4.0, None, *seconds]


def test_a_clock_that_begins_anew_twice() -> None:
    first = ("step", 20, 2.0), ("resume", 20, 0.0), ("step", 40, 1.0)
    written = rows_of(*first, ("resume", 40, 0.0), ("step", 60, 0.5), ("end", 60, 0.5))
    rows = continuous(written)
    assert [row["seconds"] for row in rows if row["kind"] == "step"] == [2.0, 3.0, 3.5]
    assert (rows[-1]["train_seconds"], rows[-1]["seconds"]) == (3.5, 6.5)
    assert written[-1]["seconds"] == 3.5, "the rows that were given stay as they are"


@pytest.mark.parametrize("rows", [[], [{"kind": "step", "step": 1}]])
def test_rows_that_do_not_begin_with_a_start_are_no_run(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(DataError, match="begin with kind 'start', not "):
        RunLog.of(rows)
