"""Names that stand in paths and messages: none ends in a line feed, which `$` lets pass."""

import re

import pytest

from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.errors import UserError
from clinical_dpo.schemas import SCHEMAS, read_yaml
from tests.conftest import ROOT
from tests.helpers.configs import DEMO

WORDS = ("a", "demo", "KEY", "0" * 40, "https://host.example/v1", "dpo_vs_sft", "42 43", ".05")


def patterns(value, place=""):
    """Where a pattern stands in a schema, and the pattern."""
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield place, value["pattern"]
        for key, inner in value.items():
            yield from patterns(inner, f"{place}.{key}")


FOUND = [
    (f"{path.stem}{place}", text) for path in sorted(SCHEMAS.iterdir()) for place, text in patterns(read_yaml(path))
]


@pytest.mark.parametrize(("place", "pattern"), FOUND, ids=[place for place, _ in FOUND])
def test_no_pattern_of_a_schema_takes_a_trailing_line_feed(place, pattern):
    fitting = [word for word in WORDS if re.search(pattern, word)]
    assert fitting, "add a word that fits"
    assert not any(re.search(pattern, word + end) for word in fitting for end in ("\n", "\n\n", "\r\n"))


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"run_name": "demo\n"}, "run_name"),
        ({"figure2": {"a\n": "uti"}}, "figure2"),
        ({"overrides": {"tasks": {"reasoning": {"raters": ["anna\n"]}}}}, r"raters\.0"),
        ({"overrides": {"tasks": {"reasoning": {"adjudicator": "carla\n"}}}}, "adjudicator"),
        ({"overrides": {"models": {"tiny-llama": {"name": "tiny-llama\n"}}}}, "name"),
        ({"endpoints": {"judge\n": {"base_url": "https://host.example/v1", "model": "m"}}}, "endpoints"),
    ],
)
def test_a_name_that_ends_in_a_line_feed_is_refused(change, key):
    with pytest.raises(UserError, match=rf"key '{key}'"):
        load_study(merge(DEMO, change), ROOT)


def test_no_pattern_of_the_package_ends_a_name_with_a_dollar_sign():
    """`$` of Python fits before a line feed. What looks for the end of a text says fullmatch or \\Z."""
    ends = re.compile(r"""re\.(?:match|search|compile)\([^)]*\$["']""")
    files = [*ROOT.glob("clinical_dpo/**/*.py"), *ROOT.glob("workflow/**/*.smk"), ROOT / "Snakefile"]
    assert [str(path) for path in files if ends.search(path.read_text(encoding="utf-8"))] == []
