"""What computes: the device, its measured speed, and how many threads of the CPU."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from app.jobs.desk import Desk
from app.jobs.query import EngineSide
from app.pages.settings.row import Row
from app.widgets.buttons import Button
from app.widgets.combo import Combo
from app.widgets.panel import Panel
from engine.errors import CutawayError
from engine.store.machine import Machine, read_machine, write_machine

_DEVICES = {
    "auto": ("Automatic", "the fastest that is there"),
    "cpu": ("CPU", "always there"),
    "cuda": ("NVIDIA GPU", "needs torch with CUDA"),
    "mps": ("Apple GPU", "needs a Mac with Apple silicon"),
}
_WEIGHTS = {
    "float32": ("float32", "as they were trained"),
    "bfloat16": ("bfloat16", "about twice as fast"),
    "int8": ("int8", "about three times as fast"),
}


@dataclass(frozen=True)
class Found:
    """What torch says, asked on the engine thread. device: the chosen one. names: kinds that are there."""

    torch: str
    device: str
    names: tuple[str, ...]
    machine: Machine


class ComputingPanel(Panel):
    def __init__(self, desk: Desk) -> None:
        super().__init__("Computing", margins=(20, 16, 20, 12))
        self._desk = desk
        self.found: Found | None = None
        self.device = Combo(name="Device")
        for key, (name, words) in _DEVICES.items():
            self.device.add(name, words, key)
        self.device.choose(desk.settings.device)
        self.measure = Button("Measure", tooltip="Times a matrix product in both precisions: a tenth of a second")
        self.threads = Combo(name="CPU threads")
        self.threads.add("Automatic", "the physical cores", 0)
        for count in range(1, (psutil.cpu_count() or 1) + 1):
            self.threads.add(str(count), "", count)
        self.threads.choose(desk.settings.threads)
        self.weights = Combo(name="Weights for writing")
        for key, (name, words) in _WEIGHTS.items():
            self.weights.add(name, words, key)
        self.weights.choose(desk.settings.weights)
        self.processes = Combo(name="Processes")
        for count in process_choices(desk.settings.processes):
            self.processes.add(str(count), "off" if count == 1 else "", count)
        self.processes.choose(desk.settings.processes)
        self._device_row = Row("Device", "Used by the next run.", self.measure, self.device, first=True)
        self._threads_row = Row("CPU threads", "Fewer leave room for other programs.", self.threads)
        self.body.addWidget(self._device_row)
        self._processes_row = Row("Processes", "Share the training of the next run: one for each GPU.", self.processes)
        self.body.addWidget(self._threads_row)
        self.body.addWidget(self._processes_row)
        words = "Of a checkpoint in Playground, on a CPU. Fewer bits are read faster and cost a little quality."
        self.body.addWidget(Row("Weights for writing", words, self.weights))
        self.device.activated.connect(self._choose_device)
        self.threads.activated.connect(self._choose_threads)
        self.processes.activated.connect(self._choose_processes)
        self.weights.activated.connect(lambda: setattr(desk.settings, "weights", self.weights.currentData()))
        self.measure.clicked.connect(lambda: self._ask(measuring=True))

    def refresh(self) -> None:
        """torch is asked only when it is loaded already: loading it takes seconds."""
        self._show()
        if "torch" in sys.modules:
            self._ask(measuring=False)

    def _choose_device(self) -> None:
        self._desk.settings.device = self.device.currentData()
        self.found = None
        self.refresh()

    def _choose_threads(self) -> None:
        self._desk.settings.threads = self.threads.currentData()
        self._show()

    def _choose_processes(self) -> None:
        self._desk.settings.processes = self.processes.currentData()
        self._show()

    def _ask(self, *, measuring: bool) -> None:
        wanted = self._desk.settings.device
        if measuring:
            self.measure.setEnabled(False)
            self._device_row.set_effect("Measuring; loading torch takes a few seconds the first time.")

        def query(side: EngineSide) -> Iterator[object]:
            yield look(side, wanted, measuring=measuring)

        self._desk.engine.ask(query, self._take, on_error=self._refuse)

    def _take(self, found: object) -> None:
        assert isinstance(found, Found)
        self.found = found
        self.measure.setEnabled(True)
        for place, key in enumerate(_DEVICES):
            if key not in ("auto", *found.names):
                self.device.set_detail(place, "not on this computer")
        self._show()

    def _refuse(self, error: CutawayError) -> None:
        self.measure.setEnabled(True)
        self._device_row.set_effect(str(error), "danger")

    def _show(self) -> None:
        machine = self.found.machine if self.found else read_machine(self._desk.workspace)
        parts = [_DEVICES[self.found.device][0]] if self.found else []
        parts += [speed_words(machine)] if machine.peak_flops else ["not measured yet"]
        parts += [f"torch {self.found.torch}"] if self.found else []
        words = ", ".join(parts)
        self._device_row.set_effect(f"{words[:1].upper()}{words[1:]}.")
        cores, logical = psutil.cpu_count(logical=False) or 1, psutil.cpu_count() or 1
        chosen = self._desk.settings.threads
        words = f"{cores} physical core{'s' if cores != 1 else ''}, {logical} logical. "
        self._threads_row.set_effect(
            words + (f"{chosen} {'is' if chosen == 1 else 'are'} used." if chosen else "The physical cores are used.")
        )
        self._processes_row.set_effect(processes_words(self._desk.settings.processes, chosen or cores))


def process_choices(chosen: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, as far as there are processors; and what was chosen before, in any case."""
    most = max(psutil.cpu_count() or 1, 2)
    return sorted({count for count in (1, 2, 3, 4, 6, 8, 12, 16) if count <= most} | {max(chosen, 1)})


def processes_words(processes: int, threads: int) -> str:
    if processes == 1:
        return "Off: one process trains."
    each = max(threads // processes, 1)
    return (
        f"On a CPU each has {each} of the {threads} threads, and holds the whole model: that is seldom faster than one "
        "process."
    )


def speed_words(machine: Machine) -> str:
    """ "770 GFLOP/s in bfloat16, 4.2 times float32"."""
    words = f"{machine.peak_flops / 1e9:,.0f} GFLOP/s in {machine.dtype}"
    return f"{words}, {machine.speedup:.1f} times float32" if machine.dtype == "bfloat16" else words


def look(side: EngineSide, wanted: str, *, measuring: bool) -> Found:
    """On the engine thread. Raises CutawayError when the wanted device is not there."""
    import torch

    from engine.device import choose_device, measure_precision

    device = choose_device(wanted)
    machine = read_machine(side.workspace)
    if measuring:
        told = measure_precision(device)
        machine = machine.with_peak(device.type, told.dtype, told.speedup, told.flops_per_second)
        write_machine(side.workspace, machine)
    there = ["cpu", *["cuda"] * torch.cuda.is_available(), *["mps"] * torch.backends.mps.is_available()]
    return Found(torch.__version__, device.type, tuple(there), machine)
