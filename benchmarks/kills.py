"""Twenty kills of a real run, twenty resumes: does it end bit-equal to a run that nobody disturbed?

    python benchmarks/kills.py                    # 20 kills of laptop-sudoku6, 10 to 15 minutes on one core
    python benchmarks/kills.py --kills 3 --steps 200 --longest 8

Each time the very same command is started and its process killed with SIGKILL after a random time: while it imports,
makes puzzles, trains, evaluates, or writes a file. Then it runs to its end, and every tensor of its weights and every
loss of its log is compared with those of a run that was left alone. The result goes to benchmarks/results/kills.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from record import header, write
from safetensors.torch import load_file

from trm_edu.logs import read_log


def losses(folder: Path) -> dict[int, float]:
    return {row["step"]: row["loss"] for row in read_log(folder) if row["kind"] == "step"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="laptop-sudoku6")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--save-every", type=int, default=25)
    parser.add_argument("--longest", type=float, default=20.0, help="a process lives at most so many seconds")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "kills.json")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    command = [sys.executable, "-m", "trm_edu.cli", "train", args.recipe, "--json", "--steps", str(args.steps)]
    command += ["--save-every", str(args.save_every), "--dtype", "float32"]
    kills: list[dict] = []
    with tempfile.TemporaryDirectory() as name:
        run, whole = Path(name) / "run", Path(name) / "whole"
        while len(kills) < args.kills:
            process = subprocess.Popen([*command, "--out", str(run)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            lived, started = rng.uniform(0.5, args.longest), time.perf_counter()
            while time.perf_counter() - started < lived and process.poll() is None:
                time.sleep(0.005)
            if process.poll() is not None:
                print(
                    f"the run ended after {len(kills)} kills ({process.stderr.read().decode().strip()}); more --steps"
                )
                break
            process.send_signal(signal.SIGKILL)
            process.wait()
            states = sorted(path.name for path in run.glob("state-*.safetensors"))
            left = sorted(path.name for path in run.glob(".*")) if run.exists() else []
            kills.append({"after_seconds": lived, "newest_state": states[-1] if states else None, "half_files": left})
            print(json.dumps(kills[-1]), flush=True)
        for folder in (whole,) if process.returncode == 0 else (run, whole):
            done = subprocess.run([*command, "--out", str(folder)], capture_output=True, text=True, env=os.environ)
            if done.returncode:
                sys.exit(f"{folder.name} failed: {done.stderr}")
        ours, theirs = (load_file(folder / "model.safetensors") for folder in (run, whole))
        equal = set(ours) == set(theirs) and all(torch.equal(ours[key], theirs[key]) for key in theirs)
        same_log = losses(run) == losses(whole)
        resumes = sum(row["kind"] == "resume" for row in read_log(run))
        left = sorted(path.name for path in run.iterdir())
    result = header(__file__, sys.argv[1:], torch.device("cpu")) | {
        "kills": len(kills),
        "resumes_in_log": resumes,
        "weights_bit_equal": equal,
        "losses_equal": same_log,
        "files_left": left,
        "moments": kills,
    }
    print(json.dumps({k: v for k, v in result.items() if k != "moments"}))
    write(args.out, result)
    if not (equal and same_log):
        sys.exit("the resumed run differs")


if __name__ == "__main__":
    main()
