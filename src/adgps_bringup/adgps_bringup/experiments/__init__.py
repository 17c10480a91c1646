"""The experiments of the paper, each a package with its own plan, runs, analysis and report."""
