"""Texts of an endpoint: their token limit, whatever its name, and records that the server refuses."""

import json

import pytest

from clinical_dpo.endpoints.generated_fields.by_endpoint import texts_of_endpoint
from clinical_dpo.errors import UserError
from tests.helpers.faulty_server import FaultyServer


def texts(server, tmp_path, n=3, **changes):
    prompts = [
        {"id": f"r{i}", "number": i, "prompt": [{"role": "user", "content": f"note {i}"}]} for i in range(1, n + 1)
    ]
    endpoint = server.endpoint(concurrency=1, **changes)
    return texts_of_endpoint(endpoint, prompts, 400, "{{ note }}", tmp_path / "replies.jsonl", False)


@pytest.mark.parametrize(
    ("parameters", "limits"),
    [
        ({}, {"max_tokens": 400}),
        ({"max_tokens": 16}, {"max_tokens": 400}),
        ({"max_tokens": None, "max_completion_tokens": 16}, {"max_completion_tokens": 400}),
        ({"n_predict": 16, "top_k": 16}, {"max_tokens": 400, "n_predict": 400}),
    ],
    ids=str,
)
def test_the_token_limit_is_the_fields_own_under_the_endpoints_name_for_it(tmp_path, parameters, limits):
    with FaultyServer() as server:
        texts(server, tmp_path, parameters=parameters)
    for body in server.received:
        assert {name: value for name, value in body.items() if "max" in name or "predict" in name} == limits
        assert body.get("top_k") == parameters.get("top_k")


def test_refused_records_are_named_and_the_other_texts_are_kept(tmp_path):
    refusal = (400, json.dumps({"error": {"code": "content_filter"}}))
    with FaultyServer(refusal) as server:
        with pytest.raises(UserError, match=r"no text for 1 of 3 records: row 1 \(content_filter\).*Remove these"):
            texts(server, tmp_path)
        assert len(server.received) == 3
        assert [row["text"] for row in texts(server, tmp_path)] == ["4", "4", "4"] and len(server.received) == 4
