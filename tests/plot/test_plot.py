"""Figures: what is drawn where, and nothing beyond the axes that were given."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.path import Path

from genoml import plot
from genoml.evaluation import reliability_curve
from genoml.metrics import aupr, auroc
from genoml.plot import logos


@pytest.fixture
def ax() -> Axes:
    return Figure(figsize=(4, 3)).subplots()


def boxes(ax: Axes) -> dict[str, list[np.ndarray]]:
    """Base -> (x0, y0, x1, y1) of each of its letters, in data coordinates."""
    found: dict[str, list[np.ndarray]] = {}
    bases = {colour: base for base, colour in plot.BASE_COLOURS.items()}
    for patch in ax.patches:
        base = bases[to_hex(patch.get_facecolor())]
        glyph = logos._glyph(base)
        for vertices in patch.get_path().vertices.reshape(-1, len(glyph.vertices), 2):
            found.setdefault(base, []).append(Path(vertices, glyph.codes).get_extents().extents)
    return found


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_letters_are_as_high_as_their_information(ax):
    assert plot.logo(ax, [[10, 0, 0, 0], [0, 5, 5, 0], [1, 1, 1, 1]], start=7) is ax
    drawn = boxes(ax)
    np.testing.assert_allclose(drawn["A"][0], [6.53, 0, 7.47, 2], atol=1e-6)
    np.testing.assert_allclose(drawn["C"][0][[1, 3]], [0, 0.5], atol=1e-6)
    np.testing.assert_allclose(drawn["G"][0][[1, 3]], [0.5, 1.0], atol=1e-6)
    assert "T" not in drawn
    assert ax.get_xlim() == (6.5, 9.5)
    assert (ax.get_ylim(), ax.get_ylabel(), ax.get_xlabel()) == ((0, 2), "bits", "position (bp)")


def test_few_sites_lower_a_logo(ax):
    plot.logo(ax, [[10, 0, 0, 0]], n_sites=10)
    assert boxes(ax)["A"][0][3] == pytest.approx(2 - 0.2164, abs=1e-4)


def test_letters_stack_outwards_on_both_sides_of_zero(ax):
    plot.letters(ax, [[1.0, -3.0, 2.0, -0.5]])
    drawn = {base: found[0][[1, 3]] for base, found in boxes(ax).items()}
    expected = {"A": [0, 1], "G": [1, 3], "T": [-0.5, 0], "C": [-3.5, -0.5]}
    assert drawn.keys() == expected.keys()
    for base, heights in expected.items():
        np.testing.assert_allclose(drawn[base], heights, atol=1e-6)
    assert ax.get_ylim() == (-3.5, 3.0)


def test_rna_has_the_letter_u_where_dna_has_t(ax):
    def drawn(draw):
        ax.clear()
        draw()
        return np.concatenate([np.asarray(patch.get_path().vertices) for patch in ax.patches])

    ways = (
        lambda alphabet: plot.logo(ax, [[0, 0, 0, 10]], alphabet=alphabet),
        lambda alphabet: plot.letters(ax, [[0, 0, 0, 2.0]], alphabet=alphabet),
        lambda alphabet: plot.contributions(ax, [2.0], "U" if alphabet == "RNA" else "T"),
    )
    t, u = (np.asarray(logos._glyph(base).vertices) for base in "TU")
    for way in ways:
        for alphabet, glyph in (("DNA", t), ("RNA", u)):
            found = drawn(lambda way=way, alphabet=alphabet: way(alphabet))
            np.testing.assert_allclose((found - [-0.47, 0]) / [0.94, 2.0], glyph, atol=1e-9)


def test_glyphs_fill_the_unit_square():
    for base in "ACGTU":
        np.testing.assert_allclose(logos._glyph(base).get_extents().extents, [0, 0, 1, 1], atol=1e-9)


def test_training_curve_draws_what_the_log_has_and_marks_the_best(ax):
    history = [
        {"epoch": 1, "loss": 0.7, "validation_loss": 0.6},
        {"epoch": 2, "loss": 0.5, "validation_loss": 0.4},
        {"epoch": 3, "loss": 0.4, "validation_loss": None},
        {"epoch": 4, "loss": float("nan"), "validation_loss": 0.5},
    ]
    assert plot.training_curve(ax, history, best="min") is ax
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[1, 0.7], [2, 0.5], [3, 0.4]])
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), [[1, 0.6], [2, 0.4], [4, 0.5]])
    np.testing.assert_array_equal(ax.lines[2].get_xydata(), [[2, 0.4]])
    assert texts(ax) == ["training", "validation, best 0.400 at epoch 2"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")


def test_training_curve_takes_other_quantities(ax):
    history = [{"epoch": 1, "validation_auroc": 0.8}, {"epoch": 2, "validation_auroc": 0.9}]
    series = {"validation_auroc": "validation", "absent": "absent"}
    plot.training_curve(ax, history, series=series, ylabel="AUROC", best="max")
    assert texts(ax) == ["validation, best 0.900 at epoch 2"]


def test_training_curve_of_nothing_or_one_epoch_is_drawn(ax):
    plot.training_curve(ax, [])
    assert texts(ax) == []
    plot.training_curve(ax, [{"epoch": 1, "loss": 0.7}])
    assert ax.lines[0].get_marker() == "o"


def test_training_curve_names_a_wrong_best(ax):
    with pytest.raises(ValueError, match="best 'min' or 'max', got 'lowest'"):
        plot.training_curve(ax, [{"epoch": 1, "loss": 0.7}], best="lowest")


def case(seed: int, size: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, size)
    return rng.normal(size=size).round(1) + targets, targets


def area(points: np.ndarray) -> float:
    return abs(float(np.trapezoid(points[:, 1], points[:, 0])))


def test_the_area_under_the_drawn_roc_is_the_auroc(ax):
    curves = {"model": case(0), "baseline": case(1)}
    assert plot.roc(ax, curves) is ax
    for line, (predictions, targets) in zip(ax.lines[1:], curves.values(), strict=False):
        assert area(line.get_xydata()) == pytest.approx(auroc(predictions, targets), abs=1e-12)
    assert f"model, AUROC {auroc(*curves['model']):.3f}" in texts(ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("false positive rate", "true positive rate")


def test_the_area_under_the_drawn_precision_recall_steps_is_the_aupr(ax):
    curves = {"model": case(2), "baseline": case(3)}
    assert plot.pr(ax, curves) is ax
    for line, (predictions, targets) in zip(ax.lines[2:4], curves.values(), strict=True):
        assert area(line.get_xydata()) == pytest.approx(aupr(predictions, targets), abs=1e-12)
    for line, (_, targets) in zip(ax.lines[:2], curves.values(), strict=True):
        assert line.get_ydata()[0] == pytest.approx(targets.mean())
    assert f"baseline, AUPR {aupr(*curves['baseline']):.3f}" in texts(ax)


@pytest.mark.parametrize(("draw", "metric"), [(plot.roc, auroc), (plot.pr, aupr)])
def test_long_curves_are_thinned_and_keep_their_area(ax, draw, metric):
    rng = np.random.default_rng(4)
    targets = rng.integers(0, 2, 100_000)
    predictions = rng.normal(size=100_000) + 1.5 * targets
    draw(ax, {"model": (predictions, targets)})
    points = ax.lines[1].get_xydata()
    assert len(points) <= 601
    assert area(points) == pytest.approx(metric(predictions, targets), abs=2e-3)


@pytest.mark.parametrize("draw", [plot.roc, plot.pr])
def test_curves_of_one_class_are_named_undefined_without_a_warning(draw):
    figure = Figure()
    ax = draw(figure.subplots(), {"model": ([0.1, 0.9], [0, 0])})
    FigureCanvasAgg(figure).draw()
    assert any("undefined" in text for text in texts(ax))


def test_names_are_drawn_as_they_are():
    figure = Figure()
    ax = plot.roc(figure.subplots(), {"_a $x^2 < b & c": case(0)})
    FigureCanvasAgg(figure).draw()
    assert any(text.startswith("_a $x^2 < b & c, AUROC") for text in texts(ax))


def test_wrong_matrices_are_named(ax):
    with pytest.raises(ValueError, match=r"got \(4, 9\)"):
        plot.logo(ax, np.ones((4, 9)))
    with pytest.raises(ValueError, match=r"finite heights \(length, 4\)"):
        plot.letters(ax, np.ones((4, 9)))
    with pytest.raises(ValueError, match="finite heights"):
        plot.letters(ax, [[np.nan, 0, 0, 0]])


def test_the_letters_of_a_sequence_stand_up_and_hang_down(ax):
    plot.contributions(ax, [1.0, -2.0, 0.5], "ATN", start=3, ylabel="logit", limits=(-3, 3))
    drawn = boxes(ax)
    np.testing.assert_allclose(drawn["A"][0], [2.53, 0, 3.47, 1], atol=1e-6)
    np.testing.assert_allclose(drawn["T"][0], [3.53, -2, 4.47, 0], atol=1e-6)
    assert drawn.keys() == {"A", "T"}
    assert (ax.get_ylim(), ax.get_ylabel()) == ((-3, 3), "logit")


def test_an_attention_map_has_the_sequence_on_both_axes(ax):
    weights = np.eye(4)[[1, 0, 3, 2]]
    plot.attention_map(ax, weights, "ACGU")
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), weights)
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [label.get_text() for label in labels] == list("ACGU")
        assert labels[3].get_color() == plot.BASE_COLOURS["T"]
    assert image.get_extent() == [-0.5, 3.5, 3.5, -0.5]
    assert image.cmap(0.0)[3] == 0.0  # nothing is transparent, for pages of any colour


def test_a_map_of_a_long_sequence_has_strips_of_colour_instead(ax):
    plot.attention_map(ax, np.full((10, 10), 0.1), "ACGT" * 50, highest=1.0)
    assert image_limits(ax) == (0.0, 1.0)
    assert ax.get_xlabel() == "position read (bp)"
    assert len(ax.collections) >= 8
    assert ax.images[0].get_extent() == [-0.5, 199.5, 199.5, -0.5]


def image_limits(ax: Axes) -> tuple[float, float]:
    return ax.images[0].norm.vmin, ax.images[0].norm.vmax


def test_a_confusion_table_counts_each_cell(ax):
    plot.confusion(ax, [0.9, 0.5, 0.1, 0.7], [1, 1, 1, 0], threshold=0.5)
    assert texts(ax) == ["2\n66.7%", "1\n33.3%", "1\n100.0%", "0\n0.0%"]
    assert "0.5" in ax.get_xlabel()


def test_a_reliability_diagram_shows_the_curve(ax):
    probabilities, targets = [0.1, 0.15, 0.9, 0.95], [0, 0, 1, 0]
    plot.reliability(ax, probabilities, targets, bins=2)
    curve = reliability_curve(probabilities, targets, 2)
    points = ax.lines[-1].get_xydata()
    np.testing.assert_allclose(points, np.stack([curve.mean_prediction, curve.observed], axis=1))


def test_a_histogram_shows_shares_of_each_class(ax):
    plot.histogram(ax, [0.1, 0.2, 0.9, 0.8], [0, 0, 1, 0], bins=2, threshold=0.5)
    shares = [patch.get_data().values.tolist() for patch in ax.patches[::2]]
    assert shares == [[0.0, 1.0], [pytest.approx(2 / 3), pytest.approx(1 / 3)]]
    assert texts(ax) == ["positives, 1", "negatives, 3"]


def test_wrong_maps_and_scores_are_named(ax):
    for weights, words in (
        (np.ones((2, 3)), r"\(positions, positions\), got \(2, 3\)"),
        ([[-1.0]], "0 or more"),
        ([[np.nan]], "finite"),
    ):
        with pytest.raises(ValueError, match=words):
            plot.attention_map(ax, weights)
    with pytest.raises(ValueError, match="at least 2 letters, got 1"):
        plot.attention_map(ax, np.ones((2, 2)), "A")
    with pytest.raises(ValueError, match=r"expects heights \(3,\), got \(2,\)"):
        plot.contributions(ax, [1.0, 2.0], "ACG")
    for draw in (plot.confusion, plot.histogram, plot.reliability):
        with pytest.raises(ValueError, match=r"got \(2,\) and \(3,\)"):
            draw(ax, [0.1, 0.2], [0, 1, 1])


def test_neither_pyplot_nor_the_global_settings_are_touched():
    code = """
import sys
import genoml.plot as plot
assert "matplotlib" not in sys.modules
import matplotlib
# Reading the setting of the backend would load pyplot.
settings = lambda: {key: matplotlib.rcParams[key] for key in matplotlib.rcParams if key != "backend"}
before = settings()
from matplotlib.figure import Figure
figure = Figure()
axes = figure.subplots(2, 2)
plot.logo(axes[0, 0], [[1, 0, 0, 0]])
plot.training_curve(axes[0, 1], [{"epoch": 1, "loss": 1.0}], best="min")
plot.roc(axes[1, 0], {"model": ([0.1, 0.2], [0, 1])})
plot.pr(axes[1, 1], {"model": ([0.1, 0.2], [0, 1])})
figure.draw_without_rendering()
assert settings() == before
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_missing_matplotlib_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (lambda: plot.logo(None, [[1, 0, 0, 0]]), lambda: plot.training_curve(None, [])):
        with pytest.raises(ImportError, match=r"pip install genoml-xp\[plot\]"):
            draw()
    for draw in (plot.roc, plot.pr):
        with pytest.raises(ImportError, match=r"pip install genoml-xp\[plot\]"):
            draw(None, {})
