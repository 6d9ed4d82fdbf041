"""Makes the specimens of PyTorch in this folder, once, with PyTorch 2.13: ``python make_torch.py``."""

import gzip
import io
from pathlib import Path

import numpy as np
import torch

torch.manual_seed(7)
DTYPES = (
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "complex64",
)
model = torch.nn.Sequential(torch.nn.Conv1d(4, 3, 5), torch.nn.BatchNorm1d(3), torch.nn.Linear(6, 2))
state = model.state_dict()
shared = torch.randn(12)
state |= {name: (torch.randn(2, 3) * 50).to(getattr(torch, name)) for name in DTYPES}
state |= {"view": shared[2:8:2], "turned": shared.reshape(3, 4).T, "same": shared, "empty": torch.zeros(0, 3)}
checkpoint = {"state_dict": state, "epoch": 7, "note": "best", "optimizer": {"state": {}, "param_groups": []}}
for name, is_zip in (("zip", True), ("stream", False)):
    made = io.BytesIO()
    torch.save(checkpoint, made, _use_new_zipfile_serialization=is_zip)
    Path(f"{name}.pt.gz").write_bytes(gzip.compress(made.getvalue(), mtime=0))
arrays = {name: (value.float() if name == "bfloat16" else value).numpy() for name, value in state.items()}
np.savez_compressed("expected_torch.npz", **arrays)
