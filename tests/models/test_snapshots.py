"""Base models from an offline hub cache and from folders: safetensors, pickles of every layout, chat templates."""

import hashlib
import json
import pickle
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from tokenizers import Tokenizer, models, normalizers, processors, trainers
from transformers import AutoTokenizer

from clinical_dpo.errors import UserError
from clinical_dpo.io import write_json
from clinical_dpo.model_files import count_weights
from clinical_dpo.models.chat_template import ChatFormat
from clinical_dpo.models.download import link_folder, retrieve_snapshot
from clinical_dpo.models.load import base_record, load_base
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import MODEL, ROOT

NAME, REVISION = "clinic/tiny", "0123456789abcdef0123456789abcdef01234567"
SOURCE = {"source": "hub", "id": NAME, "revision": REVISION}
IDS = torch.arange(20, 60)[None]
BIOMISTRAL = read_yaml(ROOT / "config/models/biomistral-7b.yaml")["chat_template"]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A function that makes a folder the revision of an offline hub cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    cache = tmp_path / "cache/models--clinic--tiny"

    def fill(folder):
        (cache / "snapshots" / REVISION).mkdir(parents=True)
        (cache / "blobs").mkdir()
        for path in folder.iterdir():
            if path.name != "base.json":
                blob = cache / "blobs" / sha256(path)
                shutil.copyfile(path, blob)
                (cache / "snapshots" / REVISION / path.name).symlink_to(blob)

    return fill


@pytest.fixture
def unsafe(tiny_base, tmp_path):
    """A model's folder without its safetensors, and the weights, which tests save as pickles."""
    folder = tmp_path / "unsafe"
    shutil.copytree(tiny_base, folder, ignore=shutil.ignore_patterns("*.safetensors", "base.json"))
    return folder, load_base(tiny_base, MODEL).state_dict()


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def logits(folder):
    with torch.no_grad():
        return load_base(folder, MODEL).eval()(IDS).logits


def save_sharded(weights, folder, shards=2):
    files = [f"pytorch_model-{number:05}-of-{shards:05}.bin" for number in range(1, shards + 1)]
    weight_map = {name: files[number % shards] for number, name in enumerate(weights)}
    for file in files:
        torch.save({name: value for name, value in weights.items() if weight_map[name] == file}, folder / file)
    write_json(folder / "pytorch_model.bin.index.json", {"metadata": {}, "weight_map": weight_map})
    return files


def test_an_unknown_model_is_refused_with_its_page_and_the_variable_to_set(hub, tmp_path):
    with pytest.raises(
        UserError, match=rf"no-one/nothing.*{REVISION}.*https://huggingface\.co/no-one/nothing.*HF_HOME"
    ):
        retrieve_snapshot("no-one/nothing", REVISION, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_safetensors_are_linked_and_pickles_beside_them_ignored(hub, tiny_base, tmp_path):
    both, out = tmp_path / "both", tmp_path / "model"
    shutil.copytree(tiny_base, both)
    torch.save({"weight": torch.zeros(1)}, both / "pytorch_model.bin")
    hub(both)
    retrieve_snapshot(NAME, REVISION, out)
    retrieve_snapshot(NAME, REVISION, out)  # the second download replaces the first
    assert base_record(out) == SOURCE | {"sha256": {"model.safetensors": sha256(both / "model.safetensors")}}
    assert (out / "model.safetensors").is_symlink() and not list(out.glob("*.bin"))
    assert torch.equal(logits(out), logits(tiny_base))
    assert load_tokenizer(out).chat_template == load_tokenizer(tiny_base).chat_template


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before PyTorch 1.6"])
def test_one_pickle_becomes_safetensors(hub, unsafe, tiny_base, tmp_path, zipped):
    folder, weights = unsafe
    torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    torch.save({"seed": 1}, folder / "training_args.bin")
    hub(folder)
    out = tmp_path / "model"
    retrieve_snapshot(NAME, REVISION, out)
    digests = {"pytorch_model.bin": sha256(folder / "pytorch_model.bin")}
    assert base_record(out) == SOURCE | {"converted": "pytorch_model.bin", "sha256": digests}
    assert not list(out.glob("*.bin")) and not (out / "model.safetensors").is_symlink()
    assert torch.equal(logits(out), logits(tiny_base))


def test_a_pickle_in_shards_becomes_safetensors(hub, unsafe, tiny_base, tmp_path):
    folder, weights = unsafe
    files = save_sharded(weights, folder)
    hub(folder)
    out = tmp_path / "model"
    retrieve_snapshot(NAME, REVISION, out)
    assert base_record(out)["converted"] == "pytorch_model.bin.index.json"
    assert base_record(out)["sha256"] == {file: sha256(folder / file) for file in files}
    assert not (out / "pytorch_model.bin.index.json").exists()
    assert torch.equal(logits(out), logits(tiny_base))


def test_a_shard_that_the_cache_lacks_is_named(hub, unsafe, tmp_path):
    folder, weights = unsafe
    (folder / save_sharded(weights, folder)[1]).unlink()
    hub(folder)
    with pytest.raises(
        UserError, match=r"pytorch_model\.bin\.index\.json names the file pytorch_model-00002.* lacks it\. Run"
    ):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("tied", [True, False], ids=["tied by the model", "shared in the file alone"])
def test_weights_that_share_memory_keep_all_their_names(hub, unsafe, tmp_path, tied):
    folder, weights = unsafe
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    config = json.loads((folder / "config.json").read_text()) | {"tie_word_embeddings": tied}
    write_json(folder / "config.json", config)
    torch.save(weights, folder / "pytorch_model.bin")
    hub(folder)
    out = tmp_path / "model"
    retrieve_snapshot(NAME, REVISION, out)
    loaded = load_base(out, MODEL).state_dict()
    assert set(loaded) == set(weights)
    assert all(torch.equal(value, weights[name]) for name, value in loaded.items())


NO_WEIGHTS_BESIDE_IT = ["/tmp/a{}", "../a{}", "sub/a{}", "..", "", 7, "none", "config.json", "adapter_model{}"]


@pytest.mark.parametrize("shard", NO_WEIGHTS_BESIDE_IT)
@pytest.mark.parametrize(("index", "suffix"), [("model.safetensors", ".safetensors"), ("pytorch_model.bin", ".bin")])
def test_an_index_that_names_no_weights_beside_it_is_refused(hub, unsafe, tmp_path, shard, index, suffix):
    folder, _ = unsafe
    weights = {"lm_head.weight": shard.format(suffix) if isinstance(shard, str) else shard} if shard != "none" else {}
    write_json(folder / f"{index}.index.json", {"weight_map": weights})
    hub(folder)
    with pytest.raises(UserError, match=rf"tiny: {index}\.index\.json names no files of weights, .*Set `revision`"):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_an_adapter_beside_the_weights_is_ignored(hub, tiny_base, tmp_path):
    """transformers would load the model that its settings name in place of this one."""
    both, out = tmp_path / "both", tmp_path / "model"
    shutil.copytree(tiny_base, both)
    write_json(both / "adapter_config.json", {"base_model_name_or_path": "/tmp/elsewhere"})
    shutil.copyfile(both / "model.safetensors", both / "adapter_model.safetensors")
    hub(both)
    retrieve_snapshot(NAME, REVISION, out)
    assert list(base_record(out)["sha256"]) == ["model.safetensors"] and not list(out.glob("adapter_*"))
    assert torch.equal(logits(out), logits(tiny_base))


NAMES_WEIGHTS = {"transformers_weights": "x.safetensors"}


@pytest.mark.parametrize(
    ("config", "message"),
    [(None, r"no config\.json.*Set `id`"), (NAMES_WEIGHTS, r"config\.json.*`transformers_weights`.*Set `revision`")],
)
def test_a_missing_config_or_one_that_names_weights_is_refused(hub, tiny_base, tmp_path, config, message):
    folder = tmp_path / "copy"
    shutil.copytree(tiny_base, folder)
    (folder / "config.json").unlink()
    if config:
        write_json(folder / "config.json", config)
    hub(folder)
    with pytest.raises(UserError, match=message):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")
    assert not (tmp_path / "model").exists()


class Command:
    """Its pickle runs a command if it is loaded without restrictions."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return subprocess.check_call, (["touch", str(self.target)],)


@pytest.mark.parametrize("plain", [False, True], ids=["torch.save", "pickle.dump"])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(hub, unsafe, tmp_path, plain):
    folder, weights = unsafe
    target, file = tmp_path / "ran", folder / "pytorch_model.bin"
    if plain:
        file.write_bytes(pickle.dumps(Command(target)))
    else:
        torch.save(weights | {"more": Command(target)}, file)
    hub(folder)
    with pytest.raises(UserError, match=r"clinic/tiny: pytorch_model\.bin.*Set `revision`.*safetensors"):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")
    assert not target.exists() and not (tmp_path / "model").exists()
    if plain:
        pickle.loads(file.read_bytes())
        assert target.exists()  # without restrictions it does run


@pytest.mark.parametrize("content", [{"state_dict": {"weight": torch.zeros(1)}}, torch.zeros(1), "cut"])
def test_a_damaged_pickle_or_one_without_named_tensors_is_refused(hub, unsafe, tmp_path, content):
    folder, weights = unsafe
    file = folder / "pytorch_model.bin"
    torch.save(weights if content == "cut" else content, file)
    file.write_bytes(file.read_bytes()[: 2000 if content == "cut" else None])
    hub(folder)
    with pytest.raises(UserError, match=r"pytorch_model\.bin cannot be loaded.*Set `revision`"):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")


def test_a_revision_without_weights_is_refused_with_the_page_and_the_files_needed(hub, unsafe, tmp_path):
    folder, weights = unsafe
    torch.save(weights, folder / "training_args.bin")
    hub(folder)
    with pytest.raises(
        UserError, match=r"model\.safetensors.*pytorch_model\.bin.*Set `revision`.*huggingface\.co/clinic"
    ):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def mistral_tokenizer(folder: Path):
    """A small tokenizer of the form of Mistral 7B's: `<s>` before every text, a space before every piece of text."""
    backend = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    special = ["<unk>", "<s>", "</s>"]
    words = ["[INST]", "Fever?", "[/INST]", "No", "fever."]  # separate texts, since no token of Mistral spans two words
    backend.train_from_iterator(words * 9, trainers.BpeTrainer(special_tokens=special))
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    backend.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_bos_token": True}
    named = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    write_json(folder / "tokenizer_config.json", settings | named)
    return backend


@pytest.fixture
def without_template(tiny_base, tmp_path):
    """A Mistral whose tokenizer has the form of Mistral 7B's and no chat template."""
    folder = tmp_path / "plain"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(tiny_base / name, folder / name)
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"model_type": "mistral", "architectures": ["MistralForCausalLM"]})
    return folder, mistral_tokenizer(folder)


def test_a_conversation_in_biomistral_s_format_has_one_start_token(hub, without_template, tmp_path):
    folder, backend = without_template
    hub(folder)
    out = tmp_path / "model"
    retrieve_snapshot(NAME, REVISION, out, ChatFormat(BIOMISTRAL))
    weights = {"model.safetensors": sha256(folder / "model.safetensors")}
    assert base_record(out) == SOURCE | {"sha256": weights, "chat_template": "model file"}
    tokenizer = load_tokenizer(out)
    assert tokenizer("fever")["input_ids"][0] == tokenizer.bos_token_id == 1  # the tokenizer adds it to plain text
    turns = [("user", "Fever?"), ("assistant", "No fever."), ("user", "No?")]
    messages = [{"role": role, "content": text} for role, text in turns]

    def ids(*texts):
        return [i for text in texts for i in backend.encode(text, add_special_tokens=False).ids]

    prompt = tokenizer.apply_chat_template(messages[:1], add_generation_prompt=True, return_dict=True)["input_ids"]
    conversation = tokenizer.apply_chat_template(messages, return_dict=True)["input_ids"]
    assert prompt == [1, *ids("[INST] Fever? [/INST]")]
    assert conversation == [1, *ids("[INST] Fever? [/INST]", "No fever."), 2, *ids("[INST] No? [/INST]")]


@pytest.mark.parametrize("roles", [["system", "user"], ["user", "user"], ["assistant"]])
def test_biomistral_s_format_refuses_turns_that_do_not_alternate(tiny_base, roles):
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    with pytest.raises(Exception, match="Roles must alternate"):
        tokenizer.apply_chat_template([{"role": role, "content": "?"} for role in roles], chat_template=BIOMISTRAL)


def test_a_missing_or_broken_chat_template_is_refused_with_its_key(hub, without_template, tmp_path):
    hub(without_template[0])
    with pytest.raises(UserError, match=r"clinic/tiny: .*no chat template.*Set `chat_template`"):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")
    with pytest.raises(UserError, match=r"clinic/tiny: key 'chat_template'.*Correct the template"):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model", ChatFormat("{% for message in messages %}"))
    assert not (tmp_path / "model").exists()


def test_a_folder_on_disk_is_a_model_with_checksums(tiny_base, tmp_path, monkeypatch):
    given, out = tmp_path / "original", tmp_path / "model"
    shutil.copytree(tiny_base, given)
    monkeypatch.setenv("CLINIC", str(given))
    (given / "original").mkdir()
    for name in ("consolidated.safetensors", "original/consolidated.safetensors", "adapter_model.safetensors"):
        shutil.copyfile(given / "model.safetensors", given / name)
    link_folder("$CLINIC", out, {str(given / "model.safetensors"): sha256(given / "model.safetensors")})
    record = base_record(out)
    assert (record["source"], record["id"]) == ("folder", "$CLINIC") and len(record["revision"]) == 64
    assert record["sha256"] == {"model.safetensors": sha256(given / "model.safetensors")}
    assert [path.name for path in out.rglob("*.safetensors")] == ["model.safetensors"]
    assert torch.equal(logits(out), logits(tiny_base))
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=out, check=True)


def test_pickled_weights_in_a_folder_become_safetensors(unsafe, tiny_base, tmp_path):
    folder, weights = unsafe
    files = save_sharded(weights, folder)
    link_folder(str(folder), tmp_path / "model")
    record = base_record(tmp_path / "model")
    assert record["converted"] == "pytorch_model.bin.index.json" and set(record["sha256"]) == set(files)
    assert torch.equal(logits(tmp_path / "model"), logits(tiny_base))


@pytest.mark.parametrize("kept", [[], ["config.json"]])
def test_a_folder_without_a_model_is_refused_with_its_key(tiny_base, tmp_path, kept):
    given = tmp_path / "given"
    given.mkdir()
    for name in kept:
        shutil.copyfile(tiny_base / name, given / name)
    with pytest.raises(UserError, match=r"config\.json.*Set `path`" if not kept else r"holds neither.*Set `path` to a"):
        link_folder(str(given), tmp_path / "model")
    with pytest.raises(UserError, match=r"key 'path': .*nowhere is not a folder"):
        link_folder(str(tmp_path / "nowhere"), tmp_path / "model")
    with pytest.raises(UserError, match=r"variable in '\$NOT_SET_HERE/model' is not set"):
        link_folder("$NOT_SET_HERE/model", tmp_path / "model")


def test_weights_are_counted_from_headers_whatever_the_files(unsafe, tiny_base, tmp_path):
    folder, weights = unsafe
    parameters = load_base(tiny_base, MODEL).num_parameters()
    assert count_weights(tiny_base) == parameters
    assert count_weights(folder) is None and count_weights(tmp_path / "nowhere") is None
    torch.save(weights, folder / "pytorch_model.bin")
    assert count_weights(folder) == pytest.approx(parameters, rel=0.2)  # the file also holds names and shapes
    load_base(tiny_base, MODEL).save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    assert count_weights(tmp_path / "shards") == parameters
    (tmp_path / "shards/model.safetensors.index.json").write_text("{}")
    assert count_weights(tmp_path / "shards") is None


def test_a_tokenizer_model_without_a_tokenizer_json_is_refused(tiny_base, tmp_path):
    given = tmp_path / "given"
    shutil.copytree(tiny_base, given)
    (given / "tokenizer.model").write_bytes(b"sentencepiece")
    link_folder(str(given), tmp_path / "model")  # both files, as Mistral's
    (given / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"tokenizer\.model but no tokenizer\.json.*Set `path`"):
        link_folder(str(given), tmp_path / "other")


def with_new_token(tiny_base, folder, **named):
    """A copy of a model whose tokenizer has a token more than its embedding."""
    shutil.copytree(tiny_base, folder)
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    tokenizer.add_special_tokens(named)
    tokenizer.save_pretrained(folder)
    return len(tokenizer) - 1


def test_a_pad_token_beyond_the_embedding_is_not_used(tiny_base, tmp_path):
    beyond = with_new_token(tiny_base, tmp_path / "given", pad_token="<new>")
    assert AutoTokenizer.from_pretrained(tmp_path / "given").pad_token_id == beyond
    tokenizer = load_tokenizer(tmp_path / "given")
    assert tokenizer.pad_token_id == tokenizer.eos_token_id < beyond


def test_a_template_that_writes_a_token_beyond_the_embedding_is_refused(tiny_base, tmp_path):
    beyond = with_new_token(tiny_base, tmp_path / "given", additional_special_tokens=["<new>"])
    chat = ChatFormat("<new>{{ messages[0].content }}")
    with pytest.raises(UserError, match=rf"'<new>', whose id is {beyond}, but the model knows only ids below {beyond}"):
        link_folder(str(tmp_path / "given"), tmp_path / "model", chat=chat)
