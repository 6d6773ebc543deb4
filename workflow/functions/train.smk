# Both stages are trained by the same rules; they differ in what they start from (`stage_data`) and in their module.

from clinical_dpo.training.stages import stage_module


def training_data(wildcards):
    """Rows that SFT trains on and watches its eval loss on, once they passed the checks."""
    rows = {split: at("split", wildcards, split=split) for split in ("train", "eval")}
    return rows | {"gate": at("gate", wildcards)}


def preference_data(wildcards):
    """Pairs with the reference's log-probabilities, and the SFT model they start from.

    A job with a seed of its own gets that seed's SFT model and its log-probabilities; the pairs are those of all.
    """
    seed = wildcards.get("seed")
    files = {"sft": at("best", wildcards, stage="sft", best=with_seed(BEST, seed))}
    for split in ("train", "eval"):
        files[split] = at("pairs", wildcards, split=split)
        files[f"{split}_reference"] = at("reference_logps", wildcards, split=with_seed(split, seed))
    return files


def stage_data(wildcards):
    """What a job's stage trains on."""
    return training_data(wildcards) if wildcards.stage == "sft" else preference_data(wildcards)


def plateau(wildcards):
    """The step count that a trial's probe found, where its task asks for a probe."""
    return at("plateau", wildcards) if study.training(wildcards.task, wildcards.stage)["plateau"] else []


def trainer(wildcards):
    """The module that trains a job's stage."""
    return stage_module(wildcards.stage)
