def sft_answers(wildcards):
    """The SFT model's answers to its training questions, if the task uses them as rejected answers."""
    if study.tasks[wildcards.task]["rejected_source"] != "sft_prediction":
        return {}
    return {f"{split}_answers": at("training_answers", wildcards, split=split) for split in ("train", "eval")}
