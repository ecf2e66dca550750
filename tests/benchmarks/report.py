"""What every benchmark ends with: one line of JSON that names the machine, the figures and their goals."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import dataclass, field
from typing import Any

import psutil

_COMPARE = {"<=": lambda value, goal: value <= goal, ">=": lambda value, goal: value >= goal}


def machine() -> dict[str, Any]:
    """load: of the minute before the start, in busy cores: above about 0.3 the figures are of a busy machine."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            return next(line.split(":", 1)[1].strip() for line in stream if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@dataclass
class Report:
    """Collects figures and prints the line. A goal is text such as "<= 16"; without one a figure is only told."""

    name: str
    machine: dict[str, Any] = field(default_factory=machine)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)

    def add(self, what: str, value: float, unit: str, goal: str = "") -> None:
        figure: dict[str, Any] = {"value": round(float(value), 4), "unit": unit}
        if goal:
            sign, limit = goal.split()
            figure |= {"goal": goal, "holds": bool(_COMPARE[sign](value, float(limit)))}
        self.figures[what] = figure

    def end(self) -> None:
        self.add("the benchmark itself", time.perf_counter() - self.began, "s")
        print(json.dumps({"benchmark": self.name, "machine": self.machine, "figures": self.figures}))


def arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a smaller version within two minutes")
    return parser.parse_args()
