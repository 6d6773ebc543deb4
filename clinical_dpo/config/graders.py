"""The kinds of graders."""

AWAITED = ("physicians", "judge")  # their grades come after the run
PROXIES = ("rouge_likert",)  # automatic graders in place of a judge
EXTERNAL_GRADER = "given"  # `grader` of grades that are part of external predictions
