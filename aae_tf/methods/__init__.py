"""One file for each method of the papers: each builds its networks and lists its phases."""

from aae_tf.methods.base import Method

__all__ = ["Method", "method_class"]


def method_class(name: str) -> type[Method]:
    """The method of that name."""
    from aae_tf.methods import aae

    return {"aae": aae.AdversarialAutoencoder}[name]
