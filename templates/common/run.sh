#!/bin/bash
# hpcml: campaign {{ campaign | comment }}, attempt {{ attempt | number }}: every shard in turn, then the merges
# By hand: bash run.sh
{% block stop %}
# a shard that ends with 85 was asked to stop: then so was this script
stopped() { [ "$1" = 85 ] && exit 85; return 0; }
trap 'trap - TERM; kill -TERM 0' TERM
{% endblock %}

{% block steps %}
{% for step in steps %}
{% for shard in step.shards %}
/bin/bash {{ step.folder | sh }}/rank.sh {{ shard | number }}
stopped $?
{% endfor %}
/bin/bash {{ step.folder | sh }}/merge.sh || exit $?
{% endfor %}
{% endblock %}
