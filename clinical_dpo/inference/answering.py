"""How a task is answered: by written text, or by the likelihood of its labels."""

MODULES = {"generation": "generate", "likelihood": "label_likelihood"}  # a task's `answer_by` -> module


def answer_module(answer_by: str) -> str:
    """Name of the module that answers. A rule's code digest covers this module and not the other."""
    return f"clinical_dpo.inference.{MODULES[answer_by]}"
