"""What people look at: run folder, TensorBoard, figures, progress."""
