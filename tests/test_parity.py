"""Parity with the authors' code: the reference vectors, the mapping of names, and that `verify` fails when it must."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from trm_edu.authors import (
    config_from_authors,
    from_authors,
    guess_model,
    name_map,
    strip_wrappers,
    to_authors,
)
from trm_edu.cli import main
from trm_edu.errors import CheckpointError, DataError
from trm_edu.interface import ModelConfig
from trm_edu.losses import cell_loss_named, supervision_loss
from trm_edu.supervision import Batch, deep_supervision, initial_carry, q_continue_target, supervision_step
from trm_edu.variants import build_model, model_name
from trm_edu.verify import Report, relative_error, verify_file, verify_folder

GOLDEN = Path(__file__).resolve().parent / "golden"
MODELS = {
    "hrm_attention_rope": "hrm",
    "trm_attention_learned_pos": "trm",
    "trm_attention_rope": "trm",
    "trm_mlp_t": "trm",
    "trm_multi_scale_z": "multi_scale_z",
    "trm_single_z": "single_z",
}


def read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as archive:
        return {key: archive[key] for key in archive.files}


def model_file(name: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Authors' weights and configuration of one golden file."""
    vectors = read(GOLDEN / f"{name}.npz")
    weights = {key[2:]: torch.from_numpy(value) for key, value in vectors.items() if key.startswith("w/")}
    return weights, json.loads(vectors["meta"].item())["config"]


# --- the golden folder ------------------------------------------------------------------------------------------------


def test_verify_passes_on_the_golden_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(GOLDEN)]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert not err
    assert [line.split()[:2] for line in lines] == [["ok", f"{p.name}:"] for p in sorted(GOLDEN.glob("*.npz"))]
    assert sum("halting 20/20 decisions agree" in line for line in lines) == 6


def test_verify_compares_every_recorded_array() -> None:
    """Inputs, weights and counts of other metrics apart, no key of a file may be left out."""
    for name in MODELS:
        vectors = read(GOLDEN / f"{name}.npz")
        outputs = [key for key in vectors if key.startswith(("call", "eval")) and "/in/" not in key]
        skipped = ("/metrics/count", "/metrics/accuracy", "/metrics/q_halt_accuracy", "/metrics/steps", "carry/halted")
        compared = [key for key in outputs if not key.endswith(skipped) and not key.startswith("eval/")]
        assert verify_file(GOLDEN / f"{name}.npz").compared == len(compared)


def test_verify_answers_programs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "trm_single_z.npz", tmp_path)
    assert main(["verify", str(tmp_path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["passed"] is True
    (file,) = answer["files"]
    assert file["file"] == "trm_single_z.npz" and file["halting"] == [20, 20] and file["errors"]["gradients"] < 1e-4


# --- names and weights ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_weights_go_there_and_back_to_the_bit(name: str) -> None:
    weights, config = model_file(name)
    model = from_authors(weights, config)
    assert model_name(model) == MODELS[name] == guess_model(weights, config)
    back = to_authors(model)
    assert set(back) == set(weights)
    assert all(torch.equal(back[key], weights[key]) for key in weights)
    again = from_authors(back, config)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    back["lm_head.weight"].zero_()
    assert model.heads.answer.weight.any(), "what is handed out is a copy"


@pytest.mark.parametrize(
    "prefix", ["_orig_mod.model.inner.", "module._orig_mod.model.inner.", "model.inner.", "inner."]
)
def test_prefixes_of_wrappers_are_stripped(prefix: str) -> None:
    weights, config = model_file("trm_mlp_t")
    wrapped = {prefix + key: value for key, value in weights.items()}
    assert set(strip_wrappers(wrapped)) == set(weights)
    assert guess_model(wrapped, config) == "trm"
    assert torch.equal(from_authors(wrapped, config).y_init, weights["H_init"])


def test_weights_that_do_not_fit_are_named() -> None:
    weights, config = model_file("trm_mlp_t")
    missing = {key: value for key, value in weights.items() if key not in ("H_init", "q_head.bias")}
    with pytest.raises(CheckpointError, match="missing H_init, q_head.bias$"):
        from_authors(missing, config, "trm")
    with pytest.raises(CheckpointError, match="left over router.weight$"):
        from_authors(weights | {"router.weight": torch.zeros(1)}, config)
    with pytest.raises(CheckpointError, match=r"lm_head.weight has shape \(7, 15\) instead of \(7, 16\)$"):
        from_authors(weights | {"lm_head.weight": torch.zeros(7, 15)}, config)
    with pytest.raises(CheckpointError, match="missing H_init.*left over x; lm_head.weight has shape"):
        odd = {"x": torch.zeros(1), "lm_head.weight": torch.zeros(1)}
        from_authors({k: v for k, v in weights.items() if k != "H_init"} | odd, config, "trm")
    with pytest.raises(CheckpointError, match="model 'gpt' does not exist; choose one of trm"):
        from_authors(weights, config, "gpt")


def test_configurations_that_cannot_be_read_are_named() -> None:
    _, config = model_file("trm_mlp_t")
    with pytest.raises(CheckpointError, match="cannot read entry or value 'hidden_size' of the authors' configuration"):
        config_from_authors({key: value for key, value in config.items() if key != "hidden_size"})
    with pytest.raises(CheckpointError, match="cannot read entry or value 'alibi'"):
        config_from_authors(config | {"pos_encodings": "alibi"})


def test_the_published_configuration_is_the_published_network() -> None:
    published = {
        "vocab_size": 11, "seq_len": 81, "hidden_size": 512, "L_layers": 2, "H_layers": 0, "H_cycles": 3, "L_cycles": 6,
        "num_heads": 8, "expansion": 4, "pos_encodings": "none", "mlp_t": True, "puzzle_emb_ndim": 512,
        "num_puzzle_identifiers": 1, "puzzle_emb_len": 16,
    }  # fmt: skip
    ours = ModelConfig(11, 81, prefix_len=16, puzzle_ids=1, puzzle_dim=512, dtype="bfloat16")
    assert config_from_authors(published) == ours
    hrm = config_from_authors(
        published | {"H_layers": 4, "L_layers": 4, "mlp_t": False, "pos_encodings": "rope"}, "hrm"
    )
    assert (hrm.prefix_len, hrm.n_layers, hrm.n_layers_high, hrm.positions) == (1, 4, 4, "rotary")


def test_what_the_authors_cannot_name_is_refused() -> None:
    with pytest.raises(CheckpointError, match="no counterpart of network.blocks.0.conv.weight in model trm"):
        model = build_model("trm", ModelConfig(6, 5, hidden=8, swiglu_multiple=8))
        model.network.blocks[0].conv = nn.Linear(1, 1, bias=False)
        name_map(model)


# --- files of other sizes ---------------------------------------------------------------------------------------------

BASE = {
    "seq_len": 7, "vocab_size": 5, "hidden_size": 12, "L_layers": 1, "H_layers": 2, "H_cycles": 2, "L_cycles": 2,
    "num_heads": 3, "expansion": 2, "halt_max_steps": 4, "halt_exploration_prob": 0.0, "forward_dtype": "float32",
    "mlp_t": False, "pos_encodings": "rope", "num_puzzle_identifiers": 6, "puzzle_emb_ndim": 0, "puzzle_emb_len": 0,
}  # fmt: skip
OTHERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "mixer": ("trm", {"mlp_t": True, "pos_encodings": "none", "H_cycles": 3, "L_cycles": 1}, "stablemax"),
    "mixer_prefix": (
        "trm",
        {"mlp_t": True, "pos_encodings": "none", "puzzle_emb_ndim": 20, "puzzle_emb_len": 3, "L_layers": 2},
        "stablemax",
    ),
    "attention": ("trm", {"puzzle_emb_ndim": 24, "seq_len": 10, "rope_theta": 100.0}, "softmax"),
    "learned": ("trm", {"pos_encodings": "learned", "H_cycles": 1, "halt_max_steps": 2}, "stablemax"),
    "one_step": ("trm", {"halt_max_steps": 1}, "stablemax"),
    "hrm": ("hrm", {"puzzle_emb_ndim": 12, "H_cycles": 3}, "stablemax"),
    "single_z": ("single_z", {"mlp_t": True, "pos_encodings": "none"}, "softmax"),
    "multi_scale_z": ("multi_scale_z", {"L_cycles": 3}, "stablemax"),
}


def record(case: str, folder: Path, calls: int = 5) -> Path:
    """A file of reference vectors from a model of ours with random halting, in the form of tests/golden/README.md."""
    name, changes, loss_name = OTHERS[case]
    config = BASE | changes
    torch.manual_seed(8)
    model = build_model(name, config_from_authors(config, name)).train()
    nn.init.normal_(model.heads.halt.weight)
    nn.init.normal_(model.heads.halt.bias)
    if model.embed.puzzle is not None:
        model.embed.puzzle.weight.normal_()
    meta = {"config": config, "seed": 8, "loss": f"{loss_name}_cross_entropy", "calls": calls}
    found: dict[str, Any] = {"meta": json.dumps(meta)} | {f"w/{k}": v for k, v in to_authors(model).items()}
    rule = {"n_supervision": config["halt_max_steps"], "exploration": 0.0, "q_learning": name == "hrm"}
    carry, names = None, name_map(model)
    for call in range(calls):
        tokens = torch.randint(config["vocab_size"], (2, 5, config["seq_len"]))
        batch = Batch(tokens[0], tokens[1].masked_fill(tokens[0] == 1, -100), torch.randint(6, (5,)))
        in_keys = ("inputs", "labels", "puzzle_identifiers")
        found |= {f"call{call}/in/{key}": value for key, value in zip(in_keys, batch, strict=True)}
        carry, output = supervision_step(model, carry or initial_carry(model, batch), batch, **rule)
        target = q_continue_target(model, carry, config["halt_max_steps"]) if name == "hrm" else None
        cell_loss = cell_loss_named(loss_name)
        loss = supervision_loss(output, carry.batch.labels, cell_loss=cell_loss, continue_target=target)
        model.zero_grad()
        (loss.total / 5).backward()
        state = dict(zip(("z_H", "z_L"), carry.state, strict=False))
        if name == "single_z":
            state = {"z_L": carry.state[0]}
        elif name == "multi_scale_z":
            pads = carry.state.pads.chunk(config["L_cycles"], dim=-1)
            state = {"z_H": carry.state.y} | {f"z_L{i}": pad for i, pad in enumerate(pads, start=1)}
        values = {
            "logits": output.logits,
            "q_halt_logits": output.halt_logit,
            "q_continue_logits": output.continue_logit,
        }
        values |= {f"carry/{key}": value for key, value in state.items()}
        finished = carry.halted & (carry.batch.labels != -100).any(-1)
        values |= {
            "carry/steps": carry.steps,
            "carry/halted": carry.halted,
            "loss": loss.total,
            "metrics/lm_loss": loss.answer,
            "metrics/q_halt_loss": loss.halt,
            "metrics/exact_accuracy": (loss.correct & finished).sum(),
        }
        if target is not None:
            values |= {"target_q_continue": target, "metrics/q_continue_loss": loss.continue_}
        if call % 2 == 0:
            grads = {names[key]: p.grad for key, p in model.named_parameters() if p.grad is not None}
            if model.embed.puzzle is not None:
                grads["puzzle_emb.local_weights"] = model.embed.puzzle.taken[1].grad
            values |= {f"grad/{key}": value for key, value in grads.items()}
        found |= {f"call{call}/{key}": value for key, value in values.items()}
    with torch.no_grad():
        for step, output in enumerate(deep_supervision(model.eval(), batch, config["halt_max_steps"])):
            found |= {f"eval{step}/logits": output.logits, f"eval{step}/q_halt_logits": output.halt_logit}
    arrays = {k: v.detach().numpy().copy() if isinstance(v, torch.Tensor) else v for k, v in found.items()}
    path = folder / f"{case}.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("case", OTHERS)
def test_verify_works_for_any_sizes(case: str, tmp_path: Path) -> None:
    report = verify_file(record(case, tmp_path))
    assert report.passed, report.line()
    assert report.halting == (25, 25)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """One of those files, with a prefix and with Q-learning, to be changed in one place."""
    return read(record("hrm", tmp_path_factory.mktemp("recorded")))


CHANGES = {
    "call1/logits": 1e-3,
    "call3/q_halt_logits": 1e-3,
    "call0/q_continue_logits": 1e-3,
    "call2/target_q_continue": 1e-3,
    "call2/carry/z_H": 1e-3,
    "call3/carry/z_L": 1e-3,
    "call1/carry/steps": 1,
    "call4/loss": 1e-2,
    "call1/metrics/lm_loss": 1e-2,
    "call1/metrics/q_halt_loss": 1e-2,
    "call1/metrics/q_continue_loss": 1e-2,
    "call0/metrics/exact_accuracy": 1,
    "call2/grad/lm_head.weight": 1e-2,
    "call4/grad/puzzle_emb.local_weights": 1e-1,
    "call0/grad/H_level.layers.1.mlp.down_proj.weight": 1e-2,
    "eval0/logits": 1e-3,
    "eval3/q_halt_logits": 1e-2,
    "w/q_head.bias": 1e-2,
    "w/H_init": 1e-1,
}


@pytest.mark.parametrize("key", CHANGES)
def test_one_changed_number_fails(key: str, recorded: dict[str, np.ndarray], tmp_path: Path) -> None:
    changed = recorded[key].copy()
    changed.reshape(-1)[-1] += CHANGES[key]
    np.savez(tmp_path / "changed.npz", **recorded | {key: changed})
    report = verify_file(tmp_path / "changed.npz")
    assert not report.passed and report.problem is None, report.line()
    assert report.line().startswith("FAIL changed.npz: outputs ")


def test_one_halting_decision_that_differs_fails(recorded: dict[str, np.ndarray], tmp_path: Path) -> None:
    halted = recorded["call2/carry/halted"].copy()
    halted[3] = ~halted[3]
    np.savez(tmp_path / "flipped.npz", **recorded | {"call2/carry/halted": halted})
    report = verify_file(tmp_path / "flipped.npz")
    assert not report.failed and report.halting == (24, 25) and not report.passed
    assert "halting 24/25 decisions agree" in report.line()


@pytest.mark.parametrize(
    "key", ["call1/logits", "call4/carry/halted", "eval2/logits", "call0/in/labels", "call3/metrics/lm_loss"]
)
def test_a_missing_entry_fails_and_is_named(key: str, recorded: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "less.npz", **{k: v for k, v in recorded.items() if k != key})
    report = verify_file(tmp_path / "less.npz")
    assert not report.passed
    assert report.line() == f"FAIL less.npz: entry '{key}' is missing"


def test_a_missing_gradient_fails_and_is_named(recorded: dict[str, np.ndarray], tmp_path: Path) -> None:
    key = "call0/grad/lm_head.weight"
    np.savez(tmp_path / "less.npz", **{k: v for k, v in recorded.items() if k != key})
    report = verify_file(tmp_path / "less.npz")
    assert "lm_head.weight stand on one side only (call 0)" in report.line() and not report.passed


@pytest.mark.parametrize("odd", ["meta", "token", "shape", "nan", "loss", "list"])
def test_nonsense_is_a_failed_line_and_never_a_traceback(
    odd: str, recorded: dict[str, np.ndarray], tmp_path: Path
) -> None:
    change: dict[str, Any] = {
        "meta": {"meta": "{"},
        "list": {"meta": "[]"},
        "token": {"call0/in/inputs": recorded["call0/in/inputs"] + 99},
        "shape": {"call0/logits": recorded["call0/logits"][:, :-1]},
        "nan": {"call0/logits": recorded["call0/logits"] * np.nan},
        "loss": {"meta": recorded["meta"].item().replace("stablemax_cross_entropy", "hinge")},
    }[odd]
    np.savez(tmp_path / "odd.npz", **recorded | change)
    report = verify_file(tmp_path / "odd.npz")
    assert not report.passed and report.line().startswith("FAIL odd.npz: ")


def test_damaged_files_are_failed_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = (GOLDEN / "trm_single_z.npz").read_bytes()
    (tmp_path / "a_truncated.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b_empty.npz").write_bytes(b"")
    flipped = bytearray(whole)
    flipped[5000] ^= 0xFF
    (tmp_path / "c_flipped.npz").write_bytes(flipped)
    np.savez(tmp_path / "d_foreign.npz", x=np.zeros(3))
    assert main(["verify", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert not err
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["FAIL", f"{p.name}:"] for p in sorted(tmp_path.iterdir())
    ]
    assert "holds neither a model (`meta`) nor optimizer vectors" in out


def test_one_bad_file_fails_the_folder(recorded: dict[str, np.ndarray], tmp_path: Path, capsys: Any) -> None:
    shutil.copy(GOLDEN / "trm_single_z.npz", tmp_path)
    np.savez(tmp_path / "wrong.npz", **recorded | {"call1/loss": recorded["call1/loss"] + 1})
    assert main(["verify", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "FAIL"]
    assert main(["verify", str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["passed"] is False


def test_a_folder_without_vectors_is_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, words in ((tmp_path / "nowhere", "is not a folder"), (tmp_path, "holds no .npz files")):
        with pytest.raises(DataError, match=words):
            verify_folder(folder)
        assert main(["verify", str(folder)]) == 2
        out, err = capsys.readouterr()
        assert not out and err.count("\n") == 1 and str(folder) in err


def test_relative_error() -> None:
    assert relative_error(torch.tensor([1.0, 4.0]), np.array([1.0, 5.0]), 1.0) == pytest.approx(0.2)
    assert relative_error(torch.tensor([0.1]), np.array([0.0]), 1.0) == pytest.approx(0.1)
    assert relative_error(torch.zeros(2), np.zeros(3), 1.0) == float("inf")
    assert relative_error(torch.tensor([float("nan")]), np.zeros(1), 1.0) == float("inf")


def test_the_tolerance_grows_with_our_own_rounding_and_with_nothing_else() -> None:
    def failed(ours: float, exact: float | None) -> bool:
        report = Report("x.npz")
        report.compare("outputs", torch.tensor([ours]), np.array([1.0]), exact=None if exact is None else [exact])
        return not report.passed

    assert not failed(1 + 9e-6, None) and failed(1 + 2e-5, None) and failed(1 + 2e-5, 1 + 2e-5)
    assert not failed(1 + 3e-5, 1 + 2e-5) and failed(1 + 5e-5, 1 + 4e-5)
    assert failed(float("nan"), float("nan")) and failed(float("nan"), None) and failed(float("inf"), float("inf"))
