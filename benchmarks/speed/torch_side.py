"""PyTorch's side: the same networks from its own modules, eager or compiled."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from benchmarks.speed.rows import Row
from benchmarks.speed.sides import DECAY, RATE, targets_like
from parity.networks import NETWORKS, named_parameters

#: torch.compile is given up after this
COMPILE_LIMIT_S = 60.0


class Promoter(torch.nn.Module):
    """The article's classifier in the fastest of the spellings that were tried, which differ between the two uses.

    The rectifier keeps the order of values, so it may come behind the maximum; the pooling has the quicker gradient,
    ``amax`` the quicker value.
    """

    def __init__(self, filters: int, kernel_size: int) -> None:
        super().__init__()
        self.conv, self.dense = torch.nn.Conv1d(4, filters, kernel_size), torch.nn.Linear(filters, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.conv(x)
        best = torch.nn.functional.adaptive_max_pool1d(z, 1).squeeze(2) if self.training else z.amax(dim=2)
        return self.dense(torch.relu(best))


class Attention(torch.nn.Module):
    """PyTorch's own layer, whose fused way returns no weights; biases at the output only, as in genoml."""

    def __init__(self, features: int, heads: int, weights: bool) -> None:
        super().__init__()
        self.attention = torch.nn.MultiheadAttention(features, heads, batch_first=True, bias=False)
        self.attention.out_proj.bias = torch.nn.Parameter(torch.zeros(features))
        self.weights = weights

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x, x, x, need_weights=self.weights, average_attn_weights=False)[0]


class States(torch.nn.Module):
    """Every state of PyTorch's LSTM."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(features, hidden, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lstm(x)[0]


class SpliceBlock(torch.nn.Module):
    """Normalisation, rectifier and convolution twice, beside a shortcut that is cropped as far."""

    def __init__(self, filters: int, width: int, dilation: int) -> None:
        super().__init__()
        for number in (1, 2):
            self.add_module(f"norm{number}", torch.nn.BatchNorm1d(filters, 1e-3))
            self.add_module(f"conv{number}", torch.nn.Conv1d(filters, filters, width, dilation=dilation))
        self.crop = (width - 1) * dilation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1(torch.relu(self.norm1(x)))
        y = self.conv2(torch.relu(self.norm2(y)))
        return x[:, :, self.crop : -self.crop] + y


class Splice(torch.nn.Module):
    """SpliceAI, cropping as it goes; a skip is cropped before its convolution, which has width 1."""

    def __init__(self, filters: int = 32) -> None:
        super().__init__()
        self.conv, self.skip0 = torch.nn.Conv1d(4, filters, 1), torch.nn.Conv1d(filters, filters, 1)
        for group, (width, dilation) in enumerate(((11, 1), (11, 4), (21, 10), (41, 25)), 1):
            for number in range(1, 5):
                self.add_module(f"block{group}_{number}", SpliceBlock(filters, width, dilation))
            self.add_module(f"skip{group}", torch.nn.Conv1d(filters, filters, 1))
        self.sites = torch.nn.Conv1d(filters, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length = x.shape[2] - 10_000
        x = self.conv(x)
        total = self.skip0(middle(x, length))
        for group in range(1, 5):
            for number in range(1, 5):
                x = self.get_submodule(f"block{group}_{number}")(x)
            total = total + self.get_submodule(f"skip{group}")(middle(x, length))
        return self.sites(total)


def middle(x: torch.Tensor, length: int) -> torch.Tensor:
    start = (x.shape[2] - length) // 2
    return x[:, :, start : start + length]


def build(row: Row) -> torch.nn.Module:
    """The row's network."""
    options = dict(row.options)
    own: dict[str, Callable[..., torch.nn.Module]] = {
        "promoter_cnn": Promoter,
        "attention": Attention,
        "lstm": States,
        "spliceai": Splice,
    }
    module = own.get(row.network, NETWORKS.get(row.network))(**options)  # type: ignore[misc]
    for name, parameter in module.named_parameters():
        if "bias_hh" in name:  # the second bias of an LSTM, which adds nothing to the first
            parameter.requires_grad_(False)
            torch.nn.init.zeros_(parameter)
    return module


def _named(module: torch.nn.Module) -> Iterator[tuple[torch.nn.Parameter, tuple[str, ...], bool]]:
    """(parameter, the names of genoml's parameters that make it up, whether genoml holds the transpose)."""
    if isinstance(module, Attention):
        attention = module.attention
        yield attention.in_proj_weight, ("query_weights", "key_weights", "value_weights"), True
        yield attention.out_proj.weight, ("output_weights",), True
        yield attention.out_proj.bias, ("output_bias",), False
    elif isinstance(module, States):
        yield module.lstm.weight_ih_l0, ("weights_input",), True
        yield module.lstm.weight_hh_l0, ("weights_recurrent",), True
        yield module.lstm.bias_ih_l0, ("bias",), False
    else:
        for name, parameter, transposed in named_parameters(module):
            yield parameter, (name,), transposed


def copy_parameters(params: Mapping[str, np.ndarray], module: torch.nn.Module) -> None:
    """genoml's numbers into PyTorch's network."""
    with torch.no_grad():
        for parameter, names, transposed in _named(module):
            values = [
                np.asarray(params[name]).T if transposed else np.asarray(params[name]) for name in names
            ]
            parameter.copy_(torch.tensor(np.concatenate(values)))


class Torch:
    """PyTorch, eager; ``fused`` takes the optimiser's fused kernel, ``compiled`` puts it through torch.compile."""

    def __init__(self, row: Row, *, fused: bool = False, compiled: bool = False) -> None:
        self.module, self.fused = build(row), fused
        self.model: Any = self.module
        self.x = torch.tensor(np.ascontiguousarray(row.inputs()))
        self.optimizer = self._optimizer()
        self.targets = torch.tensor(targets_like(self.infer()))
        if compiled:
            self._compile()

    def _optimizer(self) -> torch.optim.Optimizer:
        trained = [parameter for parameter in self.module.parameters() if parameter.requires_grad]
        return torch.optim.AdamW(trained, lr=RATE, weight_decay=DECAY, fused=self.fused or None)

    def _compile(self) -> None:
        """Compile for a training step and for an inference, and go back to the weights of before.

        Raises
        ------
        TimeoutError
            If it takes too long; whatever the compiler raises, if it fails.
        """
        before = {name: value.clone() for name, value in self.module.state_dict().items()}
        torch._dynamo.reset()
        self.model = torch.compile(self.module)
        start = time.perf_counter()
        try:
            with interrupted_after(COMPILE_LIMIT_S):
                self.step()
                self.infer()
        except Exception as error:  # the compiler may wrap the interruption
            if time.perf_counter() - start < COMPILE_LIMIT_S:
                raise
            raise TimeoutError(f"not compiled within {COMPILE_LIMIT_S:.0f} s") from error
        self.module.load_state_dict(before)
        self.optimizer = self._optimizer()

    def infer(self) -> np.ndarray:
        self.module.eval()
        with torch.inference_mode():
            return self.model(self.x).numpy()

    def step(self) -> float:
        self.module.train()
        loss = torch.nn.functional.mse_loss(self.model(self.x), self.targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def mean_gradients(self) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for parameter, names, transposed in _named(self.module):
            parts = np.split(self.optimizer.state[parameter]["exp_avg"].numpy(), len(names))
            found |= {name: part.T if transposed else part for name, part in zip(names, parts, strict=True)}
        return found


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the main thread once the time is over."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
