"""Keys about labels: which go together, and what to change where they do not."""

import pytest

from clinical_dpo.config.label_rules import check_label_keys, has_label_tables, with_composed_labels
from clinical_dpo.config.study import complete_recipes
from clinical_dpo.errors import UserError

THREE = {
    **{"labels": ["a", "b", "c"], "grader": "label", "metric": "macro_f1", "selection_metric": "macro_f1"},
    "splits": {"train": 1, "eval": 1, "dev": 4, "test": 1},
}
TWO = THREE | {"labels": ["UTI", "No UTI"], "metric": "f1", "selection_metric": "f1"}
LIKELY = TWO | {"answer_by": "likelihood"}


@pytest.mark.parametrize(
    "task",
    [
        THREE,
        TWO,
        LIKELY,
        THREE | {"ordered": True, "metric": "quadratic_kappa", "other_label_weights": "near"},
        LIKELY | {"threshold": {"rule": "sensitivity", "at_least": 0.9}, "metric": "auroc"},
        LIKELY | {"labels": ["UTI", "UTI with fever"]},
        LIKELY | {"likelihood": {"end_token": False}},
        THREE | {"prevalence": {"a": 0.1}},
    ],
)
def test_values_that_go_together_pass(task):
    check_label_keys(task, "task.yaml")


def test_labels_of_a_task_file_are_composed_wherever_it_names_them():
    task = {"labels": ["e\u0301", "b"], "label_synonyms": {"é": ["a\u0301"]}, "prevalence": {"e\u0301": 0.1}}
    assert with_composed_labels(task) == {
        "labels": ["é", "b"],
        "label_synonyms": {"é": ["á"]},
        "prevalence": {"é": 0.1},
    }


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (THREE | {"metric": "f1"}, "metric 'f1' .* 3. Use 'macro_f1'"),
        (THREE | {"selection_metric": "f1"}, "selection_metric 'f1' .* Use 'macro_f1'"),
        (THREE | {"metric": "quadratic_kappa"}, "Set ordered: true"),
        (TWO | {"labels": ["UTI", "uti "]}, "labels 'UTI' and 'uti ' differ in case"),
        (TWO | {"labels": ["é", "e\u0301"]}, "Unicode form only. Rename"),
        (TWO | {"ordered": True}, "'ordered' needs three labels"),
        (TWO | {"metric": "auroc"}, "Set answer_by: likelihood"),
        (LIKELY | {"grader": "exact"}, "Set grader: label"),
        (LIKELY | {"max_thought_tokens": 9}, "'max_thought_tokens' has no effect"),
        (
            LIKELY | {"label_synonyms": {"UTI": ["yes"], "No UTI": ["yes"]}},
            "'yes' is a spelling of 'UTI' and of 'No UTI'",
        ),
        (LIKELY | {"labels": ["UTI", "UTI x"], "likelihood": {"end_token": False}}, "'UTI x' begins with 'UTI'"),
        (TWO | {"threshold": {"rule": "f1"}}, "Set answer_by: likelihood"),
        (THREE | {"answer_by": "likelihood", "threshold": {"rule": "f1"}}, "'threshold' is for tasks with two labels"),
        (LIKELY | {"threshold": {"rule": "f1"}, "splits": {"dev": 0}}, "Set splits.dev"),
        (LIKELY | {"threshold": {"rule": "sensitivity"}}, "at_least is for rule 'sensitivity' only"),
        (LIKELY | {"threshold": {"rule": "f1", "at_least": 0.5}}, "at_least is for rule 'sensitivity' only"),
        (THREE | {"other_label_weights": "near"}, "Set ordered: true"),
        (THREE | {"prevalence": {"d": 0.1}}, "prevalence names 'd', .* a, b, c"),
        (THREE | {"label_synonyms": {"d": ["x"]}}, "label_synonyms names 'd'"),
    ],
)
def test_values_that_contradict_each_other_are_refused_with_the_mend(task, message):
    with pytest.raises(UserError, match=f"task.yaml: .*{message}"):
        check_label_keys(task, "task.yaml")


def test_two_labels_read_off_written_answers_keep_the_tables_of_the_positive_class():
    assert [has_label_tables(task) for task in (TWO, LIKELY, THREE)] == [False, True, True]
    assert has_label_tables(TWO | {"prevalence": {"UTI": 0.1}})
    assert has_label_tables(TWO | {"metric": "balanced_accuracy"}) and not has_label_tables(
        TWO | {"metric": "macro_f1"}
    )
    assert not has_label_tables(THREE | {"grader": "physicians"})


def test_a_recipe_takes_from_another_what_it_does_not_set():
    recipes = {
        "first": {"models": ["big"], "sft": {"steps": 5, "lora": {"rank": 8}}},
        "second": {"based_on": "first", "models": ["tiny"], "sft": {"lora": {"rank": 4}}},
    }
    complete = complete_recipes({"recipes": recipes, "seed": 1})
    assert complete["recipes"]["second"] == {"models": ["tiny"], "sft": {"steps": 5, "lora": {"rank": 4}}}
    assert complete["recipes"]["first"] == recipes["first"] and complete["seed"] == 1


@pytest.mark.parametrize(("base", "parts"), [("frist", "Did you mean 'first'"), ("second", "in a circle")])
def test_a_recipe_based_on_no_other_recipe_is_refused(base, parts):
    recipes = {"first": {"models": ["big"]}, "second": {"based_on": base}}
    with pytest.raises(UserError, match=rf"recipes.second.based_on' names '{base}'.*{parts}"):
        complete_recipes({"recipes": recipes})
