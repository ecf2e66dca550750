"""In which numbers the forward pass is computed. Weights and the optimizer stay in float32."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Precision:
    """dtype: "float32" or "bfloat16"; device_type: "cpu", "cuda" or "mps"."""

    device_type: str
    dtype: str

    def autocast(self) -> AbstractContextManager[object]:
        """Matrix products in bf16, everything that sums in float32; nothing at all for float32."""
        if self.dtype == "float32":
            return nullcontext()
        return torch.autocast(self.device_type, torch.bfloat16)
