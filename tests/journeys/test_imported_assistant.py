"""A model from elsewhere is tuned with its own chat template, talks, goes out again, and transformers agrees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.corpus.conversation import Message
from engine.events import ArtifactReady, TuningCheck
from engine.generation.chat import chat
from engine.generation.loaded import load_model
from engine.generation.sampling import SamplingConfig
from engine.launch.export import ExportRequest, export
from engine.launch.opening import Opened, open_model
from engine.store.workspace import Workspace
from tests.toy_tuning import SFT, conversation, start, told, work, write_rows

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def published(folder: Path) -> Path:
    """A tiny Llama as the Hub would give it."""
    library = tokenizers.Tokenizer(tokenizers.models.BPE())
    library.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    specials = ["<s>", "<|im_start|>", "<|im_end|>"]
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=300, special_tokens=specials, initial_alphabet=alphabet)
    library.train_from_iterator([" ".join(NUMBERS)] * 20, trainer)
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=library, bos_token="<s>", eos_token="<|im_end|>", chat_template=TEMPLATE
    )
    wrapped.save_pretrained(folder)
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=len(wrapped),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        bos_token_id=wrapped.bos_token_id,
        eos_token_id=wrapped.eos_token_id,
        tie_word_embeddings=True,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def tuned(workspace: Workspace, base: Path, rows: Path, **settings: Any) -> Path:
    stages = {
        "conversations": {"source": "files", "paths": [str(rows)], "held_out_share": 0.2},
        "sft": {**SFT, "base": base.relative_to(workspace.root).as_posix(), "steps": 60, "evaluate_every": 30}
        | {"learning_rate": 0.01, "patience": 0, **settings},
    }
    run = start(workspace, {"name": "numbers", "description": "", "stages": stages})
    list(work(run))
    assert any(isinstance(event, ArtifactReady) for event in told(run, "sft"))
    looks = [event.loss for event in told(run, "sft") if isinstance(event, TuningCheck)]
    assert looks[-1] < looks[0]  # additions to frozen weights of chance cannot do much
    return run.folder


@pytest.mark.parametrize("method", ["full", "lora"])
def test_from_the_hub_and_back(workspace: Workspace, tmp_path: Path, method: str) -> None:
    source = published(tmp_path / "source")
    rows = [conversation(f"Count {a} {b}", f"{a} {b}") for a in NUMBERS for b in NUMBERS]
    opened = next(item for item in open_model(workspace, str(source)) if isinstance(item, Opened))
    run = tuned(workspace, opened.folder, write_rows(tmp_path / "rows.jsonl", rows), method=method)
    loaded = load_model(workspace, run, device="cpu")
    assert loaded.chat_template == TEMPLATE and loaded.adapter is (method == "lora")
    question = [Message("user", "Count one two")]
    said = list(chat(loaded, question, SamplingConfig(temperature=0.0), 12))
    for _ in export(workspace, ExportRequest(run, tmp_path / "out", "huggingface")):
        pass
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    wrapped = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    prompt = wrapped.apply_chat_template(
        [message.to_json() for message in question], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    reply = theirs.generate(**prompt, max_new_tokens=12, do_sample=False)[0, prompt["input_ids"].shape[1] :].tolist()
    assert [token.token_id for token in said] == reply[: len(said)]
    assert "".join(token.text for token in said) == wrapped.decode(reply, skip_special_tokens=True)
