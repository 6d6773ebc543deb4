"""Types of the rows of a study's files. The schemas of the same names (workflow/schemas) describe the fields."""

from typing import Literal, NotRequired, TypedDict


class Message(TypedDict):
    """One turn of a conversation, in the form that chat templates read."""

    role: Literal["system", "user", "assistant"]
    content: str


class TaskRow(TypedDict):
    """One item of a task, in TRL's prompt / completion form."""

    id: str
    prompt: list[Message]
    completion: list[Message]  # the reference answer
    label: NotRequired[str]
    accepted: NotRequired[list[str]]
    options: NotRequired[list[str]]
    rejected: NotRequired[str]
    question: NotRequired[str]
    group: NotRequired[str]
    written_by: NotRequired[dict[str, str]]


class Pair(TypedDict):
    """One preference pair, in TRL's prompt / chosen / rejected form."""

    id: str
    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    rejected_from: str


class Answer(TypedDict):
    """One answer to an item. External predictions have `id` and `text` alone."""

    id: str
    text: str
    tokens: NotRequired[int]
    finish_reason: NotRequired[Literal["stop", "length"]]
    probabilities: NotRequired[dict[str, float]]
    logps: NotRequired[dict[str, float]]


class Grade(TypedDict):
    """One row of a grades table, read from CSV: every value is text, and an unknown value is empty."""

    id: str
    grade: str
    grader: str
    label: str
    parsed: str
    valid: str
    status: str
    proxy: str


class Metric(TypedDict):
    """One metric of one model and variant on one task."""

    task: str
    model: str
    variant: str
    metric: str
    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    ci_method: str | None
    n: int
    n_groups: int | None
    unclustered_ci_low: float | None
    unclustered_ci_high: float | None
    invalid_rate: float | None
    thought_rate: float | None
    cut_in_thought_rate: float | None
    cut_rate: float | None
    positive_class: str
    grader: str
    proxy: str
    data: str
    status: str


class Comparison(TypedDict):
    """One paired comparison of two variants on one task."""

    task: str
    model: str
    comparison: str
    n: int
    test: str
    b: int | None
    c: int | None
    statistic: float | None
    p_value: float | None
    p_adjusted: float | None
    p_holm: float | None
    p_holm_study: float | None
    significant: str | None
    alpha: float
    threshold: float
    family_size: int
    family: str
    effect_measure: str
    effect: float | None
    effect_ci_low: float | None
    effect_ci_high: float | None
    smallest_detectable: float | None
    secondary_measure: str | None
    secondary_effect: float | None
    secondary_ci_low: float | None
    secondary_ci_high: float | None
    p_mid: float | None
    p_chi2: float | None
    p_chi2_corrected: float | None
    p_f1_permutation: float | None
    p_wilcoxon: float | None
    n_groups: int | None
    p_unclustered: float | None
    unclustered_ci_low: float | None
    unclustered_ci_high: float | None
    grader: str
    proxy: str
    data: str
    status: str
