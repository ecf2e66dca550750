"""Models from the Hugging Face Hub: safetensors and what belongs to them, into the Hub's own cache, so that what is
there already is not loaded again, and a download that was cut short goes on."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import CutawayError
from engine.events import Progress

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_WANTED = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
_PAUSE_SECONDS = 0.1


def is_hub_name(text: str) -> bool:
    """Whether it reads like "HuggingFaceTB/SmolLM2-135M"."""
    return _NAME.fullmatch(text) is not None


def download(name: str) -> Iterator[Progress | Path]:
    """Tells how far it is and ends with the folder. Closed early, it stops; what came is kept for the next time.

    Without a network, or with HF_HUB_OFFLINE set, a model that came whole before is taken from the cache. Raises
    CutawayError for a name that is not there, a model that needs a login, one without safetensors, and no network.
    """
    state = _Download(name)
    thread = threading.Thread(target=state.run, name=f"download {name}", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            yield Progress(done=state.done, total=state.total, unit="bytes", message=name)
            thread.join(_PAUSE_SECONDS)
    finally:
        state.cancelled = True
        thread.join()
    if state.error is not None:
        raise _explained(name, state.error) from state.error
    assert state.folder is not None
    yield state.folder


class _Cancelled(Exception):  # noqa: N818 no error: somebody pressed Cancel
    pass


class _Download:
    """The work of the thread. done, total: bytes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.done = self.total = 0
        self.cancelled = False
        self.folder: Path | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.folder = self._fetch()
        except _Cancelled:
            return
        except Exception as error:  # noqa: BLE001 told by the generator, which knows what to say
            self.error = error

    def _fetch(self) -> Path:
        from huggingface_hub import HfApi, hf_hub_download
        from huggingface_hub.constants import HF_HUB_OFFLINE

        if HF_HUB_OFFLINE:
            return self._cached()
        try:
            found = HfApi().model_info(self.name, files_metadata=True)
        except Exception as error:
            if getattr(error, "response", None) is not None:
                raise  # the Hub answered, and said no
            return self._cached()
        sizes = {file.rfilename: file.size or 0 for file in found.siblings or [] if _is_wanted(file.rfilename)}
        if not any(name.endswith(".safetensors") for name in sizes):
            raise _no_safetensors(self.name)
        self.total = sum(sizes.values())
        path = Path()
        finished = 0
        for file in sorted(sizes, key=sizes.__getitem__):
            self._check()
            path = Path(hf_hub_download(self.name, file, tqdm_class=self._bar()))
            finished += sizes[file]
            self.done = finished
        return path.parent

    def _cached(self) -> Path:
        from huggingface_hub import hf_hub_download

        folder = Path(hf_hub_download(self.name, "config.json", local_files_only=True)).parent
        if not any(folder.glob("*.safetensors")):
            raise FileNotFoundError(f"{self.name} is not whole in the cache")
        return folder

    def _check(self) -> None:
        if self.cancelled:
            raise _Cancelled

    def _bar(self) -> Any:
        """What huggingface_hub tells its progress to: a bar that draws nothing and can say stop."""
        from tqdm import tqdm

        work = self

        class Bar(tqdm):  # type: ignore[misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                kwargs |= {"disable": True}
                super().__init__(*args, **{key: value for key, value in kwargs.items() if key != "name"})

            def update(self, n: float | None = 1) -> bool | None:
                work._check()
                work.done += int(n or 0)
                return None

        return Bar


def _is_wanted(file: str) -> bool:
    return "/" not in file and (file in _WANTED or file.endswith((".safetensors", ".safetensors.index.json")))


def _no_safetensors(name: str) -> CutawayError:
    return CutawayError(
        f"{name} cannot be opened.",
        "It is published without safetensors, and Cutaway reads no pickles: they can run any program.",
        "Choose another model, or one that somebody converted.",
    )


def _explained(name: str, error: Exception) -> CutawayError:
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    if isinstance(error, CutawayError):
        return error
    if isinstance(error, GatedRepoError):
        why, remedy = "Its makers ask for a login first.", "Agree on its page, then set HF_TOKEN, or choose another."
    elif isinstance(error, RepositoryNotFoundError):
        why, remedy = "The Hub knows no such model, or it is private.", "Check the name: owner/model."
    elif isinstance(error, (LocalEntryNotFoundError, FileNotFoundError)):
        why, remedy = "The Hub cannot be reached, and it was not downloaded before.", "Connect, or open a folder."
    else:
        why, remedy = "The download failed.", "Try again: what came already is kept."
    return CutawayError(f"{name} could not be downloaded.", why, remedy, str(error))
