"""The models by name: of which experiments each is, and what it can beside the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from aae_tf.models.base import Model


class AAE(Model):
    """The adversarial autoencoder (AAE, sections 1 and 2): an adversary matches codes to a prior.

    Args:
      experiment: 'gaussian' (the default), 'mixture', 'swiss_roll', 'uniform', 'sphere' or
        'likelihood': whose settings to start from.
      **settings: see `Model`.
    """

    experiments = ("gaussian", "mixture", "swiss_roll", "uniform", "sphere", "likelihood")


class RAE(Model):
    """The regularised autoencoder (Ghosh et al., 2020): no prior in training, a mixture after it.

    Args:
      **settings: see `Model`; `sampler` says what samples are drawn from.
    """

    experiments = ("rae",)


class VAE(Model):
    """The variational auto-encoder in the AAE's networks (Kingma & Welling, 2014).

    Args:
      experiment: 'vae_gaussian' (the default) or 'vae_mixture'.
      **settings: see `Model`.
    """

    experiments = ("vae_gaussian", "vae_mixture")


class WAE(Model):
    """The Wasserstein auto-encoder (WAE, section 3): a divergence matches codes to a prior.

    Args:
      experiment: 'wae_mmd' (the default; any divergence of two samples) or 'wae_gan'.
      **settings: see `Model`; `divergence` and `cost` may be functions.
    """

    experiments = ("wae_mmd", "wae_gan")


class _Classifier(Model):
    """A model whose encoder also gives q(y|x) (AAE, section 5, figure 8)."""

    def predict_proba(self, x: Any) -> np.ndarray:
        """q(y|x) of examples, `(n, categories)`, float32."""
        return self._of_examples(x, lambda inference, split: inference.classify(split))

    def predict(self, x: Any) -> np.ndarray:
        """The most probable category of each example, `(n,)`: a cluster, a label, or its name."""
        numbers = self.predict_proba(x).argmax(1)
        names = self.class_names
        return np.array(names)[numbers] if self._names_categories and names else numbers

    @property
    def _names_categories(self) -> bool:
        return self._method.labels != "none"


class SemiSupervisedAAE(_Classifier):
    """The semi-supervised AAE (AAE, section 5): `fit(x, y)` with y = -1 for what has no label.

    Args:
      **settings: see `Model`. `num_labels` takes so many of the labels that there are.
    """

    experiments = ("semi_supervised",)
    _estimator_type = "classifier"

    @property
    def classes_(self) -> np.ndarray:
        """What `predict` may give, in the order of `predict_proba`; there once it is fitted."""
        if self._folder is None:
            raise AttributeError("classes_: the model isn't fitted; expected fit() first")
        described = self._folder.read_data()
        return np.array(described.get("class_names") or range(described["num_classes"]))


class ClusteringAAE(_Classifier):
    """The AAE whose categorical code becomes clusters, without labels (AAE, section 6).

    Args:
      experiment: 'clustering' (the default) or 'discrete'.
      **settings: see `Model`; `num_clusters` says how many.
    """

    experiments = ("clustering", "discrete")
    _estimator_type = "clusterer"


class DimReductionAAE(_Classifier):
    """Dimensionality reduction (AAE, section 7): each class or cluster has a place in the plane.

    Args:
      **settings: see `Model`; `num_labels=0` for clusters instead of classes.
    """

    experiments = ("dim_reduction",)

    def transform(self, x: Any) -> np.ndarray:
        """The reduced representation of examples, `(n, latent_dim)`, float32."""
        return self._of_examples(x, lambda inference, split: inference.embed(split))


class SupervisedAAE(Model):
    """The supervised AAE (AAE, section 4): the decoder takes the label, the code keeps the style.

    Args:
      **settings: see `Model`.
    """

    experiments = ("style",)


class LabelInformedAAE(Model):
    """The AAE whose labels place classes on the prior (AAE, section 2.3): `fit(x, y)`.

    Args:
      experiment: 'label_mixture' (the default) or 'label_swiss_roll'.
      **settings: see `Model`.
    """

    experiments = ("label_mixture", "label_swiss_roll")
