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

    def prepare(self) -> None:
        """On a GPU, products that stay in float32 beside bf16 run on its matrix units too; in a run that was asked to
        be float32 they stay exact."""
        if self.device_type == "cuda":
            torch.set_float32_matmul_precision("high" if self.dtype == "bfloat16" else "highest")
