"""Numbers in the formats of a spreadsheet, as Excel shows them in English."""

import datetime

import pytest

from clinical_dpo.data.sources.dates import iso_duration, iso_time, whole_seconds
from clinical_dpo.data.sources.number_formats import (
    is_scientific,
    shown_number,
    shown_text,
    shows_date_and_time,
    shows_fractions,
)

SHOWN = [
    (0.95, "0%", "95%"),
    (4711, "000000", "004711"),
    (98.60000000000001, "0.0", "98.6"),
    (98.60000000000001, "General", "98.6"),
    (1234567.891, "#,##0.00", "1,234,567.89"),
    (0.375, "# ?/?", "3/8"),
    (5.25, "# ?/?", "5 1/4"),
    (5, "# ?/?", "5"),
    (2.5, "?/?", "5/2"),
    (0.5, "# ??/16", "8/16"),
    (37.2, '0.0" °C"', "37.2 °C"),
    (75, '0\\ "µg"', "75 µg"),
    (-3.5, "[Red]0.0;[Blue]-0.0", "-3.5"),
    (-1234, "#,##0_);(#,##0)", "(1,234)"),
    (0, '0;-0;"none"', "none"),
    (12345, "0.00E+00", "1.23E+04"),
    (0.000123, "0.00E+00", "1.23E-04"),
    (12345, "##0.0E+0", "12.3E+3"),
    (123456789, "000-00-0000", "123-45-6789"),
    (5551234567, "(000) 000-0000", "(555) 123-4567"),
    (1234567, '0.0,,"M"', "1.2M"),
    (1500000, "#,##0,", "1,500"),
    (0.5, "#.##", ".5"),
    (5, "0.#", "5."),
    (1 / 3, "General", "0.333333333"),
    (0.1 + 0.2, "General", "0.3"),
    (123456789012, "General", "123456789012"),
    (1e-7, "General", "1E-07"),
    (1234.5678901234, "General", "1234.56789"),
    (1, '[=1]"yes";[=0]"no";0', "yes"),
    (0, '[=1]"yes";[=0]"no";0', "no"),
    (7, '[=1]"yes";[=0]"no";0', "7"),
    (12.5, "[$€-407] #,##0.00", "€ 12.50"),
    (5, "0,000", "0,005"),
    (-0.2, "0", "0"),
    (-5, "0%", "-500%"),
    (2.5, "0", "3"),
    (0.125, "0.00", "0.13"),
    (1.005, "0.00", "1.01"),
    (5, "@", "5"),
    (3, '"grade "0', "grade 3"),
    (12.3456, "0.00##", "12.3456"),
    (12.3, "0.00##", "12.30"),
    (50, "[<100]0.0;0", "50.0"),
    (500, "[<100]0.0;0", "500"),
    (-7.25, "# ?/?", "-7 1/4"),
    (0, "0.00E+00", "0.00E+00"),
    (9.999, "0.00E+00", "1.00E+01"),
    (0.99999, "# ?/?", "1"),
    (0, "General", "0"),
    (-4, "General", "-4"),
    (1000, "#,##0", "1,000"),
    (999.5, "#,##0", "1,000"),
    (36.6, "General", "36.6"),
    (12345678.9, "General", "12345678.9"),
    (120, 'General" mmHg"', "120 mmHg"),
    (0.0001, "General", "0.0001"),
    (44197, "_-* #,##0.00 [$kr-414]_-", "44,197.00 kr"),
    (0.05, "0.0%", "5.0%"),
]

SHOWN += [
    (123456789012345, "0." + "0" * 30, "123456789012345." + "0" * 30),
    (1e-300, "0.0", "0.0"),
    (12.5, "0/", "25/2"),
    (3, "E+0,", "E+0,"),
    (5, '"only words"', "only words"),
    (5, ";;;", ""),
    (0, "0;-0;;@", ""),
    (0, "#,###", ""),
    (5, "[Red]", ""),
    (5, '""', ""),
    (0, "#", ""),
]


@pytest.mark.parametrize(("value", "number_format", "text"), SHOWN)
def test_a_number_is_shown_in_its_format(value, number_format, text):
    assert shown_number(value, number_format) == text


def test_a_whole_number_keeps_all_digits_of_an_id_in_format_general():
    assert shown_number(123456789012345, "General") == "123456789012345"


def test_the_format_of_a_text_may_add_words():
    assert shown_text("12", '"Ward "@') == "Ward 12"
    assert shown_text("12", "0.00") == shown_text("12", "@") == "12"
    assert shown_text("none", ";;;") == shown_text("none", "0;-0;0;") == ""
    assert shown_text("none", '0;-0;0;"n/a"') == "n/a"


@pytest.mark.parametrize(
    ("number_format", "date", "time"),
    [
        ("dd/mm/yyyy hh:mm", True, True),
        ("mmm-yy", True, False),
        ("mm:ss", False, True),
        ("[h]:mm", False, True),
        ("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", True, False),
        ("h:mm AM/PM", False, True),
        ('"seen on the" d', True, False),
    ],
)
def test_a_format_of_dates_shows_the_date_the_time_or_both(number_format, date, time):
    assert shows_date_and_time(number_format) == (date, time)


@pytest.mark.parametrize(
    ("time", "rounded"),
    [
        (datetime.time(12, 0, 0, 9000), datetime.time(12)),
        (datetime.time(23, 59, 59, 999_000), datetime.time(0)),
        (datetime.datetime(2026, 5, 1, 23, 59, 59, 500_000), datetime.datetime(2026, 5, 2)),
        (datetime.date(2026, 5, 1), datetime.date(2026, 5, 1)),
    ],
)
def test_a_time_is_rounded_to_seconds(time, rounded):
    assert whole_seconds(time) == rounded


def test_a_format_of_times_may_show_fractions_of_seconds():
    assert shows_fractions("mm:ss.0") and shows_fractions("[ss].00") and not shows_fractions("hh:mm:ss")


def test_only_a_format_with_an_exponent_is_scientific():
    assert is_scientific("0.00E+00") and not is_scientific("General") and not is_scientific('0 "E+"')


def test_dates_times_and_durations_have_the_form_of_iso_8601():
    seen = datetime.datetime(2026, 5, 1, 8, 30)
    assert (iso_time(seen), iso_time(seen, date_only=True)) == ("2026-05-01T08:30:00", "2026-05-01")
    assert (iso_time(seen.date()), iso_time(seen.time())) == ("2026-05-01", "08:30:00")
    assert iso_duration(datetime.timedelta(hours=-26.5)) == "-26:30:00"
