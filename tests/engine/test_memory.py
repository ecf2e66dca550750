"""glibc's own report tells how many arenas there are."""

import subprocess
import sys

import pytest

_ASK = """
import ctypes, os, sys, tempfile, threading
from engine.memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
thread = threading.Thread(target=lambda: libc.malloc(ctypes.c_size_t(100_000)))
thread.start()
thread.join()
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as report:
    stream = ctypes.c_void_p(libc.fopen(report.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(report.read().count(b"<heap nr="))
"""


def arenas(mode: str) -> int:
    return int(subprocess.run([sys.executable, "-c", _ASK, mode], check=True, capture_output=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_threads_share_the_arena_that_keeps_freed_memory() -> None:
    assert arenas("plain") > 1, "this C library has no arenas: the test tells nothing"
    assert arenas("kept") == 1
