from clinical_dpo.cluster.job_environment import path_variables, submitting
from clinical_dpo.cluster.unfit_requests import Growth, Request, refuse_unfit_requests
from clinical_dpo.cluster.time_and_memory import asked_minutes, scaled_request, host_memory_mb
from clinical_dpo.cluster.plan import expected_answers, expected_scoring, expected_texts, expected_training
from clinical_dpo.cluster.slurm_queue import refuse_queued_jobs

SUBMITS = workflow.resource_settings.nodes is not None  # to a cluster; otherwise Snakemake itself runs the jobs

# Keys stay here: the rules that call endpoints or the hub are local.
if SUBMITS:
    os.environ |= submitting(
        os.environ,
        more=[*study.config["compute"]["job_environment"], *path_variables(study.tasks.values())],
        keys=[each["key_variable"] for each in study.config["endpoints"].values() if each["key_variable"]],
    )


def close_slurm_logs():
    """Close Slurm's logs of private text to other users; where they go is known once a run starts."""
    if SUBMITS and private_tasks(study.tasks):
        try:
            close_folder(getattr(workflow.executor_settings, "logdir", None) or ".snakemake/slurm_logs")
        except UserError as error:
            raise WorkflowError(str(error)) from None


# Here, one GPU job at a time, unless --resources gpu=N says otherwise.
if not SUBMITS and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", 1)


def refuse_queued():
    """Stop where an earlier run's jobs are still in Slurm's queue."""
    try:
        refuse_queued_jobs(Path.cwd(), SUBMITS)
    except UserError as error:
        raise WorkflowError(str(error)) from None


def refuse_unfit():
    """Stop where Slurm could never run the jobs that are about to be submitted, or not as often as they are retried."""
    if not SUBMITS:
        return
    jobs = (job for job in workflow.dag.needrun_jobs() if not job.is_local)
    requests = {Request.of(job.rule.name, job.threads, job.resources) for job in jobs}
    compute = study.config["compute"]
    growth = Growth(workflow.execution_settings.retries, compute["max_runtime"], compute["max_mem_mb"])
    cache = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    try:
        refuse_unfit_requests(requests, [Path.cwd(), cache], growth, compute["shared_disk"])
    except UserError as error:
        raise WorkflowError(str(error)) from None


def private_text(wildcards):
    """Whether a job's replies are closed to other users: 1 or 0. No param, since it changes none of them."""
    return int(study.tasks[wildcards.task].get("phi", False))


def gpus(wildcards):
    """GPUs that a job with this model asks for."""
    return study.models[wildcards.model]["gpu"]


def gpu_model(wildcards):
    """The kind of GPU to ask Slurm for; nothing at all where a job asks for none, as Slurm wants it."""
    return study.config["compute"]["gpu_model"] if gpus(wildcards) else None


def training_memory(wildcards, attempt):
    """MB of a node's memory that training asks for; more at every attempt."""
    training = study.training(wildcards.task, wildcards.stage)
    branches = STAGES.index(wildcards.stage) + 1
    estimate = host_memory_mb(study.models[wildcards.model], training, branches=branches)
    return scaled_request(estimate, attempt, study.config["compute"]["max_mem_mb"])


def loading_memory(wildcards, attempt):
    """The same of loading a model for answers."""
    estimate = host_memory_mb(study.models[wildcards.model], None, branches=1)
    return scaled_request(estimate, attempt, study.config["compute"]["max_mem_mb"])


def runtime(expected, *arguments):
    """Minutes to ask for, from what a job is expected to take; more at every attempt.

    `arguments` of `expected` come after the job's task and model: a function of wildcards is evaluated.
    """

    def asked(wildcards, attempt):
        known = [argument(wildcards) if callable(argument) else argument for argument in arguments]
        minutes = expected(study, wildcards.task, wildcards.model, *known)
        return scaled_request(asked_minutes(minutes), attempt, study.config["compute"]["max_runtime"])

    return asked


def benchmark_path(rule, *names):
    """Pattern of the file that Snakemake writes a job's time to; the plan compares it with what was expected."""
    return at.benchmark(rule, "{task}", "{model}", *names)
