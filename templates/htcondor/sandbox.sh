{% extends "common/job.sh" %}
{% block header %}
# hpcml: what the shards of step {{ step | comment }} take with them, campaign {{ campaign | comment }}, attempt {{ attempt | number }}
# By hand, on the access point and before condor_submit array.sub: bash sandbox.sh
exec >>{{ log | sh }} 2>&1
{% endblock %}
{% block body %}

exec {{ python | sh_words }} -m hpcml sandbox {{ root | sh }} --step {{ step | sh }} --attempt {{ attempt | number }}
{% endblock %}
