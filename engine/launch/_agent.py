"""`python -m engine.launch._agent COUNT SHARE`: torch's elastic agent for processes of one machine.

The agent starts COUNT processes, watches them, and starts all again when one is lost, three times at most. Ports are
free ones of the loopback interface: nothing listens to other machines.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from engine.control import post

if TYPE_CHECKING:
    from torch.distributed.elastic.rendezvous import RendezvousHandler

_RESTARTS = 3
_SAVING_SECONDS = 20
_LOOPBACK = "127.0.0.1"


def main(count: int, share: str) -> int:
    """Returns 0 when all processes ended by themselves, whatever they then told of the run."""
    from torch.distributed.elastic.agent.server.api import WorkerSpec
    from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException

    _end_with_parent(Path(json.loads(share)["run"]) / "control")
    _use_loopback()
    specification = WorkerSpec(
        role="train",
        local_world_size=count,
        entrypoint=sys.executable,
        args=("-m", "engine.launch._rank", share),
        rdzv_handler=_rendezvous(),
        max_restarts=_RESTARTS,
        monitor_interval=0.1,
    )
    with tempfile.TemporaryDirectory(prefix="cutaway-") as folder:
        agent = LocalElasticAgent(specification, DefaultLogsSpecs(log_dir=folder), shutdown_timeout=_SAVING_SECONDS)
        try:
            return int(agent.run().is_failed())
        except SignalException:
            return 1


def _end_with_parent(control: Path) -> None:
    """The pipe to the parent ends when the parent does. Then the run is stopped, which saves; if that takes too long,
    the agent ends its processes."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        post(control, "stop")
        time.sleep(_SAVING_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _raise_signal)


def _raise_signal(number: int, frame: object) -> None:
    """How the agent wants to be told: it ends its processes on the way out."""
    from torch.distributed.elastic.multiprocessing import SignalException

    del frame
    raise SignalException(f"signal {number}", signal.Signals(number))


def _use_loopback() -> None:
    """The processes' own connections too; they inherit these variables."""
    for name, addresses in psutil.net_if_addrs().items():
        if os.name != "nt" and any(address.address == _LOOPBACK for address in addresses):
            os.environ["GLOO_SOCKET_IFNAME"] = os.environ["NCCL_SOCKET_IFNAME"] = name


def _rendezvous() -> RendezvousHandler:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]
    from torch.distributed.elastic.rendezvous import RendezvousHandler, RendezvousInfo, RendezvousStoreInfo

    class Loopback(RendezvousHandler):
        """One agent, which needs to meet no other. Every start has a store of its own."""

        def get_backend(self) -> str:
            return "loopback"

        @property
        def use_agent_store(self) -> bool:
            return True

        def next_rendezvous(self) -> RendezvousInfo:
            listener = socket.create_server((_LOOPBACK, 0))  # torch by itself would listen on every interface
            port = listener.getsockname()[1]
            descriptor = listener.detach()
            store = TCPStore(_LOOPBACK, port, is_master=True, wait_for_workers=False, master_listen_fd=descriptor)
            return RendezvousInfo(store, 0, 1, RendezvousStoreInfo(_LOOPBACK, port))

        def is_closed(self) -> bool:
            return False

        def set_closed(self) -> None:
            pass

        def num_nodes_waiting(self) -> int:
            return 0

        def get_run_id(self) -> str:
            return "cutaway"

        def shutdown(self) -> bool:
            return True

    return Loopback()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]))
