def variant_model(wildcards):
    """Files of the model that answers as a variant: the base model, and for a trained variant its weights.

    A variant such as `sft_seed43` has the weights of that training seed.
    """
    stage, seed = parse_seed(wildcards.variant)
    files = {"base": at("base", wildcards)}
    if stage in STAGES:
        files["trained"] = at("best", wildcards, stage=stage, best=with_seed(BEST, seed))
    return files
