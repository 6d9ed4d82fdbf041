from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.explain import match_motifs
from genoml.io import Motif, jaspar_motifs, read_fasta, read_meme, write_meme
from genoml.nn import MotifLayer, Sequential, information_penalty
from genoml.sequence import PWM, base_codes, one_hot
from genoml.testing import central_difference
from support.backends import has_float64
from support.recovery import Setting, best_correlation, learn, plant

SITES = ["TGACTCA", "TGAGTCA", "TGACTCA", "TTACTCA"]
SKEWED = (0.3, 0.2, 0.1, 0.4)


def encoded(sequences: list[str], dtype: str = "float64") -> np.ndarray:
    return np.ascontiguousarray(one_hot(base_codes(sequences), dtype=dtype).transpose(0, 2, 1))


# ------------------------------------------------------------ the layer is a scan


@pytest.mark.parametrize("background", [(0.25,) * 4, SKEWED])
def test_the_layer_gives_the_scores_of_a_position_weight_matrix(background: tuple[float, ...]) -> None:
    pwm = PWM.from_sequences(SITES, background=background)
    layer = MotifLayer.from_motifs([pwm], background=background, dtype="float64")
    sequence = "ACCTGACTCAGGTGAGTCATT"
    expected = np.maximum(pwm.window_scores(sequence), pwm.window_scores(sequence, "-"))
    np.testing.assert_allclose(layer(encoded([sequence]))[0, 0], expected, rtol=1e-12)
    single = MotifLayer.from_motifs([pwm], background=background, both_strands=False, dtype="float64")
    np.testing.assert_allclose(single(encoded([sequence]))[0, 0], pwm.window_scores(sequence), rtol=1e-12)


def test_any_logits_are_a_motif(backend: Backend) -> None:
    layer = MotifLayer(3, 5, background=SKEWED)
    layer.logits = backend.asarray(30.0 * np.random.default_rng(0).standard_normal((3, 4, 5)), "float32")
    probabilities = backend.to_numpy(layer.probabilities())
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-6)
    bits = backend.to_numpy(layer.log_odds())
    np.testing.assert_allclose(2.0**bits * np.array(SKEWED)[:, None], probabilities, rtol=1e-4, atol=1e-12)


def test_huge_logits_neither_overflow_nor_give_nan() -> None:
    layer = MotifLayer(1, 2, dtype="float64")
    layer.logits = np.array([[[1e4, -1e4], [0.0, 0.0], [0.0, 0.0], [0.0, 1e4]]])
    y, pullback = layer.vjp(encoded(["ACGT"]))
    _, grads = pullback(np.ones_like(y))
    assert np.isfinite(y).all()
    assert np.isfinite(grads["logits"]).all()


def test_a_fresh_layer_is_near_the_background() -> None:
    assert np.abs(MotifLayer(4, 12).log_odds()).max() < 1.0


def test_a_base_without_a_row_adds_nothing() -> None:
    layer = MotifLayer.from_sequences(SITES, dtype="float64")
    x = encoded(["NNNNNNN"])
    assert not x.any()
    np.testing.assert_array_equal(layer(x), 0.0)


def test_of_equal_strands_the_given_one_takes_the_gradient() -> None:
    layer = MotifLayer.from_sequences(["AC"], dtype="float64")
    # AT is its own reverse complement
    y, pullback = layer.vjp(encoded(["AT"]))
    grad_x, _ = pullback(np.ones_like(y))
    np.testing.assert_array_equal(grad_x[0], layer.log_odds()[0])


def test_the_gradient_of_the_logits_keeps_the_motifs_in_balance() -> None:
    # adding a number to the four logits of a position changes nothing
    layer = MotifLayer(2, 4, dtype="float64")
    y, pullback = layer.vjp(np.random.default_rng(0).standard_normal((3, 4, 9)))
    _, grads = pullback(np.random.default_rng(1).standard_normal(y.shape))
    np.testing.assert_allclose(grads["logits"].sum(axis=1), 0.0, atol=1e-12)


# ------------------------------------------------------------ motifs in and out


def test_motifs_go_in_and_come_out(tmp_path: Path) -> None:
    known = [motif for motif in jaspar_motifs() if motif.symbol in ("CTCF", "SRF")]
    layer = MotifLayer.from_motifs(known, width=40, pseudocount=0.01, dtype="float64")
    write_meme(tmp_path / "bank.meme", layer.motifs())
    found = read_meme(tmp_path / "bank.meme")
    assert [motif.name for motif in found] == [motif.name for motif in known]
    for mine, theirs in zip(found, known, strict=True):
        start = (40 - theirs.width) // 2
        np.testing.assert_allclose(mine.matrix[start : start + theirs.width], theirs.probabilities, atol=1e-3)
        np.testing.assert_allclose(mine.matrix[:start], 0.25, atol=1e-7)
    again = MotifLayer.from_motifs(found, pseudocount=0, dtype="float64")
    np.testing.assert_allclose(again.probabilities(), layer.probabilities(), atol=1e-6)


def test_lists_of_sites_give_a_motif_each(backend: Backend) -> None:
    layer = MotifLayer.from_sequences(SITES, ["CACGTG", "CACGTG"], pseudocount=0.5)
    assert (layer.n_motifs, layer.width) == (2, 7)
    first, second = layer.motifs()
    np.testing.assert_allclose(
        first.matrix, PWM.from_sequences(SITES, pseudocount=0.5).probabilities, rtol=1e-5
    )
    np.testing.assert_allclose(second.matrix[6], 0.25, rtol=1e-6)
    assert [motif.name for motif in (first, second)] == ["motif_0", "motif_1"]


def test_motifs_survive_a_network_that_places_its_layers() -> None:
    layer = MotifLayer.from_sequences(SITES, seed=5)
    Sequential([layer], seed=9)
    np.testing.assert_allclose(layer.motifs()[0].matrix, PWM.from_sequences(SITES).probabilities, rtol=1e-5)


# ------------------------------------------------------------ the penalty


def test_the_penalty_is_the_mean_information_of_the_motifs(backend: Backend) -> None:
    bank = [PWM.from_sequences(SITES, background=SKEWED), PWM.from_sequences(["CACGTGA"], background=SKEWED)]
    layer = MotifLayer.from_motifs(bank, background=SKEWED)
    value, grads = information_penalty(layer, 0.1)
    expected = 0.1 * np.mean([pwm.information_content.sum() for pwm in bank])
    assert value.shape == ()
    assert float(backend.to_numpy(value)) == pytest.approx(expected, rel=1e-5)
    assert set(grads) == {"logits"}
    assert tuple(grads["logits"].shape) == (2, 4, 7)


def test_the_gradient_of_the_penalty_matches_central_differences(backend: Backend) -> None:
    dtype, h, rtol = ("float64", 1e-6, 1e-8) if has_float64(backend) else ("float32", 1e-2, 2e-3)
    layer = MotifLayer(3, 5, background=SKEWED, dtype=dtype)
    rng = np.random.default_rng(4)
    start = rng.standard_normal((3, 4, 5))
    layer.logits = backend.asarray(start, dtype)
    gradient = backend.to_numpy(information_penalty(layer, 0.7)[1]["logits"])

    def value(logits: np.ndarray) -> float:
        layer.logits = backend.asarray(logits, dtype)
        return float(backend.to_numpy(information_penalty(layer, 0.7)[0]))

    for _ in range(3):
        v = rng.standard_normal(start.shape)
        assert float(np.sum(gradient * v)) == pytest.approx(central_difference(value, start, v, h), rel=rtol)


# ------------------------------------------------------------ centring


@pytest.mark.parametrize("offset", [0, 2, 5])
def test_centring_moves_a_motif_to_the_middle_of_its_window(offset: int, backend: Backend) -> None:
    layer = MotifLayer(1, 12, background=SKEWED)
    logits = np.tile(np.log(SKEWED)[None, :, None], (1, 1, 12))
    site = np.random.default_rng(0).standard_normal((1, 4, 7)) * 3.0
    logits[:, :, offset : offset + 7] = site
    layer.logits = backend.asarray(logits, "float32")
    layer.centre()
    moved = backend.to_numpy(layer.log_odds())
    start = int(np.argmax(np.abs(moved[0]).max(axis=0) > 1e-3))
    assert 1 <= start <= 4
    layer.logits = backend.asarray(site, "float32")
    np.testing.assert_allclose(
        moved[:, :, start : start + 7], backend.to_numpy(layer.log_odds()), rtol=1e-4, atol=1e-5
    )
    rest = np.delete(moved, slice(start, start + 7), axis=2)
    np.testing.assert_allclose(rest, 0.0, atol=1e-5)


def test_a_centred_motif_stays_where_it_is() -> None:
    layer = MotifLayer.from_motifs([PWM.from_sequences(SITES)], width=11)
    layer.centre()
    before = layer.logits
    layer.centre()
    np.testing.assert_array_equal(before, layer.logits)


# ------------------------------------------------------------ recovery


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_planted_motif_is_recovered(seed: int) -> None:
    setting = Setting()
    motif, data = plant(seed, setting)
    assert best_correlation(learn(data, seed, setting), motif) > 0.95


def test_ctcf_is_recovered_from_its_peaks() -> None:
    from genoml.data import ShuffledNegatives

    with as_file(files("genoml") / "resources" / "ctcf_peaks.fa.gz") as path:
        codes = base_codes([record.sequence for record in read_fasta(path)][:1000])
    found = learn(ShuffledNegatives.of(codes), 0, Setting(width=24, epochs=8))
    (matches,) = match_motifs([found], jaspar_motifs(), limit=1)
    assert matches[0].name.startswith("MA0139")
    assert matches[0].similarity > 0.8


# ------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MotifLayer(0, 5), "MotifLayer expects n_motifs >= 1, got 0"),
        (lambda: MotifLayer(2, 5, background=(0.5, 0.5, 0.0, 0.0)), "4 probabilities above 0 that sum to 1"),
        (lambda: MotifLayer(2, 5, background=(0.5, 0.5)), "got (0.5, 0.5)"),
        (lambda: MotifLayer.from_motifs([]), "at least one motif"),
        (lambda: MotifLayer.from_motifs([Motif("a", np.eye(4))], width=3), "at most 3 bases, got one of 4"),
        (lambda: MotifLayer.from_motifs([Motif("a", np.eye(4))], pseudocount=0), "use a pseudocount"),
        (lambda: MotifLayer.from_sequences(["ACG", "AC"]), "sites of one length"),
    ],
)
def test_errors_say_what_was_expected_and_what_came(make: object, words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        make()  # type: ignore[operator]
    assert words in str(caught.value)
