"""Specificity of regions for cell types: the Gini index of their values, and how well it is predicted."""

from __future__ import annotations

import numpy as np

from genoml.metrics import pearson


def gini(values: np.ndarray) -> np.ndarray:
    """Gini index of each row: 0 where all cell types have the same value, (T - 1) / T where one has all.

        G = sum_j (2 j - T - 1) v_(j) / (T sum_j v_j),    v_(1) <= ... <= v_(T)

    Parameters
    ----------
    values : (regions, cell types)
        0 or more.

    Returns
    -------
    (regions,) float64
        NaN for a row of zeros.

    Raises
    ------
    ValueError
        For another shape, or a value below 0.

    References
    ----------
    Gini (1912), Variabilita e mutabilita; CREsted ranks and filters regions by it, doi:10.1101/2025.04.02.646812.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(f"gini expects values (regions, cell types), got {values.shape}")
    if values.size and values.min() < 0:
        raise ValueError(f"gini expects values of 0 or more, got {values.min():g}")
    count, total = values.shape[1], values.sum(axis=1)
    ranks = 2.0 * np.arange(1, count + 1) - count - 1
    with np.errstate(invalid="ignore"):
        found: np.ndarray = np.sort(values, axis=1) @ ranks / (count * total)
    return found


def specificity(values: np.ndarray) -> np.ndarray:
    """Share of each cell type in a region's value times the region's Gini index, (regions, cell types).

    Near 1 for a region of one cell type alone, near 0 for what all cell types have in common, or another one has.
    Arguments and errors are those of ``gini``; a row of zeros has 0.
    """
    index = np.nan_to_num(gini(values))
    total = np.asarray(values, np.float64).sum(axis=1, keepdims=True)
    found: np.ndarray = np.asarray(values, np.float64) / np.where(total > 0, total, 1.0) * index[:, None]
    return found


def _pearson_of_rows(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson's r of each row; NaN where one of them is constant."""
    x, y = (each - each.mean(axis=1, keepdims=True) for each in (x, y))
    with np.errstate(invalid="ignore"):
        found: np.ndarray = np.sum(x * y, axis=1) / np.sqrt(np.sum(x * x, axis=1) * np.sum(y * y, axis=1))
    return found


def specificity_scores(predictions: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """How well cell types are told apart within regions; undefined scores are left out.

    Parameters
    ----------
    predictions, targets : (regions, cell types)
        Values of 0 or more; targets below 0 count as 0.

    Returns
    -------
    dict
        ``pearson_across``: mean over regions of Pearson's r across cell types. ``gini``: Pearson's r of the predicted
        and the measured Gini index. ``top_cell_type``: share of regions whose cell type of greatest value is predicted.
    """
    measured = np.maximum(np.asarray(targets, np.float64), 0.0)
    predicted = np.asarray(predictions, np.float64)
    if not len(measured) or measured.shape[1] < 2:
        return {}
    across = _pearson_of_rows(predicted, measured)
    known = ~np.isnan(across)
    scores = {"top_cell_type": float(np.mean(predicted.argmax(axis=1) == measured.argmax(axis=1)))}
    if known.any():
        scores["pearson_across"] = float(across[known].mean())
    indices = np.stack([gini(predicted), gini(measured)])
    both = ~np.isnan(indices).any(axis=0)
    if both.sum() > 1:
        r = float(pearson(indices[0, both], indices[1, both]))
        if not np.isnan(r):
            scores["gini"] = r
    return scores
