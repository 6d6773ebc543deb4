from clinical_dpo.config.label_rules import scores_likelihood
from clinical_dpo.inference.answering import answer_module


def variant_model(wildcards):
    """Files of the model that answers for a variant: the base model, and the weights of a trained variant.

    A variant such as `sft_seed43` has the weights of that training seed.
    """
    stage, seed = parse_seed(wildcards.variant)
    files = {"base": at("base", wildcards)}
    if stage not in UNTRAINED:
        files["trained"] = at("best", wildcards, stage=stage, best=with_seed(BEST, seed))
    return files


def asked_rows(split):
    """Return a function of a job's wildcards that returns the file of rows that a variant answers.

    The rows are those of the split. For the variant `few_shot` their prompts contain examples.
    """
    return lambda wildcards: at("few_shot_rows" if wildcards.variant == "few_shot" else "split", wildcards, split=split)


def has_few_shot(task):
    """Whether a task has the arm `few_shot`."""
    return "few_shot" in task.get("arms", ())


def answering_settings(wildcards):
    """Settings of a job that answers: its model, and the token limit of an answer or the way to score labels."""
    task = study.tasks[wildcards.task]
    own = {"max_new_tokens": study.answer_limit(wildcards.task)}
    if scores_likelihood(task):
        own = pick(task, "answer_by", "labels", "label_synonyms", "likelihood")
    digest = code("predict", answer_module(task.get("answer_by", "generation")))
    return rule_settings(code=digest, model=model_settings, **own)(wildcards)


def threshold_file(wildcards):
    """The file of the threshold that was chosen for a variant on dev; an empty list for a task without thresholds."""
    return at("threshold", wildcards) if "threshold" in study.tasks[wildcards.task] else []
