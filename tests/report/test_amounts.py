"""Texts of differences and of their intervals."""

import pytest

from clinical_dpo.report.amounts import amount, signed_amount, with_interval


@pytest.mark.parametrize(
    ("metric", "value", "plain", "signed"),
    [
        ("f1", 0.0312, "3.1", "+3.1"),
        ("f1", -0.0312, "-3.1", "-3.1"),
        ("likert", 0.2, "0.20", "+0.20"),
        ("f1", 0.0004, "0.0", "0.0"),
        ("f1", -0.0004, "0.0", "0.0"),
    ],
)
def test_a_difference_that_rounds_to_zero_has_no_sign(metric, value, plain, signed):
    assert (amount(metric, value), signed_amount(metric, value)) == (plain, signed)


def test_a_limit_gets_digits_until_it_differs_from_every_edge():
    assert with_interval("f1", 0.031, (0.95, 0.00004, 0.058)) == "+3.1, 95% interval 0.0 to 5.8"
    assert with_interval("f1", 0.031, (0.95, 0.00004, 0.058), (0.0,)) == "+3.1, 95% interval 0.004 to 5.800"
    assert with_interval("f1", 0.0, (0.975, -0.05, 0.05), (0.05,)) == "0.0, 97.5% interval -5.0000 to 5.0000"
