"""Pretraining as the processes beside the first do it: they compute, and tell, sample and save nothing."""

from __future__ import annotations

from engine.pipeline.stage import Context
from engine.stages import pretrain
from engine.stages._pretraining import BEGINNING, Pretraining
from engine.store.files import read_json
from engine.training.precision import Precision


def follow(config: pretrain.Config, context: Context) -> None:
    """Until process 0 says that it is over, or is gone: then a collective operation of torch raises RuntimeError."""
    assert context.group is not None
    work = Pretraining(config, context)
    beginning = context.group.learn(BEGINNING)
    work.take_rows(int(beginning["micro_rows"]))
    work.build(Precision(work.device.type, str(beginning["precision"])))
    if beginning["checkpoint"] is not None:
        checkpoint = work.root / beginning["checkpoint"]
        for _ in work.go_on_from(checkpoint, read_json(checkpoint / "state.json")):
            pass
    for events in (work.prepare(), work.trainer.run()):
        for _ in events:
            pass
    if work.ranks.together and work.trainer.step > work.saved_step:
        for _ in work.save():
            pass
