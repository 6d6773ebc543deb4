def sft_answers(wildcards):
    """The SFT model's answers to its own training questions, where the task rejects them."""
    if study.tasks[wildcards.task]["rejected_source"] != "sft_prediction":
        return {}
    return {f"{split}_answers": at("training_answers", wildcards, split=split) for split in ("train", "eval")}
