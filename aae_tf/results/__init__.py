"""What a run folder keeps, and tables and reports of many; imports no TensorFlow."""
