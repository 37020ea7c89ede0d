{% extends "common/rank.sh" %}
{% block start %}
# own: exit with the shard's code; merge: in a DAG, see `finish` below
verdict=${2:-own}
starts=0 completions=0
while read -r key _ value; do
    case $key in
    NumJobStarts) starts=$value ;;
    NumJobCompletions) completions=$value ;;
    esac
done 2>/dev/null <"${_CONDOR_JOB_AD:-/dev/null}"
# after exit code 85 HTCondor starts this again in the same scratch folder, and counts no start
lines=(first)
if [ -n "${_CONDOR_SCRATCH_DIR:-}" ]; then
    echo >>"$_CONDOR_SCRATCH_DIR/.hpcml-starts"
    mapfile -t lines <"$_CONDOR_SCRATCH_DIR/.hpcml-starts"
fi
restarts=$((starts + ${#lines[@]} - 1))
{% if archives %}
# no shared file system: {{ root | comment }}, which came along, looks like the campaign's folder
mkdir -p {{ archives | sh }} && ln -sfn ../{{ archives | sh }} {{ root | sh }}/incoming
{% endif %}
{% endblock %}
{% block finish %}
{% if archives %}
# the one file that goes back; there is no time to make it twice
trap '' USR1 TERM INT
{{ python | sh_words }} -m hpcml pack {{ root | sh }} --shard "$shard" || {
    printf 'hpcml: what was recorded could not be packed\n'
    if [ "$code" = 0 ]; then code=3; fi
}
{% endif %}
if [ "$code" = 85 ] && [ "$restarts" -ge {{ max_restarts | number }} ]; then
    printf 'hpcml: restarted %s times already (max_restarts), not again by itself\n' "$restarts"
    code=3
fi
if [ "$verdict" = merge ]; then
    # DAGMan removes all other shards when one job of the node fails. So after its last try a shard exits with 0,
    # and the merge, which looks at the parts, reports what is missing.
    case $code in
    0|2|85) last=no ;;
    {{ final_codes | case_numbers }}) last=yes ;;
    *) if [ "$completions" -ge {{ max_retries | number }} ]; then last=yes; else last=no; fi ;;
    esac
    if [ "$last" = yes ]; then
        printf 'hpcml: exit code %s becomes 0 for the DAG; the merge decides\n' "$code"
        code=0
    fi
fi
{% endblock %}
