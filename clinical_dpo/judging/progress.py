"""How far a judge has come, as its record says: whether it is waited for, and when it is to be asked again."""

from pathlib import Path

from clinical_dpo.endpoint_settings import Endpoint, why_unavailable
from clinical_dpo.judging.prompts import PROMPTS
from clinical_dpo.records import read_json


def is_judged(record: str | Path, endpoint: Endpoint, kind: str) -> bool:
    """Whether this judge has given all its verdicts, with these settings, on today's wording.

    Args:
        record: what `judge.judge_items` wrote of itself.
        endpoint: the judge.
        kind: likert, correctness or preference.
    """
    if not Path(record).exists():
        return False
    kept, asked = read_json(record), {"base_url": endpoint.base_url, "settings": endpoint.body}
    return bool(kept | asked | {"prompt_version": PROMPTS[kind].version, "status": "complete"} == kept)


def judging_round(record: str | Path, endpoint: Endpoint) -> int:
    """Number of the round that a judge is in; a new one begins once what is pending can be asked about.

    It stands in the record. As a rule's parameter it asks again when the key is there, whatever made verdicts pending
    since, and once they are had, it stays.

    Args:
        record: what `judge.judge_items` wrote of itself, with its `round`.
        endpoint: the judge.
    """
    if not Path(record).exists():
        return 0
    kept = read_json(record)
    begun: int = kept.get("round", 0)
    return begun + 1 if kept["status"] == "pending" and not why_unavailable(endpoint) else begun
