"""What this machine was measured to do, kept in the workspace, so that the next estimate is better than a guess."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace

from engine.errors import CutawayError
from engine.store.files import read_json, write_json
from engine.store.workspace import Workspace

# What two cores with bf16 reach, until anything was measured: see `Machine.is_measured`.
_GUESSED_FLOPS = 3e11
# Of the peak that training reaches at 2M weights, and how much more with every doubling: larger products, less beside.
_SHARE_OF_PEAK, _SHARE_A_DOUBLING, _SHARE_AT_MOST = 0.5, 0.035, 0.7
_REMEMBERED = 5


@dataclass(frozen=True)
class Machine:
    """peak_flops: the best that a matrix product in `dtype` ever reached on `device`, 0 when not measured.
    training_flops: power of two nearest to the number of parameters -> floating-point operations per second that
    training reached, the best of `recent_flops`: the last few runs of that size. stage_seconds: stage -> how long it
    took last.

    The best counts because other programs only ever make a computer slower, and they will have ended by the next run.
    """

    peak_flops: float = 0.0
    dtype: str = ""
    speedup: float = 0.0
    training_flops: dict[str, float] = field(default_factory=dict)
    stage_seconds: dict[str, float] = field(default_factory=dict)
    recent_flops: dict[str, list[float]] = field(default_factory=dict)
    device: str = ""

    @property
    def is_measured(self) -> bool:
        return bool(self.peak_flops or self.training_flops)

    def with_peak(self, device: str, dtype: str, speedup: float, flops: float) -> Machine:
        """After a measurement. What was known of another device is forgotten."""
        known = self if self.device in ("", device) else Machine(stage_seconds=self.stage_seconds)
        if dtype == known.dtype and known.peak_flops >= flops:
            return replace(known, device=device)
        return replace(known, device=device, dtype=dtype, speedup=speedup, peak_flops=flops)

    def with_training(self, parameters: int, flops: float) -> Machine:
        """After a run of a model of that size."""
        key = size_key(parameters)
        known = [self.training_flops[key]] if key in self.training_flops else []
        recent = [*self.recent_flops.get(key, known), flops][-_REMEMBERED:]
        return replace(
            self,
            recent_flops={**self.recent_flops, key: recent},
            training_flops={**self.training_flops, key: max(recent)},
        )

    def flops_for(self, parameters: int) -> float:
        """From the run nearest in size; else a usual share of the peak; else a guess for two cores."""
        if self.training_flops:
            size = math.log2(max(parameters, 2))
            nearest = min(self.training_flops, key=lambda power: abs(float(power) - size))
            return self.training_flops[nearest]
        share = _SHARE_OF_PEAK + _SHARE_A_DOUBLING * math.log2(max(parameters, 1) / 2e6)
        return self.peak_flops * min(max(share, 0.1), _SHARE_AT_MOST) if self.peak_flops else _GUESSED_FLOPS


def read_machine(workspace: Workspace) -> Machine:
    """An unreadable file counts as nothing measured yet: it is only a memory of speed."""
    try:
        return Machine(**read_json(workspace.root / "machine.json"))
    except (CutawayError, TypeError):
        return Machine()


def write_machine(workspace: Workspace, machine: Machine) -> None:
    """On a disk that takes nothing the memory of speed stays as it was: no run ends for that."""
    with suppress(OSError):
        write_json(workspace.root / "machine.json", asdict(machine), durable=False)


def size_key(parameters: int) -> str:
    return str(round(math.log2(max(parameters, 2))))
