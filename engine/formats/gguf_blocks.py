"""Numbers as GGUF stores them, back to what a model computes with.

Blocks of 32 share one half-precision scale d. q8_0: d, 32 signed bytes. q4_0: d, 16 bytes whose low halves are the
first 16 numbers and whose high halves the last 16, each shifted by 8 (ggml-quants.c, dequantize_row_q4_0).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.errors import CutawayError
from engine.formats.gguf_header import GgufTensor

_Q8 = np.dtype([("scale", "<f2"), ("values", "i1", (32,))])
_Q4 = np.dtype([("scale", "<f2"), ("values", "u1", (16,))])


def as_tensor(data: bytes | memoryview, tensor: GgufTensor) -> Tensor:
    """float32, float16 or bfloat16 as they are; q8_0 and q4_0 become float32. Shape as `tensor` says.

    Raises CutawayError for a scale that is no finite number: every weight of its block would be lost.
    """
    if tensor.type == "bf16":
        return torch.from_numpy(np.frombuffer(data, "<i2").copy()).view(torch.bfloat16).view(tensor.shape)
    if tensor.type in ("f32", "f16"):
        plain = np.frombuffer(data, "<f4" if tensor.type == "f32" else "<f2").copy()
        return torch.from_numpy(plain).view(tensor.shape)
    return torch.from_numpy(_dequantised(data, tensor)).view(tensor.shape)


def _dequantised(data: bytes | memoryview, tensor: GgufTensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    blocks = np.frombuffer(data, _Q8 if tensor.type == "q8_0" else _Q4)
    scales = blocks["scale"].astype(np.float32)[:, None]
    if not np.isfinite(scales).all():
        raise CutawayError(
            f"The tensor {tensor.name} is damaged.", "A scale in it is no number.", "Download or export the file again."
        )
    values = blocks["values"]
    if tensor.type == "q4_0":
        values = np.concatenate([values & 15, values >> 4], axis=1).astype(np.int8) - np.int8(8)
    return scales * values.astype(np.float32)
