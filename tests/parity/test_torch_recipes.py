"""Published state dicts: the same outputs as the original networks, written here in PyTorch with random weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from genoml.convert import ConvertError, convert_state_dict
from genoml.models import build_model


class Row(nn.Sequential):
    """Layers in a row; a linear layer that the original has behind a reshape is at place 1 of its own row."""


def wide(linear: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Identity(), linear)


def deepsea(size: int) -> nn.Module:
    low = nn.Threshold(0, 1e-6)
    return Row(
        nn.Conv2d(4, 8, (1, 8)), low, nn.MaxPool2d((1, 4)), nn.Dropout(), nn.Conv2d(8, 6, (1, 8)), low,
        nn.MaxPool2d((1, 4)), nn.Dropout(), nn.Conv2d(6, 5, (1, 8)), low, nn.Dropout(), nn.Flatten(),
        wide(nn.Linear(5 * size, 7)), low, wide(nn.Linear(7, 3)), nn.Sigmoid(),
    )  # fmt: skip


class Beluga(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        row: list[nn.Module] = []
        channels = [4, 6, 5, 4, 6, 5, 4]
        for i in range(6):
            row += [nn.Conv2d(channels[i], channels[i + 1], (1, 8)), nn.ReLU()]
            row += [nn.Dropout(), nn.MaxPool2d((1, 4))] if i in (1, 3) else []
        last = Row(nn.Dropout(), nn.Flatten(), wide(nn.Linear(4 * size, 7)), nn.ReLU(), wide(nn.Linear(7, 3)))
        self.model = Row(Row(*row), last, nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


def basset(size: int) -> nn.Module:
    row: list[nn.Module] = []
    for channels, out, width, pool in ((4, 8, 19, 3), (8, 6, 11, 4), (6, 5, 7, 4)):
        row += [nn.Conv2d(channels, out, (width, 1)), nn.BatchNorm2d(out), nn.ReLU(), nn.MaxPool2d((pool, 1))]
    row.append(nn.Flatten())
    for features in (5 * size, 9):
        row += [wide(nn.Linear(features, 9)), nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout()]
    return Row(*row, wide(nn.Linear(9, 4)), nn.Sigmoid())


class DeepSTARR(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.row: list[list[str]] = []
        for i, (channels, out, width) in enumerate(((4, 8, 7), (8, 6, 3), (6, 6, 5), (6, 5, 3)), 1):
            setattr(self, f"conv{i}", nn.Conv1d(channels, out, width, padding="same"))
            setattr(self, f"bn{i}", nn.BatchNorm1d(out, eps=1e-3))
        self.fc1, self.bn5 = nn.Linear(5 * size, 7), nn.BatchNorm1d(7, eps=1e-3)
        self.fc2, self.bn6 = nn.Linear(7, 7), nn.BatchNorm1d(7, eps=1e-3)
        self.fc3 = nn.Linear(7, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for i in range(1, 5):
            x = F.max_pool1d(torch.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x))), 2)
        x = torch.relu(self.bn5(self.fc1(torch.flatten(x, 1))))
        return self.fc3(torch.relu(self.bn6(self.fc2(x))))


class Unit(nn.Module):
    """x + conv(act(norm(conv(act(norm(x))))))."""

    def __init__(self, width: int, dilation: int, norm: str, slope: float) -> None:
        super().__init__()
        self.norm, self.slope = norm, slope
        for i in (1, 2):
            setattr(self, f"{norm}{i}", nn.BatchNorm1d(6))
            setattr(
                self,
                f"conv{i}",
                nn.Conv1d(6, 6, width, dilation=dilation, padding=(width - 1) * dilation // 2),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = x
        for i in (1, 2):
            h = getattr(self, f"conv{i}")(F.leaky_relu(getattr(self, f"{self.norm}{i}")(h), self.slope))
        return x + h


class Skip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(6, 6, 1)


class OpenSpliceAI(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.initial_conv, self.initial_skip = nn.Conv1d(4, 6, 1), Skip()
        units = [Unit(3, d, "batchnorm", 0.1) for d in (1, 1, 1, 1, 4, 4, 4, 4)]
        self.residual_units = nn.ModuleList([*units[:4], Skip(), *units[4:], Skip()])
        self.final_conv = nn.Conv1d(6, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.initial_conv(x)
        skip = self.initial_skip.conv(h)
        for unit in self.residual_units:
            if isinstance(unit, Skip):
                skip = skip + unit.conv(h)
            else:
                h = unit(h)
        return F.softmax(self.final_conv(skip[:, :, 40:-40]), dim=1)


class Pangolin(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.skip = nn.Conv1d(4, 6, 1), nn.Conv1d(6, 6, 1)
        self.resblocks = nn.ModuleList([Unit(3, d, "bn", 0.0) for d in (1, 1, 1, 1, 4)])
        self.convs = nn.ModuleList([nn.Conv1d(6, 6, 1) for _ in range(2)])
        for i in range(1, 9):
            setattr(self, f"conv_last{i}", nn.Conv1d(6, 2 if i % 2 else 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.conv1(x)
        skip = self.skip(h)
        for i, block in enumerate(self.resblocks):
            h = block(h)
            if i in (3, 4):
                skip = skip + self.convs[i - 3](h)
        skip = F.pad(skip, (-16, -16))
        heads = [getattr(self, f"conv_last{i}")(skip) for i in range(1, 9)]
        return torch.cat([torch.sigmoid(y) if i % 2 else F.softmax(y, dim=1) for i, y in enumerate(heads)], 1)


class BPNet(nn.Module):
    """bpnet-lite's, with padding and a cut at the end, where genoml's reads what is there."""

    def __init__(self, tracks: int, controls: int) -> None:
        super().__init__()
        self.iconv = nn.Conv1d(4, 6, 21, padding=10)
        self.rconvs = nn.ModuleList([nn.Conv1d(6, 6, 3, padding=2**i, dilation=2**i) for i in (1, 2, 3)])
        self.fconv = nn.Conv1d(6 + controls, tracks, 75, padding=37, bias=controls == 0)
        self.linear = nn.Linear(6 + (controls > 0), 1)
        self.controls, self.trimming = controls, 47 + 14

    def parts(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        start, end = self.trimming, x.shape[2] - self.trimming
        h = torch.relu(self.iconv(x))
        for conv in self.rconvs:
            h = h + torch.relu(conv(h))
        mean = torch.mean(h[:, :, start - 37 : end + 37], dim=2)
        if self.controls:  # without control reads
            h = torch.cat([h, torch.zeros(len(x), self.controls, x.shape[2])], dim=1)
            mean = torch.cat([mean, torch.zeros(len(x), 1)], dim=1)
        return self.fconv(h)[:, :, start:end], self.linear(mean)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        profile, counts = self.parts(x)
        return torch.cat([torch.flatten(profile, 1), counts], dim=1)


class ChromBPNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bias, self.accessibility = BPNet(1, 0), BPNet(1, 0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (profile, counts), (bias, bias_counts) = self.accessibility.parts(x), self.bias.parts(x)
        total = torch.logsumexp(torch.stack([counts, bias_counts]), dim=0)
        return torch.cat([torch.flatten(profile + bias, 1), total], dim=1)


class Puffin(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 5, 51, padding=25)
        self.conv_inr = nn.Conv1d(4, 5, 15, padding=7)
        self.conv_sim = nn.Conv1d(4, 6, 3, padding=1)
        self.deconv = nn.Conv1d(10, 3, 601, padding=300)
        self.deconv_sim = nn.Conv1d(12, 3, 601, padding=300)
        self.deconv_inr = nn.ConvTranspose1d(10, 3, 15, padding=7)
        self.scaler = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def both(conv: nn.Module) -> torch.Tensor:
            return F.softplus(torch.cat([conv(x), conv(x.flip([1, 2])).flip([2])], 1))

        sums = self.deconv(both(self.conv)) + self.deconv_inr(both(self.conv_inr))
        return F.softplus(sums + self.deconv_sim(both(self.conv_sim)))


#: recipe -> the network, the axes that its input has beside (batch, 4, length), the length
ORIGINALS: dict[str, tuple[Callable[[], nn.Module], int | None, int]] = {
    "basset": (lambda: basset(2), 3, 216),
    "beluga": (lambda: Beluga(11), 2, 480),
    "bpnet-lite": (lambda: BPNet(2, 0), None, 160),
    "bpnet-lite, controls": (lambda: BPNet(1, 2), None, 160),
    "chrombpnet": (ChromBPNet, None, 150),
    "deepsea": (lambda: deepsea(5), 2, 230),
    "deepstarr": (lambda: DeepSTARR(2), None, 47),
    "openspliceai": (OpenSpliceAI, None, 101),
    "pangolin": (Pangolin, None, 60),
    "puffin": (Puffin, None, 700),
}


def original(name: str) -> tuple[nn.Module, torch.Tensor, np.ndarray]:
    """The network in PyTorch with random weights, its input, and ours, whose bases may be in another order."""
    torch.manual_seed(0)
    make, axis, length = ORIGINALS[name]
    model = make().eval()
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                drawn = rng.normal(size=value.shape) / max(value[0].numel(), 4) ** 0.5
                drawn = np.abs(drawn) + 0.5 if "var" in key else drawn
                value.copy_(torch.tensor(drawn))
    x = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (3, length))].transpose(0, 2, 1)
    given = torch.tensor(x)
    return model, given if axis is None else given.unsqueeze(axis), x


def arrays_of(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("name", ORIGINALS)
def test_outputs_equal_those_of_the_original_network(name: str) -> None:
    model, given, x = original(name)
    made = convert_state_dict(name.partition(",")[0], arrays_of(model), length_bp=x.shape[2])
    with torch.no_grad():
        expected = model(given).numpy()
    np.testing.assert_allclose(made.network(x), expected, rtol=1e-5, atol=1e-5)


def test_a_prefix_of_all_names_is_left_out() -> None:
    model, given, x = original("deepstarr")
    arrays = {f"module.{name}": value for name, value in arrays_of(model).items()}
    with torch.no_grad():
        expected = model(given).numpy()
    found = convert_state_dict("deepstarr", arrays, length_bp=x.shape[2]).network(x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_last_softmax_is_cut_off() -> None:
    model, given, x = original("openspliceai")
    made = convert_state_dict("openspliceai", arrays_of(model), length_bp=x.shape[2], cut=True)
    assert made.last == "softmax"
    with torch.no_grad():
        expected = model(given)
    logits = torch.tensor(np.asarray(made.network(x)))
    np.testing.assert_allclose(torch.softmax(logits, 1).numpy(), expected.numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv2.bias": None}, "conv2.bias is missing, expected (6)"),
        (
            {"conv2.weight": np.zeros((6, 9, 3), np.float32), "more": np.zeros(2)},
            "conv2.weight expected (any, 8, any), found (6, 9, 3); and 1 more",
        ),
        ({"more.weight": np.zeros((2, 3))}, "more.weight is unknown, found (2, 3)"),
    ],
)
def test_arrays_that_do_not_fit_are_named_with_the_number_of_others(
    change: dict[str, np.ndarray | None], message: str
) -> None:
    model, _, x = original("deepstarr")
    arrays = {name: value for name, value in (arrays_of(model) | change).items() if value is not None}
    with pytest.raises(ConvertError, match="import: the arrays are not those of deepstarr: ") as caught:
        convert_state_dict("deepstarr", arrays, length_bp=x.shape[2])
    assert str(caught.value).endswith(message)


def test_another_context_than_that_of_the_weights_is_refused() -> None:
    model, _, x = original("openspliceai")
    with pytest.raises(
        ConvertError, match=r"weights were made for 80 bases of context .*, --context says 400"
    ):
        convert_state_dict("openspliceai", arrays_of(model), length_bp=x.shape[2], context=400)


def test_arrays_with_genomls_own_names_are_read_into_its_network() -> None:
    model = build_model("promoter_cnn")
    arrays = {name: np.asarray(value) for name, value in {**model.params, **model.state}.items()}
    x = np.random.default_rng(0).normal(size=(2, 4, 60)).astype(np.float32)
    np.testing.assert_array_equal(convert_state_dict("genoml:promoter_cnn", arrays).network(x), model(x))


@pytest.mark.parametrize("name", ["splicer", "genoml:splicer"])
def test_an_unknown_recipe_names_those_that_are_known(name: str) -> None:
    with pytest.raises(ConvertError, match=r"no (recipe|network) .* known: .*basset"):
        convert_state_dict(name, {})
