"""Exact answers match in other spellings and in a sentence, and nothing else does."""

import pytest

from clinical_dpo.grading.exact_answers import exact_match, normalize_answer


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("The beta-blocker", ["beta blocker"]),
        ("  ASPIRIN. ", ["aspirin"]),
        ("an ACE inhibitor", ["ACE inhibitors", "ACE inhibitor"]),
        ("Guillain–Barré syndrome", ["guillain-barre\u0301 syndrome"]),
        ("A", ["a"]),
        ("Betablocker", ["beta-blocker"]),
        ("Crohns disease", ["Crohn's disease"]),
        ("Liver metastases", ["liver metastasis"]),
        ("5mg", ["5.0 mg"]),
        ("AB−", ["AB-"]),
        ("The most likely diagnosis is lupus (SLE).", ["lupus"]),
        ("B. Lupus", ["lupus"]),
        ("Gout. Correction: pseudogout.", ["pseudogout"]),
        ("No fracture.", ["no fracture"]),
    ],
)
def test_an_accepted_answer_matches_in_other_spellings_and_in_a_sentence(text, accepted):
    assert exact_match(text, accepted)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("aspirin and heparin", ["aspirin"]),
        ("", ["A"]),
        ("the", ["A"]),
        ("", ["-"]),
        ("AB-", ["AB+"]),
        ("<5 mm", [">5 mm"]),
        ("-2.5 D", ["+2.5 D"]),
        ("hepatitis", ["hepatitis A"]),
        ("Lupus or rheumatoid arthritis", ["lupus"]),
        ("Lupus; gout; sarcoidosis", ["lupus"]),
        ("It is not lupus.", ["lupus"]),
        ("Gout. Correction: pseudogout.", ["gout"]),
        ("Nephritis secondary to lupus", ["lupus"]),
    ],
)
def test_other_candidates_denials_and_causes_do_not_match(text, accepted):
    assert not exact_match(text, accepted)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  An  \tapple, the: PEAR", ("apple", "pear")),
        ("A", ("a",)),
        ("vitamin A deficiency", ("vitamin", "a", "deficiency")),
    ],
)
def test_normalization_drops_articles_and_keeps_letters_that_are_names(text, words):
    assert normalize_answer(text) == words
