def variant_model(wildcards):
    """What answers as this variant: the base model, and what training made of it (`sft_seed43`: with that seed)."""
    stage, seed = parse_seed(wildcards.variant)
    files = {"base": at("base", wildcards)}
    if stage in STAGES:
        files["trained"] = at("best", wildcards, stage=stage, best=with_seed(BEST, seed))
    return files
