"""What tests of networks' first weights share."""

import itertools

import numpy as np


def kernels(networks):
    """Copies of all kernels by network and path."""
    return {
        (network.name, variable.path): variable.numpy()
        for network in networks
        for variable in network.variables
        if variable.name == "kernel"
    }


def assert_none_alike(found):
    """That no two of the kernels start with correlated numbers."""
    for one, other in itertools.combinations(found, 2):
        flat = min(one.size, other.size)
        together = np.corrcoef(one.ravel()[:flat], other.ravel()[:flat])[0, 1]
        assert abs(together) < 5 / np.sqrt(flat)
