# The same rules train all stages. A stage's data come from `stage_data`, and its module from `trainer`.

from clinical_dpo.training.stages import stage_module


def training_data(wildcards):
    """Files of the rows for SFT's training and for its eval loss, and the file of the gate that checked these rows."""
    rows = {split: at("split", wildcards, split=split) for split in ("train", "eval")}
    return rows | {"gate": at("gate", wildcards)}


def chosen_sft(wildcards):
    """A file in the folder of the chosen SFT model of a job's training seed. Later stages start from this model."""
    return at("best", wildcards, stage="sft", best=with_seed(BEST, wildcards.get("seed")))


def preference_data(wildcards):
    """Files that DPO trains on: pairs, the reference model's log-probabilities, and the SFT model to start from.

    A job with an extra seed gets the SFT model of this seed and its log-probabilities, but the same pairs.
    """
    seed = wildcards.get("seed")
    files = {"sft": chosen_sft(wildcards)}
    for split in ("train", "eval"):
        files[split] = at("pairs", wildcards, split=split)
        files[f"{split}_reference"] = at("reference_logps", wildcards, split=with_seed(split, seed))
    return files


def stage_data(wildcards):
    """Map the name of each input to the file that a job's stage trains on."""
    if wildcards.stage in PAIRED_STAGES:
        return preference_data(wildcards)
    start = {"sft": chosen_sft(wildcards)} if wildcards.stage != "sft" else {}
    return training_data(wildcards) | start


def plateau(wildcards):
    """File with the number of steps up to the plateau of a trial's probe; an empty list if the stage has no probes."""
    return at("plateau", wildcards) if study.training(wildcards.task, wildcards.stage)["plateau"] else []


def matched_run(wildcards):
    """Record of the chosen DPO run, whose number of steps `sft_longer` takes.

    It is an empty list for any other stage, and if the settings alone set the number of DPO steps.
    """
    matched = wildcards.stage == "sft_longer" and not study.has_fixed_steps(wildcards.task)
    return at("best_run", wildcards, stage="dpo", best=BEST) if matched else []


def trainer(wildcards):
    """Name of the module that trains a job's stage."""
    return stage_module(wildcards.stage)
