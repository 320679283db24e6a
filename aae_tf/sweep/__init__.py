"""Many runs: seeds, best-of-N restarts, hyperparameter search."""
