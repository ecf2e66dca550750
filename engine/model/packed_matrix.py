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
Activation = Literal["none", "gelu"]
# oneDNN chooses the layout for this many rows. That for 64 is also the best for one: on 2 cores a float32 matrix of
# 768 x 2048 is read at 70 GB/s, in the layout for one row at 31 GB/s; in bfloat16 all are alike.
_ROWS = 64
_INT8_MAX = 127
_TINY = torch.finfo(torch.float32).tiny


def build_matrix(weight: Tensor, bias: Tensor | None, weights: Weights) -> PackedMatrix:
    """weight: [N, K], bias: [N] or None, on the CPU. Their memory is not kept."""
    weight = weight.detach().float()
    bias = None if bias is None else bias.detach().float()
    if weights == "float32":
        return _packed_or_plain(weight, bias, torch.float32)
    if weights == "bfloat16":
        return _packed_or_plain(weight, bias, torch.bfloat16)
    values, scales = quantize(weight)
    if "fbgemm" in _quantized_engines():
        return Int8Matrix(values, scales, bias)
    return _packed_or_plain(values.float() * scales[:, None], bias, torch.bfloat16)  # no quicker than bfloat16


def _quantized_engines() -> list[str]:
    return list(torch.backends.quantized.supported_engines)


def _packed_or_plain(weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> PackedMatrix:
    """What this machine can: oneDNN is not in every build of torch, nor its bfloat16 on every processor."""
    weight, bias = weight.to(dtype), None if bias is None else bias.to(dtype)
    if torch.backends.mkldnn.is_available() and (  # type: ignore[no-untyped-call]
        dtype == torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    ):
        return OneDNNMatrix(weight, bias)
    return PlainMatrix(weight, bias)


class PackedMatrix:
    """x [M, K] -> x @ weight.T + bias, [M, N], in `dtype`."""

    dtype: torch.dtype

    def __call__(self, x: Tensor, activation: Activation = "none") -> Tensor:
        raise NotImplementedError

    def plus(self, x: Tensor, stream: Tensor) -> Tensor:
        """The product, added to `stream` [M, N] in float32, which may be overwritten."""
        return stream.add_(self(x))


class PlainMatrix(PackedMatrix):
    """As it stands."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.dtype = weight.dtype
        self._weight, self._bias = weight, bias

    def __call__(self, x: Tensor, activation: Activation = "none") -> Tensor:
        return _activate(functional.linear(x, self._weight, self._bias), activation)


class OneDNNMatrix(PackedMatrix):
    """In oneDNN's layout."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.dtype = weight.dtype
        self._bias = bias
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
        self._product = torch.ops.mkldnn._linear_pointwise.default
        self._product_and_sum = torch.ops.mkldnn._linear_pointwise.binary

    def __call__(self, x: Tensor, activation: Activation = "none") -> Tensor:
        return self._product(x, self._weight, self._bias, activation, [], "tanh")  # type: ignore[no-any-return]

    def plus(self, x: Tensor, stream: Tensor) -> Tensor:
        if self.dtype == torch.float32:
            return self._product_and_sum(x, stream, self._weight, self._bias, "add")  # type: ignore[no-any-return]
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
        return _activate(y if self._bias is None else y.add_(self._bias), activation)


def quantize(weight: Tensor) -> tuple[Tensor, Tensor]:
    """[N, K] -> int8 [N, K] in -127..127 and float32 scales [N]; weight is near values * scales[:, None]."""
    scales = (weight.abs().amax(dim=1) / _INT8_MAX).clamp_min(_TINY)
    values = (weight / scales[:, None]).round_().clamp_(-_INT8_MAX, _INT8_MAX)
    return values.to(torch.int8), scales


def _activate(x: Tensor, activation: Activation) -> Tensor:
    return functional.gelu(x, approximate="tanh") if activation == "gelu" else x
