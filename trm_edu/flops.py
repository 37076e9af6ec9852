"""What a supervision step costs, counted from the sizes of its matrix products.

A product of [a, b] with [b, c] is 2abc floating-point operations. Everything that is no matrix product is left out,
as is usual: it costs time, but hardly any arithmetic. tests/test_flops.py holds it against torch's own counter.
"""

from __future__ import annotations

from trm_edu.interface import ModelConfig
from trm_edu.layers import swiglu_width
from trm_edu.symmetric import SymmetricConfig


def evaluation_flops(config: ModelConfig) -> int:
    """FLOPs of one evaluation of the network (all its blocks) on one puzzle, forward only."""
    positions, dim = config.n_positions, config.hidden
    if isinstance(config, SymmetricConfig):  # side**3 candidates; four maps of the means of side**2 groups each
        side = config.side
        mlp = 6 * dim * swiglu_width(dim, config.expansion, config.swiglu_multiple) * side**3
        return config.n_layers * (mlp + 4 * 2 * dim * dim * side**2)
    block = 6 * dim * swiglu_width(dim, config.expansion, config.swiglu_multiple) * positions
    if config.mixer == "mlp":
        block += 6 * positions * swiglu_width(positions, config.expansion, config.swiglu_multiple) * dim
    elif config.mixer == "conv":  # nine products a cell, those beyond the border included
        block += 2 * 9 * dim * dim * positions
    else:
        block += 8 * dim * dim * positions + 4 * positions * positions * dim
    return config.n_layers * block


def evaluations(model: str, config: ModelConfig) -> tuple[int, int]:
    """Network evaluations of one supervision step: (without gradient, with gradient)."""
    total = config.T * (config.n + 1)
    if model == "direct":
        return 0, 1
    with_gradient = 2 if model in ("hrm", "one_step_gradient") else config.n + 1
    return total - with_gradient, with_gradient


def forward_equivalents(model: str, config: ModelConfig, *, q_learning: bool = False) -> int:
    """Cost of a training step in forward evaluations: a backward pass costs two.

    q_learning: HRM's target for the continue logit is a look at the next supervision step, without gradient.
    """
    without, with_gradient = evaluations(model, config)
    return without + 3 * with_gradient + q_learning * (without + with_gradient)


def step_flops(model: str, config: ModelConfig, batch_size: int, *, q_learning: bool = False) -> int:
    """FLOPs of one training step of a batch: the blocks only; embedding and heads are below one percent."""
    return forward_equivalents(model, config, q_learning=q_learning) * evaluation_flops(config) * batch_size
