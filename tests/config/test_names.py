"""No name in a path or a message ends in a line feed, which the `$` of a pattern would accept."""

import re

import pytest

from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.errors import UserError
from clinical_dpo.schemas import SCHEMAS
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.helpers.configs import DEMO

WORDS = ("a", "demo", "KEY", "0" * 40, "https://host.example/v1", "dpo_vs_sft", "42 43", ".05", "2026-01-31")


def patterns(value, keys=""):
    """(keys that lead to it, pattern) of each pattern in a schema."""
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield keys, value["pattern"]
        for key, inner in value.items():
            yield from patterns(inner, f"{keys}.{key}")


PATTERNS = {
    f"{path.stem}{keys}": pattern for path in sorted(SCHEMAS.iterdir()) for keys, pattern in patterns(read_yaml(path))
}


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_no_pattern_of_a_schema_matches_a_trailing_line_feed(pattern):
    matching = [word for word in WORDS if re.search(pattern, word)]
    assert matching, "add a word that matches to WORDS"
    assert not any(re.search(pattern, word + end) for word in matching for end in ("\n", "\n\n", "\r\n"))


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


def test_no_pattern_of_the_package_ends_with_a_dollar_sign():
    """In Python `$` also matches before a line feed. Code that needs the end of a text uses fullmatch or \\Z."""
    ends = re.compile(r"""re\.(?:match|search|compile)\([^)]*\$["']""")
    files = [*ROOT.glob("clinical_dpo/**/*.py"), *ROOT.glob("workflow/**/*.smk"), ROOT / "Snakefile"]
    assert [str(path) for path in files if ends.search(path.read_text(encoding="utf-8"))] == []
