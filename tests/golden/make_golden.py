"""Makes the files that guard the formats of checkpoints and SavedModels; see the tests of both.

Run `python tests/golden/make_golden.py` only for a deliberate change of format: the files of an
older release must continue loading.
"""

from __future__ import annotations

import pathlib
import shutil
import sys
import tempfile

import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "helpers"))

import tiny

from aae_tf import seeds
from aae_tf.data.pipeline import Feed
from aae_tf.methods.aae import AdversarialAutoencoder
from aae_tf.serving.export import export_saved_model
from aae_tf.training import Trainer
from aae_tf.training.checkpoints import Checkpoints
from aae_tf.training.variables import network_variables, optimizer_variables

HERE = pathlib.Path(__file__).parent
SHAPE = (4, 4, 1)
STEP, SEED, COUNT = 12, (5, 6), 4


def settings():
    return tiny.settings(
        encoder="gaussian",
        encoder_units="6,5",
        decoder_units="6",
        discriminator_units="5",
        discriminator_noise=0.3,
        discriminator_optimizer="sgd",
    )


def inputs():
    """Images and codes whose outputs are recorded."""
    generator = np.random.default_rng(7)
    images = generator.random((3, *SHAPE), np.float32)
    return images, generator.normal(size=(3, 2)).astype(np.float32)


def main():
    chosen, root = settings(), seeds.root(0)
    method = AdversarialAutoencoder(chosen, SHAPE)
    feed = Feed(tiny.images(40, side=4), chosen.training.batch_size, root)
    phases = method.phases(feed.steps_per_epoch)
    Trainer(phases, feed, root, tf.distribute.get_strategy(), prepare=method.prepare).train(
        0, STEP, 4
    )
    for name in ("checkpoint", "saved_model"):
        shutil.rmtree(HERE / name, ignore_errors=True)
    checkpoints = Checkpoints(
        HERE / "checkpoint", network_variables(method.networks), optimizer_variables(phases)
    )
    checkpoints.progress.step = STEP
    checkpoints.progress.epoch_values = {"generator/loss": [0.5, 0.25]}
    checkpoints.save()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(export_saved_model(method, pathlib.Path(folder)), HERE / "saved_model")
    images, codes = inputs()
    drawn = method.prior.sample(COUNT, seed=np.array(SEED, np.int32))
    np.savez_compressed(
        HERE / "expected.npz",
        codes=method.encode(images),
        decoded=method.decode(codes),
        reconstructed=method.decode(method.encode(images)),
        sample_codes=drawn,
        sample_images=method.decode(drawn),
    )


if __name__ == "__main__":
    main()
