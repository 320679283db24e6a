"""What tells one state of a method's networks from another."""

from __future__ import annotations

import hashlib

import numpy as np

from aae_tf.methods import Method


def weights_digest(method: Method) -> str:
    """SHA-256 over the bits of all weights."""
    total = hashlib.sha256()
    for network in method.networks.values():
        for variable in network.variables:
            total.update(np.ascontiguousarray(variable.numpy()).tobytes())
    return total.hexdigest()
