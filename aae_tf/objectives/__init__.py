"""Pure functions on tensors: reconstruction costs, adversarial losses, divergences."""
