"""Reads TensorBoard event files as TensorBoard does."""

from __future__ import annotations

from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.util import tensor_util


def read(folder):
    """The folder's events; every point is kept."""
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return accumulator


def curve(accumulator, tag):
    """Points (step, value) of a scalar."""
    return [
        (event.step, float(tensor_util.make_ndarray(event.tensor_proto)))
        for event in accumulator.Tensors(tag)
    ]


def steps(accumulator, tag):
    return [event.step for event in accumulator.Tensors(tag)]


def plugin(accumulator, tag):
    return accumulator.SummaryMetadata(tag).plugin_data.plugin_name


def graph(folder):
    """The graph of a folder's one event file, serialized."""
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0, "graph": 1})
    accumulator.Reload()
    return accumulator.Graph().SerializeToString()
