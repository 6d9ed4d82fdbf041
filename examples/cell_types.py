"""In which of several cell types is a region active? An AnnData file in, the same file with a layer of predictions out.

Real files have tens of cell types and hundreds of thousands of regions. This one is made of 3,000 shipped windows of
fly chromosome X and their activities with two promoters, developmental and housekeeping, in the place of cell types.
With a file and a genome of your own: python examples/cell_types.py --h5ad FILE --genome GENOME.fa --out PREDICTED.h5ad
The same by command, on the shipped windows:

    python examples/cell_types.py --make REGIONS.h5ad
    genoml train --h5ad REGIONS.h5ad --out RUN
    genoml predict RUN --h5ad REGIONS.h5ad --out PREDICTED.h5ad

Needs the extra scverse (anndata).
"""

import argparse
import csv
import gzip
import tempfile
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas

from genoml import read_h5ad, use_backend, write_h5ad_layer
from genoml.data import Augmentation, cell_type_data, split_three_ways
from genoml.models import build_model
from genoml.optim import AdamW
from genoml.optim.schedules import one_cycle
from genoml.train import CellTypes, FitOptions, fit
from genoml.train.predict import evaluate, predict

SHIPPED = Path(__file__).parent / "data" / "deepstarr_sample.tsv.gz"
TYPES = ("developmental", "housekeeping")


def region_name(row):
    return f"{row['chromosome']}:{row['start']}-{row['end']}{row['strand']}"


def write_shipped(path, every):
    """Regions as columns, with their sequences; activities as rows, turned back from log2."""
    with gzip.open(SHIPPED, "rt", newline="") as file:
        named = {region_name(row): row for row in list(csv.DictReader(file, delimiter="\t"))[::every]}
    names, rows = list(named), list(named.values())
    var = pandas.DataFrame({"chr": [row["chromosome"] for row in rows]}, index=names)
    for name in ("start", "end"):
        var[name] = [int(row[name]) for row in rows]
    var["sequence"] = [row["sequence"] for row in rows]
    activity = np.array([[2.0 ** float(row[kind]) for row in rows] for kind in TYPES], np.float32)
    anndata.AnnData(X=activity, obs=pandas.DataFrame(index=list(TYPES)), var=var).write_h5ad(path)


def in_parts(data):
    """The end of the genome is held out, not random rows: regions overlap, and both strands of many are there."""
    order = np.lexsort([data.intervals.start, data.intervals.codes])
    parts = np.repeat(np.array(["training", "validation", "test"], object), [8, 1, 1])
    groups = np.empty(len(data), object)
    groups[order] = parts[np.arange(len(data)) * 10 // len(data)]
    return replace(data, groups=groups)


def train(training, validation, epochs):
    """DeepSTARR in small, on both strands; activities are about 1, so the multiplier of the logarithms is 1."""
    sizes = {"filters": [64, 32, 32, 32], "dense_units": 64, "n_outputs": training.targets.shape[1]}
    model = build_model("deepstarr", {**sizes, "length_bp": training.codes.shape[1]})
    options = FitOptions(
        epochs=epochs,
        optimizer=AdamW(0.003, weight_decay=0.05),
        schedule=one_cycle(epochs * -(-len(training) // 64)),
        augmentation=Augmentation(reverse_complement=True, shift_bp=5),
        objective=CellTypes(multiplier=1.0),
    )
    fit(model, training, validation=validation, options=options)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch or jax")
    parser.add_argument("--h5ad", type=Path, help="regions by cell types; the shipped windows if left out")
    parser.add_argument("--genome", type=Path, help="FASTA, for a file of your own")
    parser.add_argument("--layer", help="layer to learn, in place of X")
    parser.add_argument("--out", type=Path, help="copy of the file with the layer `genoml`")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="every fifth window, 3 epochs")
    parser.add_argument("--make", type=Path, help="write the AnnData file of the shipped windows, and stop")
    arguments = parser.parse_args()
    if arguments.make is not None:
        write_shipped(arguments.make, 5 if arguments.quick else 1)
        return
    use_backend(arguments.backend)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.h5ad or Path(folder) / "shipped.h5ad"
        if arguments.h5ad is None:
            write_shipped(path, 5 if arguments.quick else 1)
        matrix = read_h5ad(path, layer=arguments.layer)
        column = None if arguments.genome else "sequence"
        data = cell_type_data(matrix, arguments.genome, sequence=column)
        training, validation, test = split_three_ways(
            in_parts(data), validation=["validation"], test=["test"]
        )
        model = train(training, validation, 3 if arguments.quick else arguments.epochs)
        for name, score in evaluate(model, test).items():
            print(f"{name:28}{score:10.3f}")
        out = arguments.out or Path(folder) / "predicted.h5ad"
        write_h5ad_layer(path, out, matrix, predict(model, data.codes))
        written = anndata.read_h5ad(out)
        print(f"layer genoml of {written.n_obs} cell types and {written.n_vars} regions, as named before")


if __name__ == "__main__":
    main()
