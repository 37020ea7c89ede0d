#!/bin/bash
{% block header %}{% endblock %}

{% block setup %}
{% if setup %}
# the site's own lines
{% for line in setup %}
{{ line | code }}
{% endfor %}

{% endif %}
{% endblock %}
{% block environment %}
{% if bin %}
export PATH={{ bin | sh }}:"$PATH"
{% endif %}
{% for variable in thread_variables %}
export {{ variable | name }}={{ threads | number }}
{% endfor %}
export HDF5_USE_FILE_LOCKING=FALSE
{% if kernel %}
export OPENBLAS_CORETYPE={{ kernel | sh }}
{% endif %}
export HOME="${HOME:-${TMPDIR:-/tmp}}"
{% for variable, value in exports %}
export {{ variable | name }}={{ value | sh }}
{% endfor %}
{% endblock %}
{% block body %}{% endblock %}
