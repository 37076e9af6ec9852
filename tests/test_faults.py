"""A full disk, a closed folder, states that are broken or foreign: one clear line, and nothing is lost."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from trm_edu.checkpoints import load_model
from trm_edu.data import write_whole
from trm_edu.errors import CheckpointError
from trm_edu.recipes import Recipe
from trm_edu.resume import newest_state, read_state
from trm_edu.train import load_sets, train

TINY = Recipe(
    name="laptop-sudoku4", task="sudoku4", train_count=8, eval_count=6, hidden=8, T=1, n=1, n_supervision=4,
    batch_size=8, steps=24, warmup=2, ema=0.9, eval_every=10, eval_part=4, save_every=5, dtype="float32", device="cpu",
)  # fmt: skip
BASE = [sys.executable, "-m", "trm_edu.cli", "train", "laptop-sudoku4", "--json", "--device", "cpu"]
OPTIONS = "--hidden 8 --T 1 --n 1 --batch-size 8 --steps 60 --eval-every 20 --eval-part 4 --save-every 10".split()  # noqa: SIM905


class Killed(Exception):
    """Stands in for a kill at a chosen place."""


@pytest.fixture(scope="module")
def sets() -> Any:
    return load_sets(TINY)


def stopped(folder: Path, sets: Any, step: int = 12) -> list[Path]:
    def kill(row: dict) -> None:
        if row["kind"] == "step" and row["step"] >= step:
            raise Killed

    with pytest.raises(Killed):
        train(TINY, folder, sets=sets, progress=False, on_row=kill)
    return sorted(folder.glob("state-*.safetensors"))


def command(folder: Path, **options: Any) -> subprocess.CompletedProcess:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*BASE, *OPTIONS, "--out", str(folder)], env=environment, capture_output=True, text=True, timeout=120, **options
    )


def test_a_full_disk_ends_a_run_with_one_line_and_keeps_what_was_there(tmp_path: Path) -> None:
    """The limit on the size of a file stands in for the disk: the kernel refuses to write on, in the same way."""
    whole = command(tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    run = tmp_path / "run"
    smallest = min(path.stat().st_size for path in (tmp_path / "whole").glob("*.safetensors"))
    log = (tmp_path / "whole" / "log.jsonl").stat().st_size
    assert log < smallest, "or the log would be what fails"
    done = command(run, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (smallest - 1, smallest - 1)))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("trm-edu: ") and "File too large" in line and "state-00000010.safetensors" in line
    assert [path.name for path in run.iterdir()] == ["log.jsonl"], "no half file"
    # More room: the same command goes through, as if nothing had happened.
    assert command(run).returncode == 0
    ours, theirs = (load_model(folder / "model.safetensors").model.state_dict() for folder in (run, tmp_path / "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_disk_that_fills_up_on_the_way_keeps_the_states_before(sets: Any, tmp_path: Path, monkeypatch: Any) -> None:
    states = stopped(tmp_path, sets)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.safetensors")}

    calls: list[int] = []

    def no_space(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 1:  # the first file is the log, without the rows that will be written again
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)  # the write itself may succeed: the disk says no when it must be true
    with pytest.raises(OSError, match=r"No space left on device: .*state-00000015.safetensors"):
        train(TINY, tmp_path, sets=sets, progress=False)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.safetensors")} == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")], "no temporary file stays"
    assert train(TINY, tmp_path, sets=sets, progress=False).log[-1]["kind"] == "end" and states


CLOSED = """
import os, sys
from trm_edu.cli import main
assert main([*sys.argv[1:], "--out", "open"]) == 0  # everything is imported now, as root
if os.getuid() == 0:  # root may write anywhere: go on as nobody
    os.setegid(65534)
    os.seteuid(65534)
sys.exit(main([*sys.argv[1:], "--out", "closed/run"]))
"""


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # pytest's own folder is shut to everybody else
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "closed").mkdir(mode=0o555)
        arguments = [sys.executable, "-c", CLOSED, *BASE[3:], *OPTIONS]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run(arguments, env=environment, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 2, done.stderr
        (line,) = done.stderr.splitlines()
        assert line == "trm-edu: [Errno 13] Permission denied: 'closed/run'"
        assert not list((folder / "closed").iterdir())


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    done = command(tmp_path / "run")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and str(tmp_path / "run") in done.stderr
    assert (tmp_path / "run").read_text() == "mine"


def test_a_finished_run_is_not_overwritten(tmp_path: Path) -> None:
    assert command(tmp_path / "run").returncode == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    done = command(tmp_path / "run")
    assert done.returncode == 2 and "holds a finished run" in done.stderr and "after 60 steps" in done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_if_every_state_is_broken_nothing_is_begun_anew_silently(sets: Any, tmp_path: Path, capsys: Any) -> None:
    for path in stopped(tmp_path, sets):
        path.write_bytes(path.read_bytes()[:100])
    log = (tmp_path / "log.jsonl").read_bytes()
    with pytest.raises(CheckpointError, match="none of its states can be read; choose another --out, or delete its"):
        train(TINY, tmp_path, sets=sets, progress=False)
    assert capsys.readouterr().err.count("is damaged") == 2
    assert (tmp_path / "log.jsonl").read_bytes() == log and len(list(tmp_path.glob("state-*"))) == 2


def test_the_weights_of_a_network_are_no_state(sets: Any, tmp_path: Path) -> None:
    states = stopped(tmp_path, sets)
    weights = (tmp_path / "model.safetensors").read_bytes()
    states[-1].write_bytes(weights)
    with pytest.raises(CheckpointError, match="has format 'trm-edu-1', not 'trm-edu-state-2'"):
        read_state(states[-1])
    saved, complaints = newest_state(tmp_path)
    assert saved.path == states[0] and len(complaints) == 1


def test_every_flipped_bit_is_noticed(sets: Any, tmp_path: Path) -> None:
    """One bit of each of 40 places: header, metadata or tensor."""
    path = stopped(tmp_path, sets)[-1]
    good = path.read_bytes()
    read_state(path)
    for place in range(0, len(good), len(good) // 40):
        path.write_bytes(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
        with pytest.raises(CheckpointError, match=path.name):
            read_state(path)


def test_a_half_line_of_the_log_is_forgotten(sets: Any, tmp_path: Path) -> None:
    stopped(tmp_path, sets)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"kind": "step", "st')
    train(TINY, tmp_path, sets=sets, progress=False)
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert kinds.count("end") == 1


def test_files_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
