"""Speed and memory of hpcml as ratios to plain tools, taken in one run. Not tests: pytest collects none."""
