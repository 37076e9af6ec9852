"""Each building block against torch's own, or against the formula written out."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from trm_edu.layers import (
    Attention,
    Block,
    Convolution,
    Embedding,
    Linear,
    Network,
    Rotary,
    SwiGLU,
    rms_norm,
    swiglu_width,
    truncated_normal_,
)

# --- start ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("std", [1.0, 0.05])
def test_truncated_normal_has_the_asked_spread_and_is_cut_at_two_uncorrected_deviations(std: float) -> None:
    draw = truncated_normal_(torch.empty(400_000), std)
    assert draw.mean().abs() < 0.005 * std
    assert draw.std().item() == pytest.approx(std, rel=5e-3)
    cut = 2 * std / 0.8796256610342398  # the spread that is left of a unit normal cut at +-2
    assert draw.abs().max().item() == pytest.approx(cut, rel=1e-3)
    inside = torch.erf(torch.tensor(0.5 * 2**0.5 / 2)) / math.erf(2**0.5)  # a normal's mass within a half, cut at two
    assert (draw.abs() < cut / 4).float().mean().item() == pytest.approx(inside.item(), abs=5e-3)


def test_truncated_normal_of_spread_zero_is_zero() -> None:
    assert not truncated_normal_(torch.ones(5), 0.0).any()


def test_linear_starts_with_fan_in_and_without_bias() -> None:
    layer = Linear(400, 300)
    assert layer.bias is None
    assert layer.weight.shape == (300, 400)
    assert layer.weight.std().item() == pytest.approx(400**-0.5, rel=0.02)
    assert not Linear(4, 3, bias=True).bias.any()


def test_linear_and_embedding_compute_in_the_asked_dtype_and_keep_float32_weights() -> None:
    layer, table = Linear(6, 3, bias=True), Embedding(5, 6, std=1.0)
    h = table(torch.tensor([[0, 4]]), torch.bfloat16)
    out = layer(h)
    assert (h.dtype, out.dtype) == (torch.bfloat16, torch.bfloat16)
    out.sum().backward()
    assert layer.weight.dtype == table.weight.dtype == layer.weight.grad.dtype == torch.float32
    assert torch.equal(table(torch.tensor([3])), table.weight[3:4])


# --- norm -------------------------------------------------------------------------------------------------------------


@given(scale=st.sampled_from([1e-4, 1e-2, 1.0, 300.0]), shift=st.sampled_from([0.0, 3.0]))
@settings(max_examples=8, deadline=None)
def test_rms_norm_is_torchs(scale: float, shift: float) -> None:
    """Small scales show where eps stands, a shift shows that no mean is subtracted."""
    x = torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(1)) * scale + shift * scale
    assert torch.allclose(rms_norm(x), F.rms_norm(x, (16,), eps=1e-5), rtol=1e-5, atol=1e-6)


def test_rms_norm_squares_bfloat16_in_float32() -> None:
    x = torch.randn(7, 64).bfloat16()
    y = rms_norm(x)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, F.rms_norm(x.float(), (64,), eps=1e-5).bfloat16())


# --- SwiGLU -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dim", "multiple", "width"),
    [(512, 256, 1536), (97, 256, 512), (81, 256, 256), (916, 256, 2560), (64, 8, 176), (36, 8, 96), (16, 256, 256)],
)
def test_swiglu_widths(dim: int, multiple: int, width: int) -> None:
    assert swiglu_width(dim, 4.0, multiple) == width
    layer = SwiGLU(dim, 4.0, multiple)
    assert layer.gate_up.weight.shape == (2 * width, dim)
    assert layer.down.weight.shape == (dim, width)


def test_swiglu_is_its_formula_with_the_gate_first() -> None:
    layer = SwiGLU(6, 4.0, 8)
    x = torch.randn(2, 3, 6)
    gate, up = (x @ layer.gate_up.weight.T).chunk(2, dim=-1)
    expected = (gate * torch.sigmoid(gate) * up) @ layer.down.weight.T
    assert torch.allclose(layer(x), expected, atol=1e-6)


# --- attention --------------------------------------------------------------------------------------------------------


def test_rotary_turns_each_pair_by_its_angle() -> None:
    """Channels i and i + half are a complex number that position p multiplies by exp(i p base^(-i / half))."""
    rotary = Rotary(8, 11, base=100.0)
    x = torch.randn(2, 3, 11, 8, dtype=torch.float64)
    angle = torch.outer(torch.arange(11.0), 100.0 ** (-torch.arange(4) / 4)).double()
    turned = torch.complex(x[..., :4], x[..., 4:]) * torch.polar(torch.ones_like(angle), angle)
    assert torch.allclose(rotary(x), torch.cat((turned.real, turned.imag), -1), atol=1e-5)


def test_rotary_keeps_norms_and_leaves_the_first_position_alone() -> None:
    x = torch.randn(2, 2, 9, 16)
    y = Rotary(16, 9)(x)
    assert torch.allclose(y.norm(dim=-1), x.norm(dim=-1), rtol=1e-5)
    assert torch.equal(y[:, :, 0], x[:, :, 0])
    assert not torch.allclose(y[:, :, 1:], x[:, :, 1:], atol=0.1)


def test_rotary_products_depend_on_the_distance_alone() -> None:
    rotary = Rotary(16, 20)
    q, k = torch.randn(16), torch.randn(16)
    q_at, k_at = (rotary(v.expand(1, 1, 20, 16))[0, 0] for v in (q, k))
    products = q_at @ k_at.T  # [position of q, position of k]
    for distance in (-7, 0, 3):
        diagonal = products.diagonal(distance)
        assert torch.allclose(diagonal, diagonal[0].expand_as(diagonal), atol=1e-4)
    assert (products.diagonal(3)[0] - products.diagonal(-7)[0]).abs() > 1e-2


def test_rotary_tables_are_not_saved() -> None:
    assert not Rotary(8, 4).state_dict()


@pytest.mark.parametrize("rotary", [None, Rotary(4, 7)], ids=["plain", "rotary"])
def test_attention_is_softmax_of_scaled_products_without_a_mask(rotary: Rotary | None) -> None:
    layer = Attention(12, 3)
    x = torch.randn(2, 7, 12)
    q, k, v = (x @ w.T for w in layer.qkv.weight.chunk(3))
    heads = []
    for h in range(3):
        qh, kh, vh = (t[..., 4 * h : 4 * h + 4] for t in (q, k, v))
        if rotary is not None:
            qh, kh = (rotary(t[:, None])[:, 0] for t in (qh, kh))
        heads.append((qh @ kh.transpose(1, 2) / 4**0.5).softmax(-1) @ vh)
    assert torch.allclose(layer(x, rotary), torch.cat(heads, -1) @ layer.out.weight.T, atol=1e-5)


def test_attention_without_positions_does_not_see_the_order_and_with_rotary_does() -> None:
    layer, x, order = Attention(8, 2), torch.randn(1, 6, 8), torch.tensor([3, 0, 5, 1, 4, 2])
    assert torch.allclose(layer(x)[:, order], layer(x[:, order]), atol=1e-5)
    rotary = Rotary(4, 6)
    assert not torch.allclose(layer(x, rotary)[:, order], layer(x[:, order], rotary), atol=1e-3)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="width 10 cannot be split into 4 heads"):
        Attention(10, 4)


# --- blocks -----------------------------------------------------------------------------------------------------------


def block(mixer: str, dim: int = 8, positions: int = 5) -> Block:
    return Block(dim, positions, mixer=mixer, heads=2, expansion=4.0, multiple=8)


def test_attention_block_adds_first_and_normalises_after() -> None:
    b, h = block("attention"), torch.randn(2, 5, 8)
    middle = F.rms_norm(h + b.attention(h), (8,), eps=1e-5)
    assert torch.allclose(b(h), F.rms_norm(middle + b.mlp(middle), (8,), eps=1e-5), atol=1e-6)
    assert torch.allclose(b(h).square().mean(-1), torch.ones(2, 5), atol=1e-3)


def test_token_mixer_acts_on_positions_and_so_does_its_norm() -> None:
    b, h = block("mlp"), torch.randn(2, 5, 8)
    columns = h.transpose(1, 2)
    middle = F.rms_norm(columns + b.token_mixer(columns), (5,), eps=1e-5).transpose(1, 2)
    assert torch.allclose(middle.square().mean(1), torch.ones(2, 8), atol=1e-3)
    assert torch.allclose(b(h), F.rms_norm(middle + b.mlp(middle), (8,), eps=1e-5), atol=1e-6)


def test_a_block_knows_three_mixers() -> None:
    with pytest.raises(ValueError, match="mixer is 'fourier'; it must be one of mlp, attention, conv"):
        block("fourier")


# --- grids ----------------------------------------------------------------------------------------------------------


def test_convolution_is_nine_matrices() -> None:
    """Cell by cell: what each of the nine cells around says through its own matrix; nothing comes from outside."""
    mixer, h = Convolution(4, columns=3).double(), torch.randn(2, 12, 4, dtype=torch.float64)
    matrices = mixer.weight.view(4, 4, 3, 3)  # out, in, row, column
    expected = torch.zeros_like(h)
    for row in range(4):
        for column in range(3):
            for i in range(-1, 2):
                for j in range(-1, 2):
                    if 0 <= row + i < 4 and 0 <= column + j < 3:
                        said = h[:, (row + i) * 3 + column + j] @ matrices[:, :, i + 1, j + 1].T
                        expected[:, row * 3 + column] += said
    torch.testing.assert_close(mixer(h), expected)


def test_a_convolution_fits_any_size() -> None:
    small, large = (
        Block(8, n, mixer="conv", heads=1, expansion=4.0, multiple=8, columns=c) for n, c in ((9, 3), (30, 6))
    )
    large.load_state_dict(small.state_dict())
    assert large(torch.randn(2, 30, 8)).shape == (2, 30, 8)


def products(rotary: Rotary, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """q . k between all positions, if every position has the same q and the same k."""
    count = len(rotary.cos)
    turned = (rotary(vector.expand(1, 1, count, -1)) for vector in (q, k))
    return (next(turned) @ next(turned).transpose(-1, -2))[0, 0]


def test_rotary_in_a_grid_sees_only_the_step_between_two_cells() -> None:
    rows, columns, prefix = 4, 5, 2
    rotary = Rotary(8, prefix + rows * columns, 100.0, columns=columns, prefix=prefix)
    scores = products(rotary, torch.randn(8), torch.randn(8))[prefix:, prefix:].view(rows, columns, rows, columns)
    by_step: dict[tuple[int, int], list[float]] = {}
    for r, c, s, d in itertools.product(range(rows), range(columns), range(rows), range(columns)):
        by_step.setdefault((s - r, d - c), []).append(scores[r, c, s, d].item())
    for values in by_step.values():
        assert max(values) - min(values) < 1e-5
    means = sorted(sum(values) / len(values) for values in by_step.values())
    assert min(b - a for a, b in itertools.pairwise(means)) > 1e-5  # every step its own


def test_half_of_the_pairs_know_the_row_and_half_the_column() -> None:
    """Pairs i and i + 4 turn together: 0 and 1 by the row, 2 and 3 by the column."""
    cos = Rotary(8, 20, 100.0, columns=5).cos.view(4, 5, 8)
    for pair in (0, 1):
        assert (cos[..., pair] == cos[:, :1, pair]).all() and (cos[0, 0, pair] != cos[1:, 0, pair]).all()
    for pair in (2, 3):
        assert (cos[..., pair] == cos[:1, :, pair]).all() and (cos[0, 0, pair] != cos[0, 1:, pair]).all()


def test_a_prefix_stands_in_a_row_of_its_own_above_the_grid() -> None:
    with_prefix, alone = Rotary(8, 2 + 6, columns=3, prefix=2), Rotary(8, 9, columns=3)
    torch.testing.assert_close(with_prefix.cos[2:], alone.cos[:6])
    # one row further up than the first cell: the step from row -1 to row 0 is that from row 0 to row 1
    q, k = torch.randn(8), torch.randn(8)
    torch.testing.assert_close(products(with_prefix, q, k)[0, 2:5], products(alone, q, k)[0, 3:6])


def test_rotary_needs_pairs_for_both_axes() -> None:
    with pytest.raises(ValueError, match="head width 6 must be a multiple of 4"):
        Rotary(6, 9, columns=3)


def test_network_adds_the_injection_once() -> None:
    blocks = [block("attention"), block("attention")]
    state, injected = torch.randn(2, 5, 8), torch.randn(2, 5, 8)
    assert torch.equal(Network(blocks)(state, injected), blocks[1](blocks[0](state + injected)))


# --- shapes -----------------------------------------------------------------------------------------------------------


def test_stated_shapes_are_enforced() -> None:
    """conftest.py puts a type checker behind every annotation; these calls break theirs."""
    with pytest.raises(TypeCheckError):
        Network([block("attention")])(torch.randn(2, 5, 8), torch.randn(2, 6, 8))
    with pytest.raises(TypeCheckError):
        Embedding(5, 6, std=1.0)(torch.rand(3))
    with pytest.raises(TypeCheckError):
        rms_norm(torch.ones(2, 3, dtype=torch.int64))
    with pytest.raises(TypeCheckError):
        Rotary(8, 4)(torch.randn(4, 8))
