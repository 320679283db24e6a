"""An alias of `aae_tf.runs.train` for one release."""


def __getattr__(name: str):
    from aae_tf.runs import train  # here, so that it adds no floor to the imports

    return getattr(train, name)
