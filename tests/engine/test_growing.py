"""More tokens for a model that is there: the old ones keep their logits."""

from __future__ import annotations

import pytest
import torch

from engine.model.config import ModelConfig
from engine.model.growing import with_tokens
from engine.model.transformer import Transformer


@pytest.mark.parametrize("tied", [True, False])
def test_old_tokens_keep_their_logits_and_new_ones_begin_at_the_mean(tied: bool) -> None:
    torch.manual_seed(0)
    sizes = {"vocab_size": 20, "context_length": 8, "n_layer": 1, "n_head": 2, "n_kv_head": 2, "d_model": 8, "d_ff": 16}
    model = Transformer(ModelConfig(**sizes, tie_embeddings=tied))
    grown = with_tokens(model, 24, seed=1)
    ids = torch.arange(8)[None]
    assert torch.allclose(grown(ids)[..., :20], model(ids), atol=1e-6)
    assert (grown.head.weight is grown.embedding.weight) is tied
    for old, new in ((model.embedding, grown.embedding), (model.head, grown.head)):
        mean = old.weight.mean(0)
        assert (new.weight[20:] - mean).abs().max() < 0.1
        assert len({tuple(row.tolist()) for row in new.weight[20:]}) == 4


def test_fewer_tokens_are_refused() -> None:
    sizes = {"vocab_size": 20, "context_length": 8, "n_layer": 1, "n_head": 2, "n_kv_head": 2, "d_model": 8, "d_ff": 16}
    model = Transformer(ModelConfig(**sizes))
    assert with_tokens(model, 20, 1) is model
    with pytest.raises(ValueError, match="fewer"):
        with_tokens(model, 19, 1)
