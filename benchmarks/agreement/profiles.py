"""Profile networks beside bpnet-lite: the losses of the same steps."""

from __future__ import annotations

import importlib.metadata
import shutil
import tempfile
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.agreement.table import Table
from genoml.data import Augmentation, ProfileData, profile_data
from genoml.models import bias_factorised, bpnet
from genoml.nn.layer import Layer, Pass
from genoml.optim import Adam
from genoml.random import host_generator
from genoml.train import Profile
from genoml.train.predict import encode_batch

DATA = Path(__file__).resolve().parents[2] / "examples" / "data"
STEPS, BATCH, FILTERS, RATE = 50, 8, 16, 1e-3


def tables(data: Path) -> list[Table]:
    try:
        version = importlib.metadata.version("bpnet-lite")
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit("this comparison trains bpnet-lite; pip install 'bpnet-lite==1.1.*' torch") from None
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        return [_steps(version)]


def _windows(length_bp: int, profile_bp: int, **options: Any) -> ProfileData:
    shutil.copy(DATA / "ctcf_profiles.fa.gz", "genome.fa.gz")
    return profile_data(
        "genome.fa.gz", DATA / "ctcf_profiles.bed",
        [DATA / "ctcf_profiles.plus.bw", DATA / "ctcf_profiles.minus.bw"],
        strands="+-", length_bp=length_bp, profile_bp=profile_bp, edges="drop", outlier_quantile=None, **options,
    )  # fmt: skip


# ------------------------------------------------------------ the same weights


def copy_weights(ours: Layer, theirs: Any, *, dilated: int) -> None:
    """Copy bpnet-lite's weights into a network of ``bpnet``."""
    body, heads = ("body.", ("profile", "counts")) if "body.conv.weights" in ours.params else ("", None)
    profile, counts = heads or ("heads.profile", "heads.counts.dense")
    pairs = [(f"{body}conv", theirs.iconv)]
    pairs += [(f"{body}dilated{i + 1}.conv", theirs.rconvs[i]) for i in range(dilated)]
    pairs += [(f"{profile}.conv", theirs.fconv), (counts, theirs.linear)]
    for path, layer in pairs:
        weights = layer.weight.detach().numpy()
        ours.params[f"{path}.weights"] = np.array(weights.T if layer is theirs.linear else weights)
        ours.params[f"{path}.bias"] = np.array(layer.bias.detach().numpy())


def _our_losses(model: Layer, objective: Profile, batches: list[Any]) -> list[float]:
    optimizer, losses = Adam(RATE), []
    for step, rows in enumerate(batches):
        x = encode_batch(rows.codes, model.backend, model.dtype, "zero", rows.control)
        outputs, pullback = model.vjp(x, Pass(training=True, step=step))
        loss, grad = objective.loss(outputs, rows.targets)
        optimizer.update(model.params, pullback(grad, need_x=False)[1])
        losses.append(float(loss))
    return losses


def _their_losses(model: Any, weight: float, batches: list[Any]) -> list[float]:
    """A multinomial and a count a track; with one track that is bpnet-lite's own ``_mixture_loss``."""
    import torch
    from bpnetlite.losses import MNLLLoss, _mixture_loss, log1pMSELoss

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer, losses = torch.optim.Adam(trained, lr=RATE), []
    kind = trained[0].dtype
    for rows in batches:
        x = torch.from_numpy(np.eye(4)[rows.codes].transpose(0, 2, 1).copy()).to(kind)
        y = torch.from_numpy(np.ascontiguousarray(rows.targets)).to(kind)
        control = None if rows.control is None else torch.from_numpy(rows.control.copy()).to(kind)
        logits, counts = model(x) if control is None else model(x, control)
        if y.shape[1] == 1:
            loss = _mixture_loss(y, logits, counts, weight)[2]
        else:
            shape = MNLLLoss(torch.log_softmax(logits, dim=-1), y).mean()
            loss = shape + weight * log1pMSELoss(counts[..., None], y.sum(dim=2)[..., None]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def _steps(version: str) -> Table:
    import torch

    rows = []
    for name, tracks, controls, biased in (
        ("one track", 1, 0, False),
        ("two strands, two control tracks", 2, 2, False),
        ("one track, and a frozen bias model", 1, 0, True),
    ):
        control = [DATA / "ctcf_profiles.control.bw"] * 2 if controls else ()
        data = _windows(2114, 1000, control=control)
        rng = host_generator(0, "agreement")
        drawn = [rng.integers(0, len(data), BATCH) for _ in range(STEPS)]
        batches = [data.batch(index, Augmentation(shift_bp=50), rng) for index in drawn]
        if tracks == 1:
            batches = [batch._replace(targets=batch.targets.sum(axis=1, keepdims=True)) for batch in batches]
        objective = Profile(tracks, 1000, count_weight=10.0)
        found = {}
        for precision in ("float64", "float32"):
            ours, theirs = _pair(tracks, controls, biased, precision)
            found[precision] = (
                np.array(_our_losses(ours, objective, batches)),
                np.array(_their_losses(theirs, 10.0, batches)),
            )
        (ours64, theirs64), (ours32, theirs32) = found["float64"], found["float32"]
        pairs = ((ours64, theirs64), (ours32, theirs32), (theirs32, theirs64))
        apart = [f"{np.abs(one / other - 1.0).max():.1e}" for one, other in pairs]
        rows.append([name, theirs64[0], theirs64[-1], *apart])
    return Table(
        "Profiles: the losses of bpnet-lite",
        f"{STEPS} steps of Adam at {RATE} from the weights of bpnet-lite {version} (`BPNet`, `ChromBPNet`; PyTorch "
        f"{torch.__version__}), on the same batches of {BATCH} windows of 2114 bp to 1000; {FILTERS} filters, "
        "8 dilated layers. The largest relative difference of the losses of all steps. Reads and CTCF peaks of "
        "examples/data, windows turned and moved.",
        (
            "network",
            "loss at step 1",
            f"at step {STEPS}",
            "difference, double precision",
            "single precision",
            "bpnet-lite, single beside double",
        ),
        rows,
        [
            "bpnet-lite takes one multinomial and one count over both strands; genoml, as the paper, one a strand. The "
            "second row is bpnet-lite's network with a count for each strand, and its losses a strand.",
            "In single precision rounding grows from step to step, since Adam divides each gradient by its size. The "
            "last column has what this makes of bpnet-lite alone.",
        ],
    )


def _pair(tracks: int, controls: int, biased: bool, precision: str) -> tuple[Layer, Any]:
    """A network of genoml and the same one of bpnet-lite, with its weights."""
    import torch
    from bpnetlite import BPNet
    from bpnetlite.chrombpnet import ChromBPNet

    torch.manual_seed(0)

    def pair(filters: int, dilated: int) -> tuple[Layer, Any]:
        ours = bpnet(tracks=tracks, filters=filters, dilated_layers=dilated, control_tracks=controls)
        options = {"n_outputs": tracks, "n_control_tracks": controls, "verbose": False}
        theirs = BPNet(n_filters=filters, n_layers=dilated, **options)
        if tracks > 1:
            theirs.linear = torch.nn.Linear(theirs.linear.in_features, tracks)
            theirs.forward = _of_strands(theirs)
        ours.to(dtype=precision)
        theirs.to(getattr(torch, precision))
        copy_weights(ours, theirs, dilated=dilated)
        return ours, theirs

    ours, theirs = pair(FILTERS, 8)
    if not biased:
        return ours, theirs
    of_bias, their_bias = pair(8, 4)
    return bias_factorised(ours, of_bias), ChromBPNet(their_bias, theirs)


def _of_strands(network: Any) -> Callable[..., Any]:
    """bpnet-lite's forward pass with a count for each strand; it gives the linear layer's result another shape."""
    import torch

    def forward(x: Any, control: Any) -> Any:
        h = network.irelu(network.iconv(x))
        for conv, relu in zip(network.rconvs, network.rrelus, strict=True):
            h = h + relu(conv(h))
        start, end = network.trimming, x.shape[2] - network.trimming
        logits = network.fconv(torch.cat([h, control], dim=1))[:, :, start:end]
        total = control[:, :, start - 37 : end + 37].sum(dim=(1, 2))
        mean = h[:, :, start - 37 : end + 37].mean(dim=2)
        return logits, network.linear(torch.cat([mean, torch.log(total[:, None] + 1)], dim=1))

    return forward
