"""Pictures of a run or of several; Matplotlib is imported here alone."""
