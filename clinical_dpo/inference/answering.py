"""How a task is answered: by written text, or by the likelihood of its labels."""

MODULES = {"generation": "generate", "likelihood": "label_likelihood"}  # a task's `answer_by` -> module


def answer_module(answer_by: str) -> str:
    """Return the name of the module that answers a task with this `answer_by` (`generation` or `likelihood`).

    For example, `generation` -> "clinical_dpo.inference.generate". If the code of the module with the returned name
    changes, the task is answered again.
    """
    return f"clinical_dpo.inference.{MODULES[answer_by]}"
