"""From the settings of the networks to their hidden layers."""

from __future__ import annotations

from aae_tf.errors import SettingsError
from aae_tf.networks.convolutional import most_doublings
from aae_tf.networks.hidden import Convolutions, DenseLayers, HiddenLayers
from aae_tf.settings import NetworkSettings


def encoder_layers(settings: NetworkSettings) -> HiddenLayers:
    """What the encoder has before its heads."""
    if settings.network == "dense":
        return DenseLayers(settings.encoder_units)
    return _convolutions(settings, settings.encoder_filters)


def decoder_layers(settings: NetworkSettings, image_shape: tuple[int, int, int]) -> HiddenLayers:
    """What the decoder has behind the code.

    Raises:
      SettingsError: if it would double one pixel beyond the image.
    """
    if settings.network == "dense":
        return DenseLayers(settings.decoder_units)
    filters, most = settings.decoder_filters, most_doublings(image_shape)
    if len(filters) - 1 > most:
        height, width, _ = image_shape
        raise SettingsError(
            "decoder_filters",
            ",".join(map(str, filters)),
            f"at most {most + 1} numbers for images of {height} x {width}, since each after the "
            "first doubles height and width",
        )
    return _convolutions(settings, filters)


def _convolutions(settings: NetworkSettings, filters: tuple[int, ...]) -> Convolutions:
    return Convolutions(filters, settings.filter_size, settings.conv_batch_norm)
