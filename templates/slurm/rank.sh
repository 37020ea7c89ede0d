{% extends "common/rank.sh" %}
{% block start %}
restarts=${SLURM_RESTART_COUNT:-0}
# `--export=NONE` of sbatch must not keep srun from handing on what is exported below
export SLURM_EXPORT_ENV=ALL
{% endblock %}
{% block finish %}
# Interrupted in good order: back into the queue under the same id. Where scontrol is not installed on
# the nodes, exit code 85 is all that is left of it, and `hpcml resume` submits the shard again.
# Never by SLURM_JOB_ID: one task of an array has the id of the array, and would requeue all its siblings.
if [ "$code" = 85 ] && [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    if [ "$restarts" -ge {{ max_restarts | number }} ]; then
        printf 'hpcml: restarted %s times already (max_restarts), not again by itself\n' "$restarts"
    else
        # printed before it is done: SLURM ends this script while scontrol is still answering
        printf 'hpcml: asks to be requeued\n'
        command -v scontrol >/dev/null && timeout 60 scontrol requeue "$task" ||
            printf 'hpcml: could not requeue from here; hpcml resume %s will\n' {{ root | sh }}
    fi
fi
{% endblock %}
