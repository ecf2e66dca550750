"""The system libraries that Qt loads on Linux: which are missing, and how to get them.

Qt's wheels bring Qt itself, not what a desktop Linux has anyway; a server or a container lacks most of these.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import sys

# shared object -> Debian package. Without these, PySide6 cannot be imported at all.
ESSENTIAL = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
}
# Without these, no window opens on an X11 screen.
SCREEN = {
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
PACKAGES = {**ESSENTIAL, **SCREEN}


def missing() -> list[str]:
    """Shared objects that this Python's loader cannot find; always empty away from Linux."""
    if not sys.platform.startswith("linux"):
        return []
    return [name for name in PACKAGES if not _loads(name)]


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def packages_for(names: list[str]) -> list[str]:
    return sorted({PACKAGES[name] for name in names})


def install_command(names: list[str]) -> str:
    """What a person types to get them."""
    if shutil.which("apt-get"):
        return shlex.join(["sudo", "apt-get", "install", "-y", *map(current_name, packages_for(names))])
    return f"install, with your system's package manager, what provides {', '.join(names)}"


def current_name(package: str) -> str:
    """The name that this release gives a package: some end in t64 since Debian 13 and Ubuntu 24.04."""
    for name in (package, f"{package}t64"):
        shown = subprocess.run(["apt-cache", "show", name], capture_output=True, text=True, check=False)
        if shown.returncode == 0 and shown.stdout.strip():
            return name
    return package


def can_install() -> bool:
    return shutil.which("apt-get") is not None and hasattr(os, "geteuid") and os.geteuid() == 0


def install(packages: list[str]) -> bool:
    """Installs Debian packages as root. False when apt could not; it has said why."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A release's own list may be older than its mirror, or not there at all in a container.
    subprocess.run(["apt-get", "update", "-q"], env=environment, check=False)
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *map(current_name, packages)]
    return subprocess.run(command, env=environment, check=False).returncode == 0
