"""A task with generated fields, and an endpoint that writes them."""

import yaml

from tests.conftest import ROOT

TASK = yaml.safe_load((ROOT / "config/tasks/summarization_notes.yaml").read_text()) | {
    "name": "notes",
    "recipe": "published",
    "source": {"kind": "synthetic", "generator": "summarization"},
    "columns": {},
    "prompt": "{{ note }} Summarize.",
    "when_missing": "synthetic",
    "stand_in": {"kind": "synthetic", "generator": "summarization"},
    "grader": "rouge_likert",
}
del TASK["judge"]
ENDPOINT = {"base_url": "https://models.example.org/v1", "model": "m", "key_variable": "NO_SUCH_KEY", "concurrency": 2}
ENDPOINT |= {"timeout_seconds": 20, "max_tokens": 8}


def field(**writer):
    """A generated field of a task file, written by a model or an endpoint."""
    return {"prompt": "Summarize: {{ note }}", "max_new_tokens": 20, **writer}
