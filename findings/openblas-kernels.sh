#!/usr/bin/env bash
# The same NumPy wheel multiplies the same float32 matrices to different bits on different processors.
#
# Versions:  numpy 2.4.6 (wheel with OpenBLAS 0.3.31), threadpoolctl 3.8.0; Python 3.11, Linux x86-64; needs
#            a processor with AVX2
# Guess:     with equal package versions and one thread, a matrix product has equal bits on every x86-64
#            machine.
# Seen:      OpenBLAS chooses a kernel for the processor when it is loaded. The kernels sum in different
#            orders, with and without fused multiply-add. OPENBLAS_CORETYPE makes one machine behave like
#            another: of 90,000 elements 81 % differ between two of them.
# Output:
#     Nehalem and Haswell: 72891 of 90000 elements differ, largest difference 3.8e-05
# Matters:   the nodes of a cluster are not all of one generation. Principal components, k-means and network
#            outputs in float32 then depend on the node, and a cut at a fixed score selects other events.
#            Record the kernel beside the result, or pin OPENBLAS_CORETYPE to the oldest processor of the
#            site.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -qq --no-compile numpy==2.4.6 threadpoolctl==3.8.0

if ! grep -qw avx2 /proc/cpuinfo; then
    echo "not applicable on this processor: it has no AVX2, so it cannot run the Haswell kernel"
    exit 0
fi
cat >product.py <<'EOF'
import sys

import numpy as np
from threadpoolctl import threadpool_info

rng = np.random.default_rng(1)
first, second = (rng.normal(size=(300, 300)).astype("f4") for _ in range(2))
np.save(sys.argv[1], first @ second)
kernel = threadpool_info()[0]["architecture"]
assert kernel == sys.argv[1], f"OpenBLAS took the kernel {kernel}"
EOF
for kernel in Nehalem Haswell; do
    OPENBLAS_NUM_THREADS=1 OPENBLAS_CORETYPE=$kernel venv/bin/python product.py $kernel
done
venv/bin/python - <<'EOF'
import sys

import numpy as np

old, new = np.load("Nehalem.npy"), np.load("Haswell.npy")
print(
    f"Nehalem and Haswell: {(old != new).sum()} of {old.size} elements differ,"
    f" largest difference {abs(old - new).max():.1e}"
)
sys.exit(not 0 < (old != new).sum())
EOF
