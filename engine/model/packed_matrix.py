"""A weight matrix laid out for one row at a time: what decoding spends its time with.

On one row a product only reads the matrix, so the bytes read and how they lie in memory decide the speed.
"""

from __future__ import annotations

import warnings
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Weights = Literal["float32", "bfloat16", "int8"]
Activation = Literal["none", "silu", "gelu"]
_FEW_ROWS = 1  # the layout is chosen for this many
_INT8_MAX = 127
_ONEDNN_NAMES = {"none": "none", "silu": "swish", "gelu": "gelu"}


def build_matrix(weight: Tensor, bias: Tensor | None, weights: Weights) -> PackedMatrix:
    """weight: [N, K], bias: [N] or None, on the CPU. Their memory is not kept."""
    weight = weight.detach().float()
    bias = None if bias is None else bias.detach().float()
    if weights != "int8":
        dtype = torch.float32 if weights == "float32" else torch.bfloat16
        return OneDNNMatrix(weight.to(dtype), None if bias is None else bias.to(dtype))
    values, scales = quantize(weight)
    if "fbgemm" in torch.backends.quantized.supported_engines:
        return Int8Matrix(values, scales, bias)
    rounded = values.float() * scales[:, None]  # the same weights, at the speed of bfloat16
    return OneDNNMatrix(rounded.bfloat16(), None if bias is None else bias.bfloat16())


class PackedMatrix:
    """x [M, K] -> x @ weight.T + bias, [M, N], in `dtype`, and what usually follows, in as few operations as can be."""

    dtype: torch.dtype

    def __call__(self, x: Tensor, activation: Activation = "none") -> Tensor:
        raise NotImplementedError

    def times(self, x: Tensor, factor: Tensor) -> Tensor:
        """The product, multiplied by `factor` [M, N] in `dtype`."""
        return self(x).mul_(factor)

    def plus(self, x: Tensor, stream: Tensor) -> Tensor:
        """The product, added to `stream` [M, N] in float32, which may be overwritten."""
        return stream.add_(self(x))


class OneDNNMatrix(PackedMatrix):
    """float32 or bfloat16 in oneDNN's layout; as it stands where torch was built without oneDNN."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.dtype = weight.dtype
        self._bias = bias
        self._packed = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, _FEW_ROWS) if self._packed else weight
        self._product = torch.ops.mkldnn._linear_pointwise.default
        self._product_and = torch.ops.mkldnn._linear_pointwise.binary

    def __call__(self, x: Tensor, activation: Activation = "none") -> Tensor:
        if self._packed:
            return self._product(x, self._weight, self._bias, _ONEDNN_NAMES[activation], [], "tanh")  # type: ignore[no-any-return]
        return activate(functional.linear(x, self._weight, self._bias), activation)

    def times(self, x: Tensor, factor: Tensor) -> Tensor:
        if self._packed:
            return self._product_and(x, factor, self._weight, self._bias, "mul")  # type: ignore[no-any-return]
        return super().times(x, factor)

    def plus(self, x: Tensor, stream: Tensor) -> Tensor:
        if self._packed and self.dtype == torch.float32:
            return self._product_and(x, stream, self._weight, self._bias, "add")  # type: ignore[no-any-return]
        return super().plus(x, stream)


class Int8Matrix(PackedMatrix):
    """Symmetric int8, one scale an output channel, in FBGEMM's layout. Rows are rounded to 8 bits while they are
    multiplied (dynamic quantisation); before that, several are brought to one size, so that each keeps its 8 bits."""

    dtype = torch.float32

    def __init__(self, values: Tensor, scales: Tensor, bias: Tensor | None) -> None:
        self._bias = bias
        with warnings.catch_warnings():
            # torch means to replace quantised tensors by torchao some day; the pinned version has them.
            warnings.filterwarnings("ignore", message=".*quantized tensor creation functions", category=UserWarning)
            zeros = torch.zeros(len(scales), dtype=torch.int64)
            tensor = torch._make_per_channel_quantized_tensor(values, scales.double(), zeros, 0)
        before = torch.backends.quantized.engine
        torch.backends.quantized.engine = "fbgemm"
        try:
            self._weight = torch.ops.quantized.linear_prepack(tensor, None)
        finally:
            torch.backends.quantized.engine = before
        self._product = torch.ops.quantized.linear_dynamic.default
        # Without VNNI two products are summed in 16 bits, which overflows unless the row is rounded to 7 bits.
        self._seven_bits = not torch.cpu._is_vnni_supported()

    def __call__(self, x: Tensor, activation: Activation = "none") -> Tensor:
        if x.shape[0] == 1:
            y: Tensor = self._product(x, self._weight, self._seven_bits)
        else:
            sizes = x.abs().amax(dim=1, keepdim=True).clamp_min_(torch.finfo(torch.float32).tiny)  # [M, 1]
            y = self._product(x / sizes, self._weight, self._seven_bits).mul_(sizes)
        return activate(y if self._bias is None else y.add_(self._bias), activation)


def quantize(weight: Tensor) -> tuple[Tensor, Tensor]:
    """[N, K] -> int8 [N, K] in -127..127 and float32 scales [N]; weight is near values * scales[:, None]."""
    scales = (weight.abs().amax(dim=1) / _INT8_MAX).clamp_min(torch.finfo(torch.float32).tiny)
    values = (weight / scales[:, None]).round_().clamp_(-_INT8_MAX, _INT8_MAX)
    return values.to(torch.int8), scales


def activate(x: Tensor, activation: Activation) -> Tensor:
    """In place where that saves memory."""
    if activation == "silu":
        return functional.silu(x, inplace=True)
    if activation == "gelu":
        return functional.gelu(x, approximate="tanh")
    return x
