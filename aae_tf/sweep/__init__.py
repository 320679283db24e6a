"""Many runs: several seeds, best-of-N restarts, hyperparameter search."""
