from clinical_dpo.cluster.slurm_requests import Growth, Request, refuse_unfit_requests
from clinical_dpo.cluster.estimates import asked_minutes, grown, host_memory_mb
from clinical_dpo.cluster.plan import benchmark_file, expected_answers, expected_scoring, expected_training
from clinical_dpo.cluster.slurm_queue import refuse_queued_jobs

SUBMITS = workflow.resource_settings.nodes is not None  # to a cluster; otherwise Snakemake itself runs the jobs

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


def gpus(wildcards):
    """GPUs that a job with this model asks for."""
    return study.models[wildcards.model]["gpu"]


def gpu_model(wildcards):
    """The kind of GPU to ask Slurm for; nothing at all where a job asks for none, as Slurm wants it."""
    return study.config["compute"]["gpu_model"] if gpus(wildcards) else None


def memory(stage=None):
    """MB of a node's memory that training asks for, or loading a model for answers; more at every attempt."""

    def mb(wildcards, attempt):
        model = study.models[wildcards.model]
        training = study.training(wildcards.task, stage) if stage else None
        estimate = host_memory_mb(model, training, branches=STAGES.index(stage) + 1 if stage else 1)
        return grown(estimate, attempt, study.config["compute"]["max_mem_mb"])

    return mb


def runtime(expected, *of_rule):
    """Minutes to ask for, from what a job is expected to take; more at every attempt."""

    def asked(wildcards, attempt):
        minutes = expected(study, wildcards.task, wildcards.model, *of_rule)
        return grown(asked_minutes(minutes), attempt, study.config["compute"]["max_runtime"])

    return asked


def training_runtime(stage):
    """Minutes of a stage's longest run."""
    return runtime(expected_training, stage)


def scoring_runtime():
    """Minutes of the reference's log-probabilities of all pairs."""
    return runtime(expected_scoring)


def generation_runtime(splits):
    """Minutes of answering the questions of some splits."""
    return runtime(expected_answers, splits)


def timed(rule, name=""):
    """Pattern of the file that Snakemake writes a job's time to; the plan compares it with what was expected."""
    return str(benchmark_file(logs, rule, "{task}", "{model}", name))
