"""SavedModels for TF Serving; knows networks and priors, not training."""
