"""Fetch data and models by the hub's own client, from a local hub that can be gated, busy, unreachable and broken."""

import hashlib
import json
import os
import random
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.helpers.hub_server import Hub, Repository, serving
from tests.helpers.note_files import parquet

A, B, C = "a" * 40, "b" * 40, "c" * 40
TOKEN, OTHER = "hf_secretOfTheTest", "hf_anotherSecret"
LARGE = 12 * 2**20  # the client keeps a broken download in steps of 10 MiB
CARD = b"""---
configs:
- config_name: first
  data_files:
  - {split: train, path: first/train-*}
- config_name: second
  data_files:
  - {split: train, path: [second/train-*]}
  - {split: test, path: second/test-*}
- config_name: third
  data_files: third/*.parquet
---
"""
HOSTILE = b"""---
configs:
- config_name: first
  data_files: [mine.csv, "hf://datasets/owner/gated/data.csv"]
---
"""
TOKENIZER = {
    "tokenizer.json": {
        "version": "1.0",
        "added_tokens": [],
        "model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"},
    },
    "tokenizer_config.json": {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "?",
        "chat_template": "{{ 1 }}",
    },
    "config.json": {"model_type": "llama"},
}
# The client reads the hub's address and the offline setting on import, so all steps of a test share one process.
STEPS = """
import json, os, sys
import datasets
from clinical_dpo.errors import UserError
sizes, to_list = [], datasets.Dataset.to_list
datasets.Dataset.to_list = lambda table: sizes.append(len(table)) or to_list(table)
for step, token, arguments in json.loads(sys.argv[1]):
    os.environ.pop("HF_TOKEN", None)
    os.environ |= {"HF_TOKEN": token} if token else {}
    sizes.clear()
    try:
        if step == "fetch":
            from clinical_dpo.hub import fetch
            result = str(fetch(*arguments))
        elif step == "damage":
            result = open(arguments, "ab").write(b"?")
        elif step == "snapshot":
            from clinical_dpo.models.download import retrieve_snapshot
            retrieve_snapshot(*arguments)
            result = json.load(open(arguments[-1] + "/base.json"))
        else:
            from clinical_dpo.data.sources.retrieve import retrieve
            result = retrieve({"kind": "hub"} | arguments, seed=1, n=1)
    except UserError as error:
        result = f"refused: {error}"
    print(json.dumps([result, sizes]))
"""


def notes(name, count):
    return [f"{name}{number}" for number in range(count)]


def config(name, **more):
    return ["data", None, {"id": "owner/set", "revision": A, "config": name, "splits": ["train"]} | more]


def repository():
    files = {
        "README.md": CARD,
        ".gitattributes": b"*.parquet filter=lfs",
        "first/train-00000-of-00001.parquet": parquet("only"),
        "second/train-00000-of-00002.parquet": parquet(*notes("a", 3000)),
        "second/train-00001-of-00002.parquet": parquet(*notes("b", 50)),
        "second/test-00000-of-00001.parquet": parquet(*notes("t", 7)),
        "third/data.parquet": parquet("third"),
    }
    later = files | {"first/train-00000-of-00001.parquet": parquet("moved on")}
    return Repository({A: files, B: later}, unavailable=1)


SECOND = config("second", splits=["test", "train"], sample=9)
SEEN = config("first"), config("first", revision=B)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """(hub, function that takes steps with its client, results of the online steps, all output, cache folder)."""
    home = tmp_path_factory.mktemp("hub")
    weights = random.Random(1).randbytes(LARGE)
    model = {name: json.dumps(value).encode() for name, value in TOKENIZER.items()} | {"model.safetensors": weights}
    model |= {"adapter_config.json": b"{}"}
    secret = {"data.csv": b"note\nsecret\n"}
    served = Hub(
        {
            ("datasets", "owner/set"): repository(),
            ("datasets", "owner/gated"): Repository({A: secret}, token=TOKEN),
            ("datasets", "owner/spoilt"): Repository({A: {"train.jsonl": b'{"note": 1}\n{"note": '}}),
            ("datasets", "owner/hostile"): Repository({A: {"README.md": HOSTILE, "mine.csv": b"note\nmine\n"}}),
            ("datasets", "owner/large"): Repository({A: {"README.md": b" " * 5_000_001, "train.csv": b"a\n1\n"}}),
            ("models", "owner/model"): Repository({A: model}),
            ("models", "owner/gated"): Repository({A: model}, token=TOKEN),
        },
        broken={"model.safetensors": LARGE - 1000},
    )
    outputs = []

    def take(*steps, **environment):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        kept |= {"HF_HOME": str(home / "home"), "HF_ENDPOINT": served.url, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        command = [sys.executable, "-c", STEPS, json.dumps(steps)]
        done = subprocess.run(command, env=kept | environment, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout + done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    with serving(served):
        gated = ["data", None, {"id": "owner/gated", "revision": A, "splits": ["train"]}]
        online = take(
            SECOND,
            *SEEN,
            config("fourth"),
            config("second", splits=["dev"]),
            config("first", revision=C),
            config("first", id="owner/unknown"),
            gated,
            ["data", OTHER, gated[2]],
            ["data", TOKEN, gated[2]],
            ["fetch", None, ["owner/gated", A]],
            ["data", None, {"id": "owner/spoilt", "revision": A, "splits": ["train"]}],
            ["snapshot", None, ["owner/model", A, str(home / "model")]],
            ["data", TOKEN, {"id": "owner/hostile", "revision": A, "splits": ["train"]}],
            ["data", None, {"id": "owner/large", "revision": A, "splits": ["train"]}],
        )
        yield served, take, online, outputs, home


def test_a_pinned_commit_has_the_rows_of_its_configuration(hub):
    _, _, online, _, _ = hub
    (rows, _), sizes = online[0]
    everything = notes("t", 7) + notes("a", 3000) + notes("b", 50)
    drawn = sorted(random.Random("sample/1").sample(list(enumerate(everything)), 9))
    assert [row["note"] for row in rows] == [note for _, note in drawn]
    assert sum(sizes) == 9  # only the drawn rows are loaded
    assert [[row["note"] for row in rows] for (rows, _), _ in online[1:3]] == [["only"], ["moved on"]]


def test_the_record_of_a_commit_names_its_files_by_checksum_and_no_others_are_fetched(hub):
    served, _, online, _, _ = hub
    (_, record), _ = online[0]
    files = served.repositories["datasets", "owner/set"].commits[A]
    needed = [name for name in files if name.split("/")[0] in ("README.md", "second")]
    assert record == {
        **{"kind": "hub", "data": "real", "id": "owner/set", "config": "second", "revision": A},
        **{"splits": ["test", "train"], "rows": 3057, "sampled": 9, "drops": {}},
        "sha256": {name: hashlib.sha256(files[name]).hexdigest() for name in needed},
    }
    assert not any("third" in request for request in served.requests)


def test_an_unknown_config_or_split_is_refused_with_the_known_ones(hub):
    fourth, dev = (message for message, _ in hub[2][3:5])
    assert "no config 'fourth'" in fourth and "first, second, third" in fourth
    assert "split 'dev'" in dev and "train, test" in dev


def test_an_unknown_revision_or_repository_is_refused_with_the_mend(hub):
    commit, unknown = (message for message, _ in hub[2][5:7])
    assert f"revision {C}" in commit and "https://huggingface.co/datasets/owner/set/commits/main" in commit
    assert "owner/unknown" in unknown and "set HF_TOKEN" in unknown


def test_a_damaged_data_file_is_refused(hub):
    message = hub[2][11][0]
    assert "owner/spoilt" in message and "cannot be read as a table" in message


def test_a_gated_repository_is_refused_with_its_page_and_the_variable(hub):
    _, _, online, _, _ = hub
    (without, _), (other, _), _, (model, _) = online[7:11]
    for message in (without, other):
        assert "https://huggingface.co/datasets/owner/gated" in message and "set HF_TOKEN" in message
    assert "no token is set" in without and "has no access" in other
    assert "access is gated" in model and "https://huggingface.co/owner/gated." in model


def test_a_gated_repository_is_read_with_its_token_and_no_output_contains_a_token(hub):
    _, _, online, outputs, _ = hub
    (rows, _), _ = online[9]
    assert rows == [{"note": "secret"}]
    assert not any(token in text for text in outputs for token in (TOKEN, OTHER))


def test_a_card_that_names_a_file_of_another_repository_is_refused_before_a_file_is_fetched(hub):
    """The token could read the other repository."""
    served, _, online, _, _ = hub
    assert (
        "owner/hostile, config first: the README.md names the path "
        "'hf://datasets/owner/gated/data.csv', which lies outside" in online[13][0]
    )
    assert served.requests["GET /datasets/owner/hostile/resolve/" + A + "/mine.csv"] == 0


def test_a_card_that_is_too_large_is_not_fetched(hub):
    served, _, online, _, _ = hub
    assert "owner/large: the README.md has more than 5,000,000 bytes" in online[14][0]
    assert not {each for each in served.requests if "README.md" in each and ("/large/" in each or "/blobs/" in each)}


def test_a_request_to_a_busy_hub_is_repeated_and_a_broken_download_is_resumed(hub):
    served, *_ = hub
    assert not served.broken and not served.repositories["datasets", "owner/set"].unavailable
    assert served.ranges == [f"bytes={10 * 2**20}-"]


def test_a_resumed_download_has_the_bytes_and_checksum_of_the_hub(hub):
    served, _, online, _, home = hub
    weights = served.repositories["models", "owner/model"].commits[A]["model.safetensors"]
    digest = hashlib.sha256(weights).hexdigest()
    assert online[12][0] == {
        "source": "hub",
        "id": "owner/model",
        "revision": A,
        "sha256": {"model.safetensors": digest},
    }
    assert (home / "model/model.safetensors").read_bytes() == weights


def test_adapters_in_a_model_repository_are_not_fetched(hub):
    served, *_ = hub
    assert not any("adapter" in request for request in served.requests)


@pytest.fixture(scope="module")
def offline(hub):
    """Results of steps without the hub: `same` as online, messages about files that the cache lacks, a damaged file."""
    served, take, _, _, home = hub
    before = sum(served.requests.values())
    [file] = (home / "home/hub/datasets--owner--set/snapshots" / A).glob("second/test-*")
    lacking = [config("third"), config("first", revision=C), ["fetch", None, ["owner/model", B]]]
    lacking.append(config("first", id="owner/unknown"))
    *same, third, commit, model, unknown, _, damaged = take(
        SECOND, *SEEN, *lacking, ["damage", None, str(file)], SECOND, HF_HUB_OFFLINE="1"
    )
    messages = {"third": third, "commit": commit, "model": model, "unknown": unknown, "damaged": damaged}
    requests = sum(served.requests.values()) - before
    return same, {name: message for name, (message, _) in messages.items()}, requests


def test_offline_the_cache_has_the_same_rows_and_the_hub_gets_no_request(hub, offline):
    same, _, requests = offline
    assert same == hub[2][:3] and requests == 0


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("third", ["lacks 1 of the files of this revision, such as third/data.parquet", "Unset HF_HUB_OFFLINE"]),
        ("unknown", ["owner/unknown", "huggingface.co/datasets/owner/unknown"]),
        ("commit", [f"revision {C}", "not in the local cache"]),
        ("model", [f"revision {B}", "https://huggingface.co/owner/model"]),
        ("damaged", ["second/test-00000-of-00001.parquet", "damaged", "Delete"]),
    ],
)
def test_offline_a_message_names_the_missing_or_damaged_file_and_the_mend(offline, name, parts):
    assert [part for part in parts if part not in offline[1][name]] == []
