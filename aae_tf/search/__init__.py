"""Search for settings: random draws, successive halving, judged on validation images alone."""
