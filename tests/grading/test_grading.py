"""Answers parsed and graded: what base models really write, SQuAD-like matches, the rouge-score package."""

import pytest
from rouge_score.rouge_scorer import RougeScorer

from clinical_dpo.errors import UserError
from clinical_dpo.grading.exact_answers import exact_match, normalize_answer
from clinical_dpo.grading.grade import COLUMNS, grade_answers, read_grades
from clinical_dpo.grading.label_parsing import parse_label
from clinical_dpo.grading.rouge import LATIN, UNICODE, rouge_l, tokenizer_of
from clinical_dpo.io import write_csv

UTI = {
    "labels": ["UTI", "No UTI"],
    "label_synonyms": {"UTI": ["urinary tract infection", "yes"], "No UTI": ["not a UTI", "no"]},
}
URGENCY = {
    "labels": ["urgent", "nonurgent"],
    "label_synonyms": {"nonurgent": ["non-urgent", "not urgent", "routine"]},
}
PERSONNEL = {
    "labels": ["physician", "medical assistant"],
    "label_synonyms": {"physician": ["doctor", "MD"], "medical assistant": ["assistant", "MA", "staff"]},
}


def asked(*contents, **fields):
    return [
        {"id": f"q{i}", "completion": [{"role": "assistant", "content": content}]} | fields
        for i, content in enumerate(contents)
    ]


def answered(*texts):
    return [{"id": f"q{i}", "text": text} for i, text in enumerate(texts)]


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
def test_uti_labels(text, label):
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
def test_urgency_labels(text, label):
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
def test_personnel_labels(text, label):
    assert parse_label(text, PERSONNEL["labels"], PERSONNEL["label_synonyms"]) == label


def test_a_denied_label_speaks_for_the_other_of_two_or_for_the_one_left():
    assert parse_label("non-urgent", ["urgent", "routine"]) == "routine"
    levels = ["emergent", "urgent", "routine"]
    assert parse_label("Not urgent.", levels) is None
    assert parse_label("Neither emergent nor urgent.", levels) == "routine"
    kinds = ["acute pneumonia", "chronic pneumonia", "no pneumonia"]
    assert parse_label("There is no evidence of pneumonia.", kinds) == "no pneumonia"
    assert parse_label("Pneumonia is present.", kinds) is None
    assert parse_label("No differences were seen.", ["yes", "no", "maybe"]) is None


def test_labels_with_signs_and_of_other_scripts():
    assert parse_label("≥ 38 °C, fever", ["≥ 38 °C", "afebrile"]) == "≥ 38 °C"
    assert parse_label("Keine HARNWEGSINFEKTIÖN!", ["Harnwegsinfektiön", "Keine Harnwegsinfektiön"]) == (
        "Keine Harnwegsinfektiön"
    )
    assert parse_label("答案：感染。", ["感染", "无"]) == "感染"


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
def test_exact_matches(text, accepted):
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
def test_no_exact_matches(text, accepted):
    assert not exact_match(text, accepted)


def test_normalization():
    assert normalize_answer("  An  \tapple, the: PEAR") == ("apple", "pear")
    assert normalize_answer("A") == ("a",)
    assert normalize_answer("vitamin A deficiency") == ("vitamin", "a", "deficiency")


@pytest.mark.parametrize(
    "text",
    [
        "患者发热两天",
        "Лихорадка два дня",
        "Πυρετός δύο ημερών",
        "दो दिन से बुखार",
        "ไข้สองวัน",
        "Fièvre depuis deux jours",
        "fever 2 d",
    ],
)
def test_identical_texts_of_any_script_score_one(text):
    assert rouge_l([text], [text]) == [1.0]
    assert rouge_l(["?!"], [text]) == [0.0]


def test_texts_of_other_scripts_share_words():
    assert rouge_l(["患者发热三天"], ["患者发热两天"])[0] == pytest.approx(5 / 6)
    assert rouge_l(["Лихорадка три дня"], ["Лихорадка два дня"])[0] == pytest.approx(2 / 3)
    assert tokenizer_of(["a β-blocker for 5 days"]) == LATIN and tokenizer_of(["бета-блокатор"]) == UNICODE


TEXTS = ["", "the patient has pneumonia", "patients had a pneumonia on the left", "nothing in common", "pneumonia"]
REFERENCE = "The patient has pneumonia of the left lung."


def test_rouge_is_the_package_s_own_and_the_proxy_stays_on_the_scale():
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    expected = [scorer.score(REFERENCE, text)["rougeL"].fmeasure for text in TEXTS]
    assert rouge_l(TEXTS, [REFERENCE] * 5) == expected
    graded = grade_answers(asked(*[REFERENCE] * 6), answered(*TEXTS, REFERENCE), {}, "rouge_likert")
    grades = [row["grade"] for row in graded]
    assert grades[0] == 1 and grades[-1] == 5
    assert grades[:-1] == [1 + 4 * score for score in expected]
    with pytest.raises(ValueError):
        rouge_l(TEXTS, [REFERENCE])


def test_invalid_labels_are_kept_and_wrong():
    rows = asked("UTI", "No UTI", "UTI", "No UTI")
    grades = grade_answers(rows, answered("UTI", "UTI", "I cannot tell", "No UTI"), UTI, "label")
    assert [tuple(row) for row in grades] == [COLUMNS] * 4
    assert [row["grade"] for row in grades] == [1, 0, 0, 1]
    assert [row["parsed"] for row in grades] == ["UTI", "UTI", "", "No UTI"]
    assert [row["valid"] for row in grades] == ["true", "true", "false", "true"]
    assert [row["label"] for row in grades] == ["UTI", "No UTI", "UTI", "No UTI"]
    assert {(row["status"], row["proxy"], row["grader"]) for row in grades} == {("complete", "false", "label")}


def test_accepted_answers_count_and_empty_ones_are_invalid():
    rows = asked("Myocardial infarction", "Asthma", "Gout", accepted=["heart attack"])
    grades = grade_answers(rows, answered("A heart attack.", "", "pseudogout"), {}, "exact")
    assert [(row["grade"], row["valid"]) for row in grades] == [(1, "true"), (0, "false"), (0, "true")]
    assert grade_answers(asked("Gout", accepted=None), answered("gout"), {}, "exact")[0]["grade"] == 1


def test_a_proxy_says_so():
    grades = grade_answers(asked(*[REFERENCE] * 5), answered(*TEXTS), {}, "rouge_likert")
    assert [row["grade"] for row in grades] == [1 + 4 * score for score in rouge_l(TEXTS, [REFERENCE] * 5)]
    assert {row["proxy"] for row in grades} == {"true"}
    assert [row["valid"] for row in grades] == ["false", "true", "true", "true", "true"]


@pytest.mark.parametrize("grader", ["physicians", "judge"])
def test_people_and_judges_are_awaited(grader):
    grades = grade_answers(asked("a", "b"), answered("x", "y"), {}, grader)
    assert {(row["grade"], row["status"], row["grader"], row["proxy"]) for row in grades} == {
        ("", "pending", grader, "false")
    }


def test_answers_come_in_any_order_and_grades_in_that_of_the_rows():
    rows = asked("UTI", "No UTI", "UTI")
    answers = answered("UTI", "No UTI", "No UTI")
    assert grade_answers(rows, answers[::-1], UTI, "label") == grade_answers(rows, answers, UTI, "label")
    assert [row["id"] for row in grade_answers(rows, answers[::-1], UTI, "label")] == ["q0", "q1", "q2"]


@pytest.mark.parametrize(
    ("answers", "named"),
    [
        (answered("UTI"), r"\['q1'\]"),
        (answered("UTI", "UTI", "UTI"), r"\['q2'\]"),
        ([{"id": "q0", "text": "UTI"}, {"id": "other", "text": "UTI"}], r"\['other', 'q1'\]"),
    ],
)
def test_answers_of_other_items_are_refused(answers, named):
    with pytest.raises(UserError, match=named):
        grade_answers(asked("UTI", "UTI"), answers, UTI, "label")


def test_grades_are_read_back_by_model_and_variant(tmp_path):
    rows = grade_answers(asked("UTI"), answered("?"), UTI, "label")
    path = tmp_path / "llama" / "grades" / "sft.csv"
    write_csv(path, rows, COLUMNS)
    assert read_grades([str(path)]) == {("llama", "sft"): [{name: str(value) for name, value in rows[0].items()}]}
