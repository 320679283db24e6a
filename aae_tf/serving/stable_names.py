"""A SavedModel's graph under names that don't tell how much a process had traced before.

TensorFlow numbers functions as a process traces them, and gives each fingerprint an id that is
drawn. Numbered anew as they are reached from the signatures, and with an id made of the content,
two exports of the same weights are the same files.
"""

from __future__ import annotations

import hashlib
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from tensorflow.core.protobuf import fingerprint_pb2, saved_model_pb2
from tensorflow.python.saved_model import fingerprinting_utils

NUMBER = re.compile(r"_\d+$")
NUMBER_OF_ARGUMENT = re.compile(r"_\d+(___redundant_placeholder\d+)?$")


def rewrite(version: pathlib.Path) -> None:
    """Gives the functions of a SavedModel that nobody reads yet names by their order alone."""
    file = version / "saved_model.pb"
    read = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for meta_graph in read.meta_graphs:
        library = meta_graph.graph_def.library
        names = _numbered(meta_graph)
        _rename(meta_graph, names)
        for function in library.function:
            _number_arguments(function)
        functions = sorted(library.function, key=lambda function: function.signature.name)
        del library.function[:]
        library.function.extend(functions)
    content = read.SerializeToString(deterministic=True)
    file.write_bytes(content)
    fingerprinting_utils.write_fingerprint(str(version))
    file = version / "fingerprint.pb"
    fingerprint = fingerprint_pb2.FingerprintDef.FromString(file.read_bytes())
    fingerprint.uuid = str(int(hashlib.sha256(content).hexdigest()[:32], 16))
    file.write_bytes(fingerprint.SerializeToString(deterministic=True))


def _numbered(meta_graph) -> dict[str, str]:
    """New names of all functions, in the order in which they are reached."""
    functions = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    order: dict[str, None] = {}

    def reach(name):
        if name in functions and name not in order:
            order[name] = None
            for node in functions[name].node_def:
                reach_from(node)

    def reach_from(node):
        for _, value in sorted(node.attr.items()):
            for called in (value.func, *value.list.func):
                reach(called.name)

    for node in meta_graph.graph_def.node:
        reach_from(node)
    for node in meta_graph.object_graph_def.nodes:
        for name in (
            *node.function.concrete_functions,
            node.bare_concrete_function.concrete_function_name,
        ):
            reach(name)
    for name in sorted(functions, key=lambda name: (NUMBER.sub("", name), name)):
        reach(name)
    return {name: f"{NUMBER.sub('', name)}_{number}" for number, name in enumerate(order)}


def _number_arguments(function: Any) -> None:
    """Numbers arguments by their places; what a function has captured TensorFlow numbers by ids."""
    taken = {node.name for node in function.node_def}
    names = {}
    for place, argument in enumerate(function.signature.input_arg):
        new = NUMBER_OF_ARGUMENT.sub(rf"_{place}\1", argument.name)
        if new not in taken:
            names[argument.name] = argument.name = new
        known = function.arg_attr[place].attr if place in function.arg_attr else {}
        if "_user_specified_name" in known and known["_user_specified_name"].s.isdigit():
            known["_user_specified_name"].s = str(place).encode()
    for node in function.node_def:
        node.input[:] = [names.get(name, name) for name in node.input]
    for key, name in list(function.ret.items()):
        function.ret[key] = names.get(name, name)


def _rename(message: Any, names: Mapping[str, str]) -> None:
    """Puts new names in place of old ones, wherever a message or what it holds has one."""
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _rename_entries(value, names)
        elif field.message_type is not None:
            for each in [value] if hasattr(value, "ListFields") else value:
                _rename(each, names)
        elif field.type == field.TYPE_STRING:
            if isinstance(value, str):
                setattr(message, field.name, names.get(value, value))
            else:
                value[:] = [names.get(each, each) for each in value]


def _rename_entries(entries: Any, names: Mapping[str, str]) -> None:
    for key in list(entries):
        value = entries[key]
        if hasattr(value, "ListFields"):
            _rename(value, names)
            if key in names:
                entries[names[key]].CopyFrom(value)
                del entries[key]
        elif isinstance(value, str):
            entries[key] = names.get(value, value)
