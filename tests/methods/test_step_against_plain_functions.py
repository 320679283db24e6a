"""A compiled step of all phases equals one written out again with matrix products alone.

Neither Keras's layers and optimizers nor the methods take part in it: only the definition of the
networks (AAE, figure 8), of the losses and of the two update rules.
"""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import seeds

BATCH, STEPS, WEIGHT = 20, 3, 3.0
EPSILON = float(np.float32(1e-3))  # as batch normalisation holds it
TOLERANCE = 1e-7  # Adam holds 0.999 in float32
LAYERS = ("trunk/hidden_1", "trunk/hidden_2")
UNITS = [9, 7]  # of the encoder
# Sums of few powers of two, which float32 holds exactly.
RATES = {
    "reconstruction": 2**-6,
    "discriminator": 2**-4,
    "generator": 2**-5,
    "classification": 2**-5,
}
MOMENTA = {
    "reconstruction": 0.875,
    "discriminator": 0.125,
    "generator": 0.5,
    "classification": 0.75,
}


def _forward(weights, network, names, inputs):
    """Dense layers of those names, rectified but the last; normalised where they have a gamma."""
    for name in names:
        prefix = f"{network}/{name}"
        if f"{prefix}/norm/gamma" in weights:
            inputs = inputs @ weights[f"{prefix}/dense/kernel"]
            mean = tf.reduce_mean(inputs, 0)
            variance = tf.reduce_mean((inputs - mean) ** 2, 0)
            inputs = (inputs - mean) / tf.sqrt(variance + EPSILON)
            inputs = inputs * weights[f"{prefix}/norm/gamma"] + weights[f"{prefix}/norm/beta"]
        else:
            inputs = inputs @ weights[f"{prefix}/kernel"] + weights[f"{prefix}/bias"]
        if name in LAYERS:  # not tf.maximum, whose gradient at 0 isn't the rectifier's
            inputs = tf.where(inputs > 0, inputs, 0)
    return inputs


def _encode(weights, images, noise):
    features = tf.reshape(images, [len(images), -1])
    for name, added in zip(LAYERS, tf.split(noise, UNITS, axis=1), strict=True):
        features = _forward(weights, "encoder", (name,), features) + added
    logits = _forward(weights, "encoder", ("category",), features)
    return logits, tf.nn.softmax(logits), _forward(weights, "encoder", ("code",), features)


def _log_sigmoid(logits):
    return -tf.math.log(1 + tf.exp(-logits))


def _reconstruction(weights, batch, draws):
    del draws
    _, category, code = _encode(weights, batch["inputs"], batch["hidden_noise"])
    given = tf.concat([category, code], 1)
    images = tf.reshape(batch["images"], [BATCH, -1])
    decoded = 1 / (1 + tf.exp(-_forward(weights, "decoder", (*LAYERS, "pixels"), given)))
    return tf.reduce_sum((images - decoded) ** 2) / 2 / BATCH


def _discriminator(weights, batch, draws):
    _, category, code = _encode(weights, batch["inputs"], batch["hidden_noise"])
    total = 0.0
    for name, codes in (("style", code), ("label", category)):
        own, network = draws[name], f"{name}_discriminator"
        real, false = own["prior"] + own["prior_noise"], codes + own["code_noise"]
        on_prior = _forward(weights, network, (*LAYERS, "logit"), real)
        on_codes = _forward(weights, network, (*LAYERS, "logit"), false)
        total -= tf.reduce_mean(_log_sigmoid(on_prior) + _log_sigmoid(-on_codes))
    return total


def _generator(weights, batch, draws):
    _, category, code = _encode(weights, batch["inputs"], batch["hidden_noise"])
    total = 0.0
    for name, codes, weight in (("style", code, 1.0), ("label", category, WEIGHT)):
        seen = codes + draws[name]["code_noise"]
        logits = _forward(weights, f"{name}_discriminator", (*LAYERS, "logit"), seen)
        total -= weight * tf.reduce_mean(_log_sigmoid(logits))
    return total


def _classification(weights, batch, draws):
    del draws
    logits, _, _ = _encode(weights, batch["labelled_inputs"], batch["labelled_hidden_noise"])
    chosen = tf.one_hot(batch["labels"], logits.shape[1], dtype=logits.dtype)
    return -tf.reduce_mean(tf.reduce_sum(chosen * tf.math.log(tf.nn.softmax(logits)), 1))


PHASES = {
    "reconstruction": (_reconstruction, ("encoder", "decoder")),
    "discriminator": (_discriminator, ("style_discriminator", "label_discriminator")),
    "generator": (_generator, ("encoder",)),
    "classification": (_classification, ("encoder",)),
}


def _sgd(memory, key, gradient, rate, momentum, step):
    del step
    memory[key] = momentum * memory.get(key, 0.0) - rate * gradient
    return memory[key]


def _adam(memory, key, gradient, rate, momentum, step):
    first, second = memory.get(key, (0.0, 0.0))
    first = momentum * first + (1 - momentum) * gradient
    second = 0.999 * second + 0.001 * gradient**2
    memory[key] = first, second
    rate *= np.sqrt(1 - 0.999 ** (step + 1)) / (1 - momentum ** (step + 1))
    return -rate * first / (tf.sqrt(second) + 1e-7)


def _trainable(rig):
    """Copies of all weights that some phase moves, by the checkpoint's names."""
    moved = ("kernel", "bias", "gamma", "beta")
    return {
        name: tf.convert_to_tensor(variable)
        for name, variable in rig.variables.items()
        if name.split("/")[0] in rig.method.networks and name.endswith(moved)
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "experiment, optimizer, batch_norm, xla",
    [
        ("clustering", "adam", True, False),
        ("clustering", "adam", True, True),
        ("semi_supervised", "sgd", True, True),
        ("semi_supervised", "adam", False, True),
    ],
)
def test_compiled_step_equals_matrix_products(experiment, optimizer, batch_norm, xla):
    update = {"sgd": _sgd, "adam": _adam}[optimizer]
    names = [name for name in PHASES if experiment != "clustering" or name != "classification"]
    scale = 2**-5 if optimizer == "adam" else 1.0
    flags = {f"{name}_learning_rate": scale * RATES[name] for name in names}
    flags |= {f"{name}_momentum": MOMENTA[name] for name in names}
    flags |= {f"{name}_optimizer": optimizer for name in names}
    if experiment == "semi_supervised":
        flags |= {"num_labels": "6"}
    rig = tiny.rig(
        100,
        xla,
        experiment=experiment,
        batch_size=BATCH,
        precision="float64",
        encoder_units="9,7",
        decoder_units="8,6",
        discriminator_units="7,5",
        latent_dim=3,
        encoder_batch_norm=batch_norm,
        input_noise=0.1,
        input_dropout=0.3,
        hidden_noise=0.15,
        discriminator_noise=0.2,
        label_adversary_weight=WEIGHT,
        **flags,
    )
    weights, memory, order = _trainable(rig), {}, rig.feed.order(0)
    first = dict(weights)
    for step in range(STEPS):
        seed = seeds.fold(rig.root, "step", step)
        batch = rig.method.prepare(rig.feed.batch(order, tf.constant(step)), seed)
        for name in names:
            loss, networks = PHASES[name]
            draws = rig.phase(name).draws(seeds.fold(seed, name), BATCH)
            moved = {key: w for key, w in weights.items() if key.split("/")[0] in networks}
            with tf.GradientTape() as tape:
                tape.watch(list(moved.values()))
                value = loss(weights, batch, draws)
            gradients = tape.gradient(value, moved, unconnected_gradients="zero")
            for key, gradient in gradients.items():
                rate = scale * RATES[name]
                change = update(memory, (name, key), gradient, rate, MOMENTA[name], step)
                weights[key] = weights[key] + change
    rig.trainer.run_steps(order, 0, STEPS)
    found = _trainable(rig)
    assert set(found) == set(weights) and len(found) > 20
    for key, expected in weights.items():
        np.testing.assert_allclose(found[key], expected, rtol=1e-6, atol=TOLERANCE, err_msg=key)
        assert np.abs(expected - first[key]).max() > 1000 * TOLERANCE, key
