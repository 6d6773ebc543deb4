# The same rules train both stages. The stages differ in their data (`stage_data`) and in their module (`trainer`).

from clinical_dpo.training.stages import stage_module


def training_data(wildcards):
    """Files of the rows for SFT's training and eval loss, and the file of the gate that checked these rows."""
    rows = {split: at("split", wildcards, split=split) for split in ("train", "eval")}
    return rows | {"gate": at("gate", wildcards)}


def preference_data(wildcards):
    """Files of the pairs, of the reference model's log-probabilities, and of the SFT model that DPO starts from.

    A job of an extra seed gets the SFT model of that seed, with this model's log-probabilities. Pairs are the same.
    """
    seed = wildcards.get("seed")
    files = {"sft": at("best", wildcards, stage="sft", best=with_seed(BEST, seed))}
    for split in ("train", "eval"):
        files[split] = at("pairs", wildcards, split=split)
        files[f"{split}_reference"] = at("reference_logps", wildcards, split=with_seed(split, seed))
    return files


def stage_data(wildcards):
    """Files that a job's stage trains on."""
    return training_data(wildcards) if wildcards.stage == "sft" else preference_data(wildcards)


def plateau(wildcards):
    """File with the number of steps up to the plateau of a trial's probe; an empty list if the task has no probe."""
    return at("plateau", wildcards) if study.training(wildcards.task, wildcards.stage)["plateau"] else []


def trainer(wildcards):
    """Name of the module that trains a job's stage."""
    return stage_module(wildcards.stage)
