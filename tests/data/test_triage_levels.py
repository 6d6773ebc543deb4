"""Messages in three levels: a second reading of the text confirms the level."""

import re
from collections import Counter
from random import Random

from clinical_dpo.data.sources.synthetic import triage_levels
from clinical_dpo.data.sources.synthetic.triage import MEDICAL_REQUESTS, MILD, RED_FLAGS


def read_level(message):
    """The level by the rules of the task's prompt, read from the words alone."""
    complaint = re.search(r"(?:I have had|My problem is) (.+?)(?: since .+| for .+)?\.", message)[1]
    fever = re.fullmatch(r"a fever of (\d+)", complaint)
    if complaint in RED_FLAGS or (fever and int(fever[1]) >= 103):
        return "urgent"
    assert fever or complaint in MILD
    return "physician" if any(request in message for request in MEDICAL_REQUESTS) else "medical assistant"


def test_levels_follow_from_the_words():
    draw = Random(1)
    counts = Counter()
    for _ in range(600):
        case = triage_levels.draw(draw)
        record = triage_levels.record(case, draw)
        assert record["level"] == read_level(record["message"])
        counts[record["level"]] += 1
    assert set(counts) == set(triage_levels.LEVELS) and min(counts.values()) > 100


def test_physicians_may_disagree_about_some_messages_of_every_level():
    draw = Random(2)
    cases = [triage_levels.draw(draw) for _ in range(300)]
    assert {case.level for case in cases if case.borderline} == set(triage_levels.LEVELS)
