"""One file for each method of the papers: each builds its networks and lists its phases."""

from aae_tf.methods.base import Method

__all__ = ["Method", "method_class"]


def method_class(name: str) -> type[Method]:
    """The method of that name."""
    from aae_tf.methods import (
        aae,
        clustering,
        dim_reduction,
        discrete,
        label_informed,
        semi_supervised,
        supervised,
        vae,
        wae,
    )

    return {
        "aae": aae.AdversarialAutoencoder,
        "label_informed": label_informed.LabelInformedAutoencoder,
        "supervised": supervised.SupervisedAutoencoder,
        "discrete": discrete.DiscreteAutoencoder,
        "semi_supervised": semi_supervised.SemiSupervisedAutoencoder,
        "clustering": clustering.ClusteringAutoencoder,
        "vae": vae.VariationalAutoencoder,
        "wae": wae.WassersteinAutoencoder,
        "dim_reduction": dim_reduction.DimReductionAutoencoder,
    }[name]
