{% extends "common/job.sh" %}
{% block header %}
# hpcml: merge of step {{ step | comment }}, campaign {{ campaign | comment }}, attempt {{ attempt | number }}
# By hand: bash merge.sh
#
# exit code  0  merged
#            2  the job file or the command line is wrong
#            3  units failed or are missing: `hpcml resume`, which merges again
#            5  integrity: a part is corrupt or contradicts another
# not $HOSTNAME, which a job inherits from the login node
read -r host </proc/sys/kernel/hostname
printf 'hpcml: merge of step %s attempt %s on %s, %(%F %T)T\n' \
    {{ step | sh }} {{ attempt | number }} "$host" -1
{% endblock %}
{% block body %}

{% block merge %}
{{ python | sh_words }} -m hpcml merge {{ root | sh }} --step {{ step | sh }}
code=$?
{% endblock %}
{% block again %}
{% if automatic %}
# what another try can change (time, memory, a lost node, preemption) is tried again, a few times
if [ "$code" = 3 ]; then
    {{ python | sh_words }} -m hpcml resume {{ root | sh }} --automatic {{ attempt | number }}
    goes_on=$?  # 85: a later attempt is under way
fi
{% endif %}
{% endblock %}
{% block notify %}
{% if notify %}
{% if not last %}
# HTCondor starts nothing after a merge that fails: the campaign ends here
if [ "$code" != 0 ]; then
{% elif automatic %}
# the campaign has ended: one message. Not while a later attempt is under way, whose last merge sends it
if [ "${goes_on:-0}" != 85 ]; then
{% else %}
# the campaign has ended: one message
{% endif %}
HPCML_CAMPAIGN={{ campaign | sh }} HPCML_DIR={{ root | sh }} HPCML_EXIT_CODE=$code \
    /bin/sh -c {{ notify | sh }} || printf 'hpcml: the notify command failed\n'
{% if automatic or not last %}
fi
{% endif %}
{% endif %}
{% endblock %}
exit "$code"
{% endblock %}
