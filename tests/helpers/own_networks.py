"""Networks as a user writes them, for `--encoder_network=own_networks:listed` and its like."""

import keras
import numpy as np
from keras import layers, ops


class Listed(keras.Model):
    """Hidden layers in a list, heads in a dict, a model within, with dropout and batch norm."""

    def __init__(self, sizes, rate=0.25):
        super().__init__()
        self.flat = layers.Flatten()
        self.hidden = [layers.Dense(12, activation="relu") for _ in range(2)]
        self.norms = (layers.BatchNormalization(), layers.BatchNormalization())
        self.dropout = [layers.Dropout(rate), layers.GaussianDropout(rate)]
        self.inner = keras.Sequential(
            [layers.Dense(10, activation="tanh"), keras.Sequential([layers.Dense(9)])]
        )
        self.heads = {f"head{number}": layers.Dense(size) for number, size in enumerate(sizes)}

    def call(self, inputs, training=False):
        x = self.flat(inputs)
        for dense, norm, dropout in zip(self.hidden, self.norms, self.dropout, strict=True):
            x = dropout(norm(dense(x), training=training), training=training)
        x = self.inner(x)
        outputs = [self.heads[name](x) for name in sorted(self.heads)]
        return outputs[0] if len(outputs) == 1 else outputs


def listed(shape, latent_dim):
    del shape
    return Listed([latent_dim])


def listed_gaussian(latent_dim):
    return Listed([latent_dim, latent_dim])


def listed_categorical(latent_dim, num_categories):
    return Listed([num_categories, latent_dim])


def implicit(shape, latent_dim, noise_dim):
    images, noise = keras.Input(shape), keras.Input((noise_dim,))
    x = layers.Concatenate()([layers.Flatten()(images), noise])
    return keras.Model([images, noise], layers.Dense(latent_dim)(x))


def plain(shape, latent_dim):
    """Without anything random or normalised."""
    images = keras.Input(shape)
    x = layers.Dense(12, activation="relu")(layers.Flatten()(images))
    return keras.Model(images, layers.Dense(latent_dim)(x))


def noisy(latent_dim):
    """Dropout and batch normalisation in a row."""
    return keras.Sequential(
        [
            layers.Flatten(),
            layers.Dense(12, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(latent_dim),
        ]
    )


def dropping(shape, latent_dim):
    """One layer that drops, and no normalisation."""
    images = keras.Input(shape)
    x = layers.Dropout(0.5)(layers.Dense(12)(layers.Flatten()(images)))
    return keras.Model(images, layers.Dense(latent_dim)(x))


def of_two_types(latent_dim):
    """The last layer names its precision."""
    return keras.Sequential(
        [layers.Flatten(), layers.Dense(12), layers.Dense(latent_dim, dtype="float32")]
    )


def synchronized(latent_dim):
    """Whose batch normalisation sees the rows of all replicas."""
    return keras.Sequential(
        [
            layers.Flatten(),
            layers.Dense(12, activation="relu"),
            layers.BatchNormalization(synchronized=True),
            layers.Dense(latent_dim),
        ]
    )


class OfKeywords(Listed):
    """Hands on to Keras what it doesn't know, as Keras's own classes do."""

    def __init__(self, latent_dim, **kwargs):
        keras.Model.__init__(self, **kwargs)
        super().__init__([latent_dim])


def backbone(shape, latent_dim):
    """Frozen layers of fixed weights, as of a pretrained network, and a head that learns."""
    frozen = layers.Dense(12, activation="relu", name="frozen")
    norm = layers.BatchNormalization(name="frozen_norm")
    pretrained = keras.Sequential([keras.Input(shape), layers.Flatten(), frozen, norm])
    drawn = np.random.default_rng(5)
    pretrained.set_weights([drawn.uniform(0.1, 1, w.shape) for w in pretrained.get_weights()])
    pretrained.trainable = False
    images = keras.Input(shape)
    return keras.Model(images, layers.Dense(latent_dim)(pretrained(images)))


def decoder(latent_dim, shape):
    return keras.Sequential(
        [
            keras.Input((latent_dim,)),
            layers.Dense(12, activation="relu"),
            layers.Dense(int(np.prod(shape)), activation="sigmoid"),
            layers.Reshape(shape),
        ]
    )


def noisy_decoder(latent_dim, shape):
    return keras.Sequential(
        [
            keras.Input((latent_dim,)),
            layers.Dense(12),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dropout(0.3),
            layers.Dense(int(np.prod(shape)), activation="sigmoid"),
            layers.Reshape(shape),
        ]
    )


def discriminator(latent_dim):
    return keras.Sequential(
        [
            keras.Input((latent_dim,)),
            layers.Dense(12, activation="leaky_relu"),
            layers.Dropout(0.2),
            layers.Dense(1),
        ]
    )


def flat_discriminator(latent_dim):
    """Logits without an axis of one."""
    codes = keras.Input((latent_dim,))
    return keras.Model(codes, ops.sum(layers.Dense(3)(codes), -1))


# What is no such network.


def probabilities(latent_dim):
    """A discriminator with the sigmoid that is applied to its logits anyway."""
    return keras.Sequential(
        [keras.layers.Dense(8, "relu"), keras.layers.Dense(1, activation="sigmoid")]
    )


def of_another_size(latent_dim):
    return keras.Sequential([layers.Flatten(), layers.Dense(latent_dim + 1)])


def no_model(latent_dim):
    return [latent_dim]


def failing(latent_dim):
    raise RuntimeError(f"no\nluck with {latent_dim}")


class FailingCall(keras.Model):
    def call(self, inputs):
        raise RuntimeError("out of\nluck")


class FailingTraining(keras.Model):
    """Fails in training alone."""

    def __init__(self, latent_dim):
        super().__init__()
        self.dense = layers.Dense(latent_dim)

    def call(self, inputs, training=False):
        if training:
            raise RuntimeError("out of luck in training")
        return self.dense(ops.reshape(inputs, (-1, 64)))


class OfOneBatchSize(keras.Model):
    """Has the size of the first batch baked in."""

    def __init__(self, latent_dim):
        super().__init__()
        self.dense, self.size = layers.Dense(latent_dim), None

    def call(self, inputs):
        self.size = self.size or inputs.shape[0]
        return self.dense(ops.reshape(inputs, (self.size, 64)))


class OfKnownBatchSize(keras.Model):
    """Asks for the batch size in Python, which no export knows."""

    def __init__(self, latent_dim):
        super().__init__()
        self.dense = layers.Dense(latent_dim)

    def call(self, inputs):
        rows = [ops.reshape(inputs[row], (64,)) for row in range(inputs.shape[0])]
        return self.dense(ops.stack(rows))


class RandomInUse(keras.Model):
    """Drops outside training too."""

    def __init__(self, latent_dim):
        super().__init__()
        self.flat, self.dense = layers.Flatten(), layers.Dense(latent_dim)
        self.dropout = layers.Dropout(0.5)

    def call(self, inputs):
        return self.dense(self.dropout(self.flat(inputs), training=True))


MADE = keras.Sequential([layers.Flatten(), layers.Dense(2)])
ELSEWHERE = 5
