"""Find, in a probe's log, the step at which the eval loss comes close to its lowest value (the plateau)."""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, write_json
from clinical_dpo.training.plateau import eval_curve, lowest_loss, plateau_step

with job(snakemake) as params:
    tolerance = params.tolerance
    curve = eval_curve(read_csv(snakemake.input[0]))
    rule = "first evaluated step within tolerance x (eval loss at step 0 - lowest) of the lowest eval loss"
    write_json(
        snakemake.output[0],
        {
            "steps": plateau_step(curve, tolerance),
            "rule": rule,
            "tolerance": tolerance,
            "lowest_eval_loss": lowest_loss(curve),
        },
    )
