"""Labels are read from answers in the wording of base models."""

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.grading.label_parsing import parse_label
from tests.helpers.task_rows import UTI

URGENCY = {
    "labels": ["urgent", "nonurgent"],
    "label_synonyms": {"nonurgent": ["non-urgent", "not urgent", "routine"]},
}
PERSONNEL = {
    "labels": ["physician", "medical assistant"],
    "label_synonyms": {"physician": ["doctor", "MD"], "medical assistant": ["assistant", "MA", "staff"]},
}


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("UTI", "UTI"),
        ("uti", "UTI"),
        ("**UTI**", "UTI"),
        ("“UTI”", "UTI"),
        ("_UTI_", "UTI"),
        ("ＵＴＩ", "UTI"),
        ("No UTI.", "No UTI"),
        ("No\u00a0UTI", "No UTI"),
        ("No\n UTI", None),
        ("The answer is: No UTI", "No UTI"),
        ("No UTI. A UTI needs symptoms, and UTI symptoms are absent.", "No UTI"),
        ("Yes, the patient has pyuria and dysuria.", "UTI"),
        ("This is a urinary tract infection", "UTI"),
        ("This is not a UTI.", "No UTI"),
        ("No evidence of a UTI", "No UTI"),
        ("UTI, that is, a urinary tract infection", "UTI"),
        ("", None),
        ("...", None),
        ("UTILITY", None),
        ("The utility of a test", None),
        ("Cystitis", None),
        ("UTI or No UTI", None),
        ("Either UTI or No UTI", None),
        ("Not UTI", "No UTI"),
        ("The patient does not have a UTI.", "No UTI"),
        ("The patient doesn’t have a UTI.", "No UTI"),
        ("No dysuria, frequency or urgency. UTI ruled out.", "No UTI"),
        ("UTI cannot be ruled out.", None),
        ("If she had dysuria, it would be a UTI.", None),
        ("A UTI needs both pyuria and symptoms.", None),
        ("Her symptoms suggest a UTI", "UTI"),
        ('{"diagnosis": "No UTI", "evidence": "pyuria without symptoms"}', "No UTI"),
        ("UTI\n\nPassage: A man with a cough.\nNo UTI", "UTI"),
    ],
)
def test_a_label_is_read_only_where_the_answer_commits_to_it(text, label):
    assert parse_label(text, UTI["labels"], UTI["label_synonyms"]) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("urgent", "urgent"),
        ("Urgent!", "urgent"),
        ("nonurgent", "nonurgent"),
        ("Non-urgent", "nonurgent"),
        ("non\u2011urgent", "nonurgent"),
        ("non–urgent", "nonurgent"),
        ("This message is not urgent.", "nonurgent"),
        ("A routine matter", "nonurgent"),
        ("urgently", "urgent"),
        ("This is not an urgent message", "nonurgent"),
        ("Is this message urgent? No.", "nonurgent"),
        ("Urgent; on reflection nonurgent.", "nonurgent"),
        ("She says it is urgent.", None),
    ],
)
def test_urgency_is_read_past_hyphens_and_denials(text, label):
    assert parse_label(text, URGENCY["labels"], URGENCY["label_synonyms"]) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Medical Assistant", "medical assistant"),
        ("An MD should answer", "physician"),
        ("maybe", None),
        ("The staff, not a physician", "medical assistant"),
        ("Not a physician but a medical assistant", "medical assistant"),
        ("The message does not need a physician", "medical assistant"),
        ("Neither a physician nor a medical assistant", None),
        ("Her doctor told her so.", None),
        ("Ask a physician and a medical assistant", None),
    ],
)
def test_personnel_are_read_only_as_the_answer_not_as_a_remark(text, label):
    assert parse_label(text, PERSONNEL["labels"], PERSONNEL["label_synonyms"]) == label


LEVELS = ["emergent", "urgent", "routine"]
PNEUMONIAS = ["acute pneumonia", "chronic pneumonia", "no pneumonia"]


@pytest.mark.parametrize(
    ("text", "labels", "label"),
    [
        ("non-urgent", ["urgent", "routine"], "routine"),
        ("Not urgent.", LEVELS, None),
        ("Neither emergent nor urgent.", LEVELS, "routine"),
        ("There is no evidence of pneumonia.", PNEUMONIAS, "no pneumonia"),
        ("Pneumonia is present.", PNEUMONIAS, None),
        ("No differences were seen.", ["yes", "no", "maybe"], None),
    ],
)
def test_a_denied_label_supports_the_only_label_left(text, labels, label):
    assert parse_label(text, labels) == label


@pytest.mark.parametrize(
    ("text", "labels", "label"),
    [
        ("≥ 38 °C, fever", ["≥ 38 °C", "afebrile"], "≥ 38 °C"),
        ("Keine HARNWEGSINFEKTIÖN!", ["Harnwegsinfektiön", "Keine Harnwegsinfektiön"], "Keine Harnwegsinfektiön"),
        ("答案：感染。", ["感染", "无"], "感染"),
    ],
)
def test_labels_may_have_signs_and_any_script(text, labels, label):
    assert parse_label(text, labels) == label


@pytest.mark.parametrize(
    ("text", "labels", "label"),
    [
        ("The referral is non-urgent.", ["urgent", "nonurgent", "emergency"], "nonurgent"),
        ("There is no evidence of PE.", ["embolism", "no PE"], "no PE"),
        ("PE is unlikely.", ["embolism", "no PE"], "no PE"),
        ("She has a PE.", ["embolism", "no PE"], None),
        ("There is no cancer.", ["malignant", "not a cancer"], "not a cancer"),
        ("Nonspecific.", ["no finding", "nonspecific finding", "mass"], None),
    ],
)
def test_a_label_with_a_negation_is_named_by_denying_the_rest(text, labels, label):
    assert parse_label(text, labels) == label


def test_labels_that_differ_in_punctuation_alone_are_refused():
    with pytest.raises(UserError, match=r"key 'labels': two of 'UTI', 'UTI!' .*Use different words in each label"):
        parse_label("UTI", ["UTI", "UTI!"])
