"""Models that came from elsewhere: kept, asked, given back; and every way in which one can be broken."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from engine.errors import CutawayError
from engine.generation.decoder import generate
from engine.generation.loaded import load_model
from engine.generation.sampling import SamplingConfig
from engine.launch.export import ExportRequest, export
from engine.launch.opening import Opened, open_model
from engine.store.workspace import Workspace, open_workspace

transformers = pytest.importorskip("transformers")
GREEDY = SamplingConfig(temperature=0.0)
FIELDS = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
FIELDS |= {"num_key_value_heads": 2, "max_position_embeddings": 64}


def make_tokenizer(folder: Path) -> int:
    """Files of a small byte-level tokenizer with a chat template; gives its size."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet)
    made.train_from_iterator(["the cat sat on the mat and the rat sat on the cat"] * 9, trainer)
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|endoftext|>")
    wrapped.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    wrapped.save_pretrained(folder)
    return int(made.get_vocab_size())


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub") / "Tiny-Llama"
    size = make_tokenizer(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(vocab_size=size + 4, eos_token_id=0, bos_token_id=None, **FIELDS)
    model = transformers.LlamaForCausalLM(config)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, mean=0.02, std=0.25)
    model.generation_config.temperature = 0.6
    model.generation_config.do_sample = True
    model.generation_config.eos_token_id = [0, 1]
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / original.name))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "w")


def opened(workspace: Workspace, source: Path | str, name: str = "") -> Opened:
    *told, last = open_model(workspace, str(source), name)
    assert isinstance(last, Opened)
    assert all(not isinstance(item, Opened) for item in told)
    return last


def refusal(workspace: Workspace, source: Path | str) -> str:
    with pytest.raises(CutawayError) as caught:
        opened(workspace, source)
    assert not list(workspace.models.iterdir()), "a refused model leaves nothing behind"
    return str(caught.value)


def change(path: Path, **fields: Any) -> None:
    raw = json.loads(path.read_text())
    raw = {key: value for key, value in {**raw, **fields}.items() if value is not ...}
    path.write_text(json.dumps(raw))


def test_an_imported_model_writes_what_transformers_writes(workspace: Workspace, folder: Path) -> None:
    found = opened(workspace, folder)
    assert found.folder.parent == workspace.models and found.config.family == "llama"
    loaded = load_model(workspace, found.folder, device="cpu")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    prompt = "the cat sat"
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    expected = theirs.generate(ids, do_sample=False, max_new_tokens=20, eos_token_id=None, pad_token_id=0)
    ours = [token.token_id for token in generate(loaded, prompt, GREEDY, 20)]
    assert ours == expected[0, ids.shape[1] :].tolist()[: len(ours)] and len(ours) >= 1
    assert loaded.label == found.folder.name
    assert loaded.tokenizer.end_ids == {0, 1}
    assert loaded.chat_template is not None and "messages" in loaded.chat_template
    assert loaded.generation["temperature"] == 0.6


def test_an_imported_model_is_given_back_whole(workspace: Workspace, folder: Path, tmp_path: Path) -> None:
    found = opened(workspace, folder)
    list(export(workspace, ExportRequest(found.folder, tmp_path / "back", "huggingface")))
    before = transformers.AutoModelForCausalLM.from_pretrained(folder).state_dict()
    after = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "back")
    assert all(torch.equal(tensor, after.state_dict()[name]) for name, tensor in before.items())
    assert after.generation_config.eos_token_id == [0, 1] and after.generation_config.temperature == 0.6
    theirs, ours = (transformers.AutoTokenizer.from_pretrained(place) for place in (folder, tmp_path / "back"))
    text = "the cat sat on <|im_end|> naïve mats"
    assert ours(text).input_ids == theirs(text).input_ids
    assert ours.chat_template == theirs.chat_template and ours.eos_token == theirs.eos_token
    again = opened(workspace, tmp_path / "back")
    first, second = (load_model(workspace, each.folder, device="cpu") for each in (found, again))
    assert first.model.config == second.model.config and first.tokenizer.hash == second.tokenizer.hash
    assert all(torch.equal(a, b) for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True))


def test_a_bundle_is_opened(workspace: Workspace, folder: Path, tmp_path: Path) -> None:
    found = opened(workspace, folder)
    list(export(workspace, ExportRequest(found.folder, tmp_path / "bundle", "bundle")))
    again = opened(workspace, tmp_path / "bundle")
    first, second = (load_model(workspace, each.folder, device="cpu") for each in (found, again))
    assert first.tokenizer.hash == second.tokenizer.hash
    assert all(torch.equal(a, b) for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True))
    (tmp_path / "bundle" / "README.md").write_text("changed")
    with pytest.raises(CutawayError, match=r"README.md is missing, or was changed"):
        opened(workspace, tmp_path / "bundle")


def test_the_same_model_is_kept_once(workspace: Workspace, folder: Path) -> None:
    first, second = opened(workspace, folder), opened(workspace, folder)
    assert second.reused and second.folder == first.folder
    assert opened(workspace, folder, "another name").folder != first.folder


def test_half_precision_stays_as_it_is(workspace: Workspace, folder: Path) -> None:
    weights = folder / "model.safetensors"
    save_file({name: tensor.bfloat16() for name, tensor in load_file(weights).items()}, weights, {"format": "pt"})
    found = opened(workspace, folder)
    kept = load_file(found.folder / "checkpoints" / "step-000000" / "model.safetensors")
    assert {tensor.dtype for tensor in kept.values()} == {torch.bfloat16}
    assert load_model(workspace, found.folder, device="cpu").model.head.weight.dtype == torch.float32


def test_a_sharded_model_is_read(workspace: Workspace, folder: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    assert (folder / "model.safetensors.index.json").is_file()
    assert opened(workspace, folder).config.n_layer == 2


def test_names_without_their_prefix_are_read(workspace: Workspace, folder: Path) -> None:
    """As the first files of GPT-2 have them."""
    weights = folder / "model.safetensors"
    save_file({name.removeprefix("model."): tensor for name, tensor in load_file(weights).items()}, weights)
    assert opened(workspace, folder).config.n_layer == 2


CONFIGS = [
    ({"model_type": "t5"}, "model_type 't5'"),
    ({"model_type": ...}, "model_type None"),
    ({"hidden_act": "gelu"}, "'gelu' for \"hidden_act\""),
    ({"hidden_size": ...}, 'does not say "hidden_size"'),
    ({"hidden_size": "many"}, "must be a whole number"),
    ({"hidden_size": 10**12}, "makes no model"),
    ({"num_hidden_layers": -1}, "must be a whole number"),
    ({"num_attention_heads": 5}, "makes no model"),
    ({"vocab_size": 10**6}, "have the shape"),
    ({"hidden_size": 64}, "have the shape"),
    ({"num_hidden_layers": 3}, "are missing"),
    ({"num_hidden_layers": 1}, "for which its configuration has no place"),
    ({"mystery": 3}, "which Cutaway does not know"),
    ({"quantization_config": {"bits": 4}}, "which Cutaway does not know"),
    ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}, "scaled by 'yarn'"),
    ({"rope_parameters": {"rope_type": "linear", "factor": -1}}, "makes no model"),
    ({"rope_parameters": 7}, "wrong kind"),
    ({"is_decoder": True}, "is_decoder"),
]


@pytest.mark.parametrize(("fields", "words"), CONFIGS)
def test_configurations_that_are_not_supported_are_refused(
    workspace: Workspace, folder: Path, fields: dict[str, Any], words: str
) -> None:
    change(folder / "config.json", **fields)
    assert words in refusal(workspace, folder)


def test_a_model_of_ten_terabytes_is_refused_before_memory_is_taken(workspace: Workspace, folder: Path) -> None:
    """A sparse file whose header promises what its configuration asks for: nothing of it lies on the disk."""
    width = 32_768
    config = {"hidden_size": width, "intermediate_size": 131_072, "num_hidden_layers": 1, "num_attention_heads": 256}
    config |= {"num_key_value_heads": 256, "head_dim": 128, "vocab_size": 1_000_000}
    change(folder / "config.json", **config)
    shapes = {"model.embed_tokens.weight": [1_000_000, width], "lm_head.weight": [1_000_000, width]}
    shapes |= {f"model.layers.0.self_attn.{part}_proj.weight": [width, width] for part in "qkvo"}
    shapes |= {f"model.layers.0.mlp.{part}_proj.weight": [131_072, width] for part in ("gate", "up")}
    shapes |= {"model.layers.0.mlp.down_proj.weight": [width, 131_072], "model.norm.weight": [width]}
    shapes |= {f"model.layers.0.{part}_layernorm.weight": [width] for part in ("input", "post_attention")}
    header, place = {}, 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + place)
    assert "does not fit into this computer's memory" in refusal(workspace, folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(workspace: Workspace, folder: Path, value: float) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][3] = value
    save_file(tensors, folder / "model.safetensors")
    assert "model.norm.weight hold values that are not numbers" in refusal(workspace, folder)


def test_files_that_are_cut_short_or_foreign_are_refused(workspace: Workspace, folder: Path) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    for content in (whole[:-100], whole[:50], b"", b"\xff" * 64):
        weights.write_bytes(content)
        assert "damaged" in refusal(workspace, folder)
    weights.unlink()
    assert "holds no model.safetensors" in refusal(workspace, folder)


def test_a_pickle_is_never_read(workspace: Workspace, folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "kept")
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    assert "can run any program" in refusal(workspace, folder)
    assert not Path("pwned").exists()


def test_an_index_that_leads_out_of_the_folder_is_refused(workspace: Workspace, folder: Path) -> None:
    index = {"weight_map": {"model.norm.weight": "../../etc/passwd"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "which is not there" in refusal(workspace, folder)


def test_a_tokenizer_that_does_not_fit_is_refused(workspace: Workspace, folder: Path, tmp_path: Path) -> None:
    data = json.loads((folder / "tokenizer.json").read_text())
    data["added_tokens"].append({**data["added_tokens"][0], "id": 5000, "content": "<|far|>", "special": False})
    data["model"]["vocab"]["<|far|>"] = 5000
    (folder / "tokenizer.json").write_text(json.dumps(data))
    assert "The tokenizer has the id 5000" in refusal(workspace, folder)
    (folder / "tokenizer.json").write_text("{}")
    assert "not one of the tokenizers library" in refusal(workspace, folder)
    (folder / "tokenizer.json").unlink()
    assert "no tokenizer.json" in refusal(workspace, folder)


def test_what_is_no_model_at_all_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    assert "no folder, no .gguf file and no name" in refusal(workspace, tmp_path / "nowhere")
    assert "holds no config.json" in refusal(workspace, tmp_path)
    (tmp_path / "config.json").write_text("[1]")
    assert "is no table" in refusal(workspace, tmp_path)


def test_the_command_line_imports_and_writes(workspace: Workspace, folder: Path) -> None:
    def run(*words: str) -> str:
        command = [sys.executable, "-m", "engine", *words, "--workspace", str(workspace.root)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=100).stdout

    told = json.loads(run("import", str(folder), "--name", "Kitten", "--json"))
    name = Path(told["folder"]).name
    assert told["model"]["family"] == "llama" and name.startswith("kitten-")
    written = json.loads(
        run("generate", name, "--prompt", "the cat", "--max-tokens", "4", "--temperature", "0", "--json")
    )
    assert written["model"] == name


class _Hub(http.server.BaseHTTPRequestHandler):
    """As much of the Hub as a download asks for, on this computer."""

    root: Path
    files: dict[str, bytes]
    asked: list[str]

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        path = self.path.split("?")[0]
        self.asked.append(path)
        if path.startswith("/api/models/cats/tiny"):
            siblings = [{"rfilename": name, "size": len(data)} for name, data in self.files.items()]
            told = {"id": "cats/tiny", "modelId": "cats/tiny", "sha": "a" * 40, "siblings": siblings, "tags": []}
            self._send(json.dumps(told).encode(), "application/json", body)
        elif "/resolve/" in path and path.rsplit("/", 1)[1] in self.files:
            self._send(self.files[path.rsplit("/", 1)[1]], "application/octet-stream", body)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send(self, data: bytes, kind: str, body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hash(data) & 0xFFFFFFFF:x}"')
        self.send_header("X-Repo-Commit", "a" * 40)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def hub(folder: Path) -> Iterator[tuple[str, type[_Hub]]]:
    """Its address, and the server's own account of what it was asked for."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files["pytorch_model.bin"] = b"never asked for"
    handler = type("Handler", (_Hub,), {"files": files, "asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


def import_in_a_process(workspace: Workspace, cache: Path, name: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The Hub's address is read once a process."""
    import os

    command = [sys.executable, "-m", "engine", "import", name, "--json", "--workspace", str(workspace.root)]
    environment = {**os.environ, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1", **more}
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment)


def test_a_model_comes_from_the_hub_and_then_from_its_cache(
    workspace: Workspace, hub: tuple[str, type[_Hub]], tmp_path: Path
) -> None:
    address, handler = hub
    done = import_in_a_process(workspace, tmp_path / "cache", "cats/tiny", HF_ENDPOINT=address)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"]["family"] == "llama"
    assert not [path for path in handler.asked if path.endswith(".bin")], "only safetensors are loaded"
    nowhere = "http://127.0.0.1:9"  # the network is gone
    again = import_in_a_process(workspace, tmp_path / "cache", "cats/tiny", HF_ENDPOINT=nowhere)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["reused"]
    offline = import_in_a_process(workspace, tmp_path / "cache", "cats/tiny", HF_ENDPOINT=address, HF_HUB_OFFLINE="1")
    assert offline.returncode == 0, offline.stderr


def test_without_a_network_and_for_unknown_names_the_hub_is_told_of_in_words(
    workspace: Workspace, hub: tuple[str, type[_Hub]], tmp_path: Path
) -> None:
    address, handler = hub
    unknown = import_in_a_process(workspace, tmp_path / "cache", "cats/unknown", HF_ENDPOINT=address)
    assert unknown.returncode == 1 and "knows no such model" in unknown.stderr
    nowhere = import_in_a_process(workspace, tmp_path / "cache", "cats/tiny", HF_ENDPOINT="http://127.0.0.1:9")
    assert nowhere.returncode == 1 and "cannot be reached" in nowhere.stderr
    del handler.files["model.safetensors"]
    pickles = import_in_a_process(workspace, tmp_path / "cache", "cats/tiny", HF_ENDPOINT=address)
    assert pickles.returncode == 1 and "without safetensors" in pickles.stderr
