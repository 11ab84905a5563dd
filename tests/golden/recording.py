"""Writes a recorded reference (recording format 1): what a TF1 graph computes in inference mode."""

import hashlib
import json
import os
import platform

import numpy as np
import tensorflow.compat.v1 as tf

# Ops that hand a value on, or choose between values; a migrated model need not have them.
SKIPPED_OPS = ("Identity", "StopGradient", "Placeholder", "PlaceholderWithDefault", "Switch")


def write_recording(directory, session, inputs, outputs, switches, extra=None, tensors=None):
    """Runs the graph once in inference mode and writes `<directory>/recording.npz`.

    Args:
      directory: where `model.ckpt.meta` already lies.
      session: a session whose variables hold the checkpoint's values.
      inputs: dict, tensor name to array.
      outputs: list of tensor names.
      switches: dict, tensor name to Python bool, fed beside the inputs.
      extra: dict of further arrays, key to array.
      tensors: what to record; None for every tensor that `find_layer_tensors` finds.
    Returns: dict of the arrays written, key to array.
    """
    feed = dict(inputs)
    feed.update(switches)
    if tensors is None:
        tensors = find_layer_tensors(session, inputs, outputs, feed)
    values = session.run({tensor.name: tensor for tensor in tensors}, feed)
    arrays = {"input/" + name: value for name, value in inputs.items()}
    arrays.update({"tensor/" + name: value for name, value in values.items()})
    arrays.update(extra or {})
    arrays = {key: np.asarray(value) for key, value in arrays.items()}
    with open(os.path.join(directory, "model.ckpt.meta"), "rb") as meta:
        meta_sha256 = hashlib.sha256(meta.read()).hexdigest()
    header = {
        "format": 1,
        "versions": {
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "meta_sha256": meta_sha256,
        "checkpoint_prefix": "model.ckpt",
        "switches": switches,
        "inputs": sorted(inputs),
        "outputs": list(outputs),
        "sha256": fingerprint(arrays),
    }
    np.savez_compressed(
        os.path.join(directory, "recording.npz"),
        recording=np.array(json.dumps(header, sort_keys=True)),
        **arrays,
    )
    return arrays


def fingerprint(arrays):
    """Returns the SHA-256, in hex, over key, dtype, shape and C-order bytes in sorted key order."""
    digest = hashlib.sha256()
    for key in sorted(arrays):
        digest.update(key.encode("utf-8"))
        digest.update(str(arrays[key].dtype).encode("utf-8"))
        digest.update(str(arrays[key].shape).encode("utf-8"))
        digest.update(arrays[key].tobytes(order="C"))
    return digest.hexdigest()


def find_layer_tensors(session, inputs, outputs, feed):
    """Returns the float tensors between inputs and outputs that a session can fetch.

    The walk goes back from the outputs. At the Merge that ends a tf.cond it follows only the
    branch that `feed` makes live, so batch moments, dropout masks and the like, which only
    training mode uses, are left out. Ops inside a cond branch cannot be fetched.
    """
    graph = session.graph
    parents = {}
    stack = [graph.get_tensor_by_name(name) for name in outputs]
    while stack:
        tensor = stack.pop()
        if tensor.name in parents:
            continue
        sources = list(tensor.op.inputs)
        if tensor.op.type == "Merge" and _is_fetchable(tensor):
            sources = [sources[session.run(tensor.op.outputs[1], feed)]]
        parents[tensor.name] = [source.name for source in sources]
        stack.extend(sources)
    dependent = set(inputs) & set(parents)
    while True:
        more = {name for name, above in parents.items() if dependent.intersection(above)}
        if more <= dependent:
            break
        dependent |= more
    found = [graph.get_tensor_by_name(name) for name in sorted(dependent)]
    return [
        tensor
        for tensor in found
        if _is_fetchable(tensor)
        and tensor.dtype.base_dtype.is_floating
        and tensor.op.type not in SKIPPED_OPS
    ]


def _is_fetchable(tensor):
    """Returns whether the tensor lies outside every control-flow branch."""
    return tensor.op._get_control_flow_context() is None
