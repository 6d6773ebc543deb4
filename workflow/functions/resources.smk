from clinical_dpo.cluster.job_environment import path_variables, submission_environment
from clinical_dpo.cluster.unfit_requests import Request, RetryPolicy, refuse_unfit_requests
from clinical_dpo.cluster.time_and_memory import requested_minutes, scaled_request, host_memory_mb
from clinical_dpo.cluster.planned_jobs import expected_answers, expected_scoring, expected_field, expected_training
from clinical_dpo.cluster.slurm_queue import refuse_queued_jobs
from clinical_dpo.gpus import visible_gpus

SUBMITS = workflow.resource_settings.nodes is not None  # whether Snakemake submits jobs to a cluster

# API keys stay on this machine, because rules that call endpoints or the hub run here.
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
    """If a task is private, close the folder of Slurm's logs to other users.

    `onstart` calls this function, because Snakemake sets the folder before `onstart`.
    """
    if SUBMITS and private_tasks(study.tasks):
        try:
            close_folder(getattr(workflow.executor_settings, "logdir", None) or ".snakemake/slurm_logs")
        except UserError as error:
            raise WorkflowError(str(error)) from None


# Without a cluster, each GPU of this computer runs one job at a time, unless --resources gpu=N sets another number.
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
    home = os.environ.get("HF_HOME", "~/.cache/huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE", home)).expanduser()
    model_folders = [model_folder(each["path"], name) for name, each in study.models.items() if "path" in each]
    try:
        refuse_unfit_requests(requests, [Path.cwd(), cache, *model_folders], policy, compute["shared_disk"])
    except UserError as error:
        raise WorkflowError(str(error)) from None


def stop_if_no_gpu_runs_jobs():
    """Stop if a job of this run requests a GPU but would run on this computer, which has none."""
    if SUBMITS or visible_gpus():
        return
    models = sorted({job.wildcards.model for job in workflow.dag.needrun_jobs() if job.resources.get("gpu")})
    if models:
        files = ", ".join(f"config/models/{model}.yaml" for model in models)
        raise WorkflowError(
            f"This computer has no GPU that jobs may use, and {files} requests one (gpu: 1). Run on a computer "
            "with a GPU, or on a cluster (--profile slurm). To compute on CPUs, set `gpu: 0` for each of these models: "
            f"in its file, or with `overrides: {{models: {{{models[0]}: {{gpu: 0}}}}}}` in the config."
        )


def private_text(wildcards):
    """1 if the replies to a job must be closed to other users, else 0.

    The value is a resource of the job and not a param, so that a change of the value reruns no job.
    """
    return int(study.tasks[wildcards.task].get("phi", False))


def gpus(wildcards):
    """Number of GPUs that a job requests for its model."""
    return study.models[wildcards.model]["gpu"]


def gpu_model(wildcards):
    """Kind of GPU that a job requests from Slurm. None for a job without a GPU, where Slurm would refuse a kind."""
    return study.config["compute"]["gpu_model"] if gpus(wildcards) else None


def training_memory(wildcards, attempt):
    """Host memory in MB that a training job requests: twice as much at every further attempt, up to the maximum."""
    training = study.training(wildcards.task, wildcards.stage)
    branches = 2 if wildcards.stage in PAIRED_STAGES else 1
    rank = study.adapter_rank(wildcards.task, wildcards.stage) if training["adapter"] == "lora" else 0
    estimate = host_memory_mb(study.models[wildcards.model], training, branches, rank)
    return scaled_request(estimate, attempt, study.config["compute"]["max_mem_mb"])


def loading_memory(wildcards, attempt):
    """Host memory in MB for a job that loads a model: twice as much at every further attempt, up to the maximum."""
    estimate = host_memory_mb(study.models[wildcards.model])
    return scaled_request(estimate, attempt, study.config["compute"]["max_mem_mb"])


def runtime(expected, *arguments):
    """Return a function of wildcards and attempt that returns the minutes a job requests.

    The minutes double at every further attempt, up to the maximum. `expected` returns the job's estimated minutes. It
    is called with the study, the job's task, the job's model and `arguments`. An argument that is a function is first
    called with the job's wildcards.
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
    """The variant whose answers a job writes, on which the job's time depends. For a trial it is the stage."""
    return parse_seed(wildcards.get("variant") or wildcards.get("stage") or "sft")[0]


def benchmark_path(rule, *names):
    """Pattern of the file into which Snakemake writes a job's time. The plan compares this time with its estimate."""
    return at.benchmark(rule, "{task}", "{model}", *names)
