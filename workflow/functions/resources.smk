from clinical_dpo.cluster.job_environment import path_variables, submission_environment
from clinical_dpo.cluster.unfit_requests import Request, RetryPolicy, refuse_unfit_requests
from clinical_dpo.cluster.time_and_memory import requested_minutes, scaled_request, host_memory_mb
from clinical_dpo.cluster.planned_jobs import expected_answers, expected_scoring, expected_field, expected_training
from clinical_dpo.cluster.slurm_queue import refuse_queued_jobs
from clinical_dpo.gpus import visible_gpus

SUBMITS = workflow.resource_settings.nodes is not None  # whether Snakemake submits jobs to a cluster

# Keys stay on this machine: rules that call endpoints or the hub are local.
if SUBMITS:
    os.environ |= submission_environment(
        os.environ,
        more=[
            *study.config["compute"]["job_environment"],
            *path_variables(study.tasks.values(), study.models.values()),
        ],
        keys=[each["key_variable"] for each in study.config["endpoints"].values() if each["key_variable"]],
    )


def close_slurm_logs():
    """Close the folder of Slurm's logs to other users if a task is private. The path is known once a run starts."""
    if SUBMITS and private_tasks(study.tasks):
        try:
            close_folder(getattr(workflow.executor_settings, "logdir", None) or ".snakemake/slurm_logs")
        except UserError as error:
            raise WorkflowError(str(error)) from None


# Without a cluster, each GPU of this computer runs one job at a time, unless --resources gpu=N says otherwise.
if not SUBMITS and workflow.is_main_process and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", max(1, len(visible_gpus())))


def stop_if_jobs_are_queued():
    """Stop if jobs of an earlier run are still in Slurm's queue."""
    try:
        refuse_queued_jobs(Path.cwd(), SUBMITS)
    except UserError as error:
        raise WorkflowError(str(error)) from None


def stop_if_slurm_cannot_run_jobs():
    """Stop if a job of this run requests more than Slurm can provide, at the first attempt or at a retry."""
    if not SUBMITS:
        return
    jobs = (job for job in workflow.dag.needrun_jobs() if not job.is_local)
    requests = {Request.from_job(job.rule.name, job.threads, job.resources) for job in jobs}
    compute = study.config["compute"]
    policy = RetryPolicy(workflow.execution_settings.retries, compute["max_runtime"], compute["max_mem_mb"])
    cache = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    model_folders = [model_folder(each["path"], name) for name, each in study.models.items() if "path" in each]
    try:
        refuse_unfit_requests(requests, [Path.cwd(), cache, *model_folders], policy, compute["shared_disk"])
    except UserError as error:
        raise WorkflowError(str(error)) from None


def stop_if_no_gpu_runs_jobs():
    """Stop if a job of this run requests a GPU, and this computer, which would run it, has none."""
    if SUBMITS or visible_gpus():
        return
    models = sorted({job.wildcards.model for job in workflow.dag.needrun_jobs() if job.resources.get("gpu")})
    if models:
        files = ", ".join(f"config/models/{model}.yaml" for model in models)
        raise WorkflowError(
            f"This computer has no GPU that jobs may use, and {files} requests one (gpu: 1). Run on a computer "
            "with a GPU, or on a cluster (--profile slurm). To compute on CPUs, set `gpu: 0` in the file, or "
            f"`overrides: {{models: {{{models[0]}: {{gpu: 0}}}}}}` in the config."
        )


def private_text(wildcards):
    """1 if a job's replies must be closed to other users, else 0. This is not a param, because it changes no reply."""
    return int(study.tasks[wildcards.task].get("phi", False))


def gpus(wildcards):
    """Number of GPUs that a job with this model requests."""
    return study.models[wildcards.model]["gpu"]


def gpu_model(wildcards):
    """Kind of GPU that a job requests from Slurm. None for a job without a GPU: Slurm would refuse a kind there."""
    return study.config["compute"]["gpu_model"] if gpus(wildcards) else None


def training_memory(wildcards, attempt):
    """Host memory in MB that training requests; more at every attempt."""
    training = study.training(wildcards.task, wildcards.stage)
    branches = 2 if wildcards.stage in PAIRED_STAGES else 1
    rank = study.adapter_rank(wildcards.task, wildcards.stage) if training["adapter"] == "lora" else 0
    estimate = host_memory_mb(study.models[wildcards.model], training, branches, rank)
    return scaled_request(estimate, attempt, study.config["compute"]["max_mem_mb"])


def loading_memory(wildcards, attempt):
    """Host memory in MB that answering with a model requests; more at every attempt."""
    estimate = host_memory_mb(study.models[wildcards.model])
    return scaled_request(estimate, attempt, study.config["compute"]["max_mem_mb"])


def runtime(expected, *arguments):
    """Function that returns the minutes a job requests, from its expected minutes; more at every attempt.

    `expected` is called with the study, the job's task, the job's model and `arguments`. If an argument is a function,
    it is first called with the job's wildcards.
    """

    def requested(wildcards, attempt):
        values = [argument(wildcards) if callable(argument) else argument for argument in arguments]
        minutes = expected(study, wildcards.task, wildcards.model, *values)
        return scaled_request(requested_minutes(minutes), attempt, study.config["compute"]["max_runtime"])

    return requested


def stage_of(wildcards):
    """Stage of a job that trains."""
    return wildcards.stage


def answering_variant(wildcards):
    """Variant whose answers a job writes; its time depends on it. A trial answers as its stage."""
    return parse_seed(wildcards.get("variant") or wildcards.get("stage") or "sft")[0]


def benchmark_path(rule, *names):
    """Pattern of the file to which Snakemake writes a job's time. The plan compares this time with the estimate."""
    return at.benchmark(rule, "{task}", "{model}", *names)
