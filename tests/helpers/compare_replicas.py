"""Trains on one and on two logical CPU devices and prints how far apart they end, as JSON.

Which methods are to be trained stands in the command line.
"""

import json
import sys

import numpy as np
import tiny
import toy

from aae_tf import seeds
from aae_tf.data.pipeline import Feed
from aae_tf.errors import SettingsError
from aae_tf.methods.build import labelled_for
from aae_tf.settings import ExecutionSettings
from aae_tf.training import Trainer
from aae_tf.training.averaging import PreciseNorm, WeightAverage
from aae_tf.training.distribution import make_strategy
from aae_tf.training.variables import network_variables, optimizer_variables

STEPS = 20


AAE = {
    "encoder": "gaussian",
    "discriminator_noise": 0.3,
    "prior": "mixture",
    "critic_penalty": "gradient",
}
# All that sees more than one image at a time, and all that is drawn for a minibatch.
SEMI_SUPERVISED = {
    "experiment": "semi_supervised",
    "num_labels": "12",
    "labelled_batch_size": 6,
    "encoder_batch_norm": True,
    "decoder_batch_norm": True,
    "input_noise": 0.3,
    "input_dropout": 0.2,
    "hidden_noise": 0.1,
    "latent_dim": 4,
    "encoder": "gaussian",
    "virtual_adversarial_weight": 2.0,
    "virtual_adversarial_phase": "classification",
    "virtual_adversarial_start": 1,
    "virtual_adversarial_warmup": 1.5,
    "virtual_adversarial_neighbour_share": 0.3,
    "label_adversary_warmup": 2.5,
    "label_discriminator_noise": 0.2,
    "critic_penalty": "spectral",
    "category_balance_weight": 3.0,
}
# A penalty on the codes of the whole minibatch, directions that all replicas share, convolutions.
WAE = {
    "network": "conv",
    "encoder": "implicit",
    "experiment": "wae_mmd",
    "divergence": "sliced_wasserstein",
    "penalty_weight": 100.0,
    "latent_dim": 3,
    "input_noise": 0.1,
    "encoder_batch_norm": True,
}
WAE_GAN = {
    "experiment": "wae_gan",
    "critic_penalty": "r1",
    "log_prior_trick": True,
    "latent_dim": 3,
}
# Gradients of gradients, through moments of the whole minibatch.
RAE = {
    "experiment": "rae",
    "latent_dim": 3,
    "activation": "tanh",
    "decoder_batch_norm": True,
    "decoder_penalty_weight": 0.5,
}
# The user's own, without dropout, whose draws each replica has for itself.
OWN = {
    "encoder_network": "own_networks:synchronized",
    "decoder_network": "own_networks:decoder",
    "discriminator_network": "own_networks:flat_discriminator",
}
METHODS = {
    "aae": AAE,
    "semi_supervised": SEMI_SUPERVISED,
    "wae": WAE,
    "wae_gan": WAE_GAN,
    "rae": RAE,
    "own_networks": OWN,
}


def trained(strategy, changes):
    """Every variable, and every curve, after some steps of all phases."""
    settings = tiny.settings(precision="float64", **changes)
    root = seeds.root(0)
    data = tiny.data()
    with strategy.scope():
        method = tiny.method_for(settings)
        labels = labelled_for(method, data, strategy.num_replicas_in_sync)
        feed = Feed(data.train.images, settings.training.batch_size, root, method.dtype, labels)
        phases = method.phases(feed.steps_per_epoch)
        average = WeightAverage(network_variables(method.lasting_networks), 0.9)
    note = tiny.Notebook()
    trainer = Trainer(phases, feed, root, strategy, prepare=method.prepare, average=average)
    norm = PreciseNorm(method.encoder, method.take_in, data.train.intensities(), strategy, average)
    trainer.train(0, STEPS, 3, [note, norm])
    variables = network_variables(method.networks) | optimizer_variables(phases)
    variables |= {f"averages/{name}": value for name, value in average.variables.items()}
    curves = {key: note.curve(key) for key in note.reports[-1].values}
    return {key: value.numpy() for key, value in variables.items()}, curves


def refusal(batch_size, **execution):
    try:
        make_strategy(ExecutionSettings(**execution), batch_size)
    except SettingsError as error:
        return str(error)
    return "accepted"


def comparison(one, two, changes):
    first, second = trained(one, changes), trained(two, changes)
    return {
        "variables": {k: float(np.abs(v - second[0][k]).max()) for k, v in first[0].items()},
        "curves": {k: float(np.abs(v - second[1][k]).max()) for k, v in first[1].items()},
        "moved": max(float(np.ptp(v)) for k, v in first[1].items() if k.endswith("/loss")),
    }


def overflow(strategy):
    """The weight and the scale after four steps, of which the second overflows on one replica."""
    with strategy.scope():
        chosen = {"learning_rate": 0.5, "scaled": True}
        phase = toy.phase(slopes=toy.overflowing([1]), **chosen)
    toy.trainer(phase, strategy=strategy).train(0, 4, 3)
    weight, scale = phase.updates[0].value, phase.optimizer.dynamic_scale
    local = strategy.experimental_local_results
    return [[float(value) for value in local(each.value)] for each in (weight, scale)]


def main():
    two = make_strategy(ExecutionSettings(replicas=2), 10)
    one = make_strategy(ExecutionSettings(replicas=1), 10)
    sizes = [one.num_replicas_in_sync, two.num_replicas_in_sync]
    found = {
        "replicas": sizes,
        **{name: comparison(one, two, METHODS[name]) for name in sys.argv[1:]},
        "overflow": overflow(two),
        "indivisible": refusal(9, replicas=2),
        "too_many": refusal(9, replicas=3),
        "one_device": refusal(10, strategy="one_device", replicas=2),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
