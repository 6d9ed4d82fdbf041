"""Where do the reads lie? BPNet on the two strands of a ChIP-exo, with a control track, from bigWig files.

800 real CTCF peaks lie in a small genome; the reads around them are made up, drawn from a model of CTCF's matrix
(examples/data/make_ctcf_profiles.py), so that it is known what there is to learn. A network reads 272 bp and predicts,
for each strand, how many reads fall on the 150 bp in the middle, and where. It is judged on a part of the genome that
it has not seen: the Jensen-Shannon distance of predicted to observed profiles (0 is best), beside that of the mean
profile, and the correlation of the counts. The same script runs on any backend:
python examples/ctcf_profiles.py --backend cupy
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from genoml import save_run, use_backend
from genoml.data import Augmentation, profile_data, split_by_group
from genoml.models import build_model
from genoml.optim import AdamW
from genoml.optim.schedules import one_cycle
from genoml.train import FitOptions, Profile, fit
from genoml.train.predict import evaluate

DATA = Path(__file__).parent / "data"
LENGTH_BP, PROFILE_BP = 272, 150


def read_profiles(folder):
    """Windows around the peaks, with reads of both strands and of the control; bases and reads stay on disk."""
    genome = folder / "ctcf_profiles.fa.gz"
    shutil.copy(DATA / genome.name, genome)  # its store is made beside it
    return profile_data(
        genome,
        DATA / "ctcf_profiles.bed",
        [DATA / "ctcf_profiles.plus.bw", DATA / "ctcf_profiles.minus.bw"],
        control=DATA / "ctcf_profiles.control.bw",
        strands="+-",
        length_bp=LENGTH_BP,
        profile_bp=PROFILE_BP,
        outlier_quantile=None,
    )


def network(seed):
    """BPNet, smaller than published: three dilated layers see 48 bp around each base."""
    sizes = {"tracks": 2, "profile_length_bp": PROFILE_BP, "filters": 16, "dilated_layers": 3}
    return build_model("bpnet", {**sizes, "control_tracks": 1}, seed=seed)


def train(training, validation, epochs, seed):
    """Windows are turned, and moved by up to 20 bp, in every epoch anew; reads are taken from where they then lie."""
    model = network(seed)
    steps = epochs * -(-len(training) // 16)
    options = FitOptions(
        epochs=epochs,
        batch_size=16,
        optimizer=AdamW(0.02),
        schedule=one_cycle(steps),
        augmentation=Augmentation(shift_bp=20),
        objective=Profile(2, PROFILE_BP),
        seed=seed,
    )
    history = fit(model, training, validation=validation, options=options)
    return model, history


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backend", default=None, help="numpy (default), cupy, torch, jax")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None, help="run folder to write")
    parser.add_argument("--quick", action="store_true", help="two epochs: does it run?")
    options = parser.parse_args()
    epochs = 2 if options.quick else options.epochs
    with use_backend(options.backend) as backend, tempfile.TemporaryDirectory() as folder:
        data = read_profiles(Path(folder))
        rest, test = split_by_group(data, ["part5"])
        training, validation = split_by_group(rest, ["part4"])
        print(f"{len(training)} windows to train on, {len(test)} to test, backend {backend.name}")
        model, history = train(training, validation, epochs, options.seed)
        scores = evaluate(model, test)
        if options.out is not None:
            save_run(model, options.out, history=history)
    print(f"weight of the counts {model.trained.objective.count_weight:.2f}, best epoch {history.best_epoch}")
    print(
        f"distance of profiles {scores['profile_jsd']:.3f}; of the mean profile {scores['mean_profile_jsd']:.3f}"
    )
    print(f"correlation of log counts {scores['counts_pearson']:.3f}")


if __name__ == "__main__":
    main()
