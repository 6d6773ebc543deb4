"""How a task is answered: by written text, or by the likelihood of its labels."""

MODULES = {"generation": "generate", "likelihood": "label_likelihood"}  # a task's `answer_by` -> module


def answer_module(answer_by: str) -> str:
    """Name of the module that answers a task with this `answer_by` ("generation" or "likelihood").

    The code digest of a rule includes the named module, and not the module for the other value.
    """
    return f"clinical_dpo.inference.{MODULES[answer_by]}"
