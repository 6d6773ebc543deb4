"""Names of graders, in groups. A grader turns answers into grades. It is a rule, people, or a language model."""

AWAITED = ("physicians", "judge")  # graders that may give their grades after the run
PROXIES = ("rouge_likert",)  # automatic graders in place of a judge
EXTERNAL_GRADER = "given"  # value of `grader` for grades from a table of external predictions
