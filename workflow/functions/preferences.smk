def sft_answers(wildcards):
    """Files of the SFT model's answers to its training questions, if they are the rejected answers; otherwise empty."""
    if study.tasks[wildcards.task]["rejected_source"] != "sft_prediction":
        return {}
    return {f"{split}_answers": at("training_answers", wildcards, split=split) for split in ("train", "eval")}
