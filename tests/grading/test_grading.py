"""Answers parsed and graded: labels in the wording of base models, exact matches, ROUGE against rouge-score."""

import pytest
from rouge_score.rouge_scorer import RougeScorer

from clinical_dpo.errors import UserError
from clinical_dpo.grading.exact_answers import exact_match, normalize_answer
from clinical_dpo.grading.grade import COLUMNS, grade_answers, read_grades
from clinical_dpo.grading.label_parsing import parse_label
from clinical_dpo.grading.rouge import LATIN, UNICODE, rouge_l, tokenizer_name
from clinical_dpo.io import write_csv
from tests.helpers.task_rows import answers_of, task_rows

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


def numbers(grades):
    return [float(grade["grade"]) for grade in grades]


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


def test_labels_that_differ_in_punctuation_alone_are_refused():
    with pytest.raises(UserError, match=r"key 'labels': two of 'UTI', 'UTI!' .*Use different words in each label"):
        parse_label("UTI", ["UTI", "UTI!"])


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


def test_a_single_greek_letter_does_not_change_the_tokenizer():
    assert tokenizer_name(["a β-blocker for 5 days"]) == LATIN
    assert tokenizer_name(["бета-блокатор"]) == UNICODE


TEXTS = ["", "the patient has pneumonia", "patients had a pneumonia on the left", "nothing in common", "pneumonia"]
REFERENCE = "The patient has pneumonia of the left lung."


def package_scores():
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    return [scorer.score(REFERENCE, text)["rougeL"].fmeasure for text in TEXTS]


def test_rouge_l_equals_the_package_s():
    assert rouge_l(TEXTS, [REFERENCE] * 5) == package_scores()


def test_rouge_needs_a_reference_for_each_text():
    with pytest.raises(ValueError):
        rouge_l(TEXTS, [REFERENCE])


def test_the_proxy_maps_rouge_l_to_grades_from_1_to_5():
    rows, answers = task_rows(*[REFERENCE] * 6), answers_of(*TEXTS, REFERENCE)
    grades = numbers(grade_answers(rows, answers, {}, "rouge_likert"))
    assert grades[0] == 1 and grades[-1] == 5
    assert grades[:-1] == [1 + 4 * score for score in package_scores()]


def test_a_proxy_grade_is_marked_and_an_empty_answer_is_invalid():
    grades = grade_answers(task_rows(*[REFERENCE] * 5), answers_of(*TEXTS), {}, "rouge_likert")
    assert numbers(grades) == [1 + 4 * score for score in rouge_l(TEXTS, [REFERENCE] * 5)]
    assert {row["proxy"] for row in grades} == {"true"}
    assert [row["valid"] for row in grades] == ["false", "true", "true", "true", "true"]


@pytest.fixture
def label_grades():
    rows = task_rows("UTI", "No UTI", "UTI", "No UTI")
    return grade_answers(rows, answers_of("UTI", "UTI", "I cannot tell", "No UTI"), UTI, "label")


def test_an_answer_without_a_label_is_wrong_and_invalid(label_grades):
    assert [row["grade"] for row in label_grades] == ["1", "0", "0", "1"]
    assert [row["parsed"] for row in label_grades] == ["UTI", "UTI", "", "No UTI"]
    assert [row["valid"] for row in label_grades] == ["true", "true", "false", "true"]


def test_label_grades_name_the_true_label_and_the_grader(label_grades):
    assert [tuple(row) for row in label_grades] == [COLUMNS] * 4
    assert [row["label"] for row in label_grades] == ["UTI", "No UTI", "UTI", "No UTI"]
    assert {(row["status"], row["proxy"], row["grader"]) for row in label_grades} == {("complete", "false", "label")}


def test_accepted_answers_match_and_empty_answers_are_invalid():
    rows = task_rows("Myocardial infarction", "Asthma", "Gout", accepted=["heart attack"])
    grades = grade_answers(rows, answers_of("A heart attack.", "", "pseudogout"), {}, "exact")
    assert [(row["grade"], row["valid"]) for row in grades] == [("1", "true"), ("0", "false"), ("0", "true")]


def test_a_row_needs_no_accepted_answers():
    assert grade_answers(task_rows("Gout", accepted=None), answers_of("gout"), {}, "exact")[0]["grade"] == "1"


@pytest.mark.parametrize("grader", ["physicians", "judge"])
def test_grades_of_people_and_judges_are_pending(grader):
    grades = grade_answers(task_rows("a", "b"), answers_of("x", "y"), {}, grader)
    assert {(row["grade"], row["status"], row["grader"], row["proxy"]) for row in grades} == {
        ("", "pending", grader, "false")
    }


def test_grades_are_in_the_order_of_the_rows_whatever_the_order_of_the_answers():
    rows = task_rows("UTI", "No UTI", "UTI")
    answers = answers_of("UTI", "No UTI", "No UTI")
    assert grade_answers(rows, answers[::-1], UTI, "label") == grade_answers(rows, answers, UTI, "label")
    assert [row["id"] for row in grade_answers(rows, answers[::-1], UTI, "label")] == ["q0", "q1", "q2"]


@pytest.mark.parametrize(
    ("answers", "ids"),
    [
        (answers_of("UTI"), r"\['q1'\]"),
        (answers_of("UTI", "UTI", "UTI"), r"\['q2'\]"),
        ([{"id": "q0", "text": "UTI"}, {"id": "other", "text": "UTI"}], r"\['other', 'q1'\]"),
    ],
)
def test_answers_of_other_items_are_refused(answers, ids):
    with pytest.raises(UserError, match=rf"{ids}.*Delete the file of these answers"):
        grade_answers(task_rows("UTI", "UTI"), answers, UTI, "label")


def test_grades_are_read_back_by_model_and_variant(tmp_path):
    rows = grade_answers(task_rows("UTI"), answers_of("?"), UTI, "label")
    path = tmp_path / "llama" / "grades" / "sft.csv"
    write_csv(path, rows, COLUMNS)
    assert read_grades([str(path)]) == {("llama", "sft"): rows}
