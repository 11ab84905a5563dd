"""What tf-slim's test modules themselves no longer find, and what stands in for it.

Some test modules read names that TensorFlow or NumPy has since moved or dropped, before they reach
any code of slim. Their files stay as they are: each gets the name back, in its own namespace, for
as long as `run.py` runs it. None of this is needed by slim, and slimfix gives none of it to users.
"""

import builtins
import importlib
import inspect

import numpy as np


class StandIn:
    """One name of a test module, and what stands in for it.

    Args:
      path: 'ops.Tensor', as the test module reads it; a class of the module may come first.
      value: what it finds there, 'module:name' if a string.
      reason: why it does not find it by itself.
      is_needed: whether that is so here; None: if the name is missing.
    """

    def __init__(self, path, value, reason, is_needed=None):
        self.path, self.value, self.reason, self.is_needed = path, value, reason, is_needed

    def apply(self, module):
        owner, _, name = self.path.rpartition(".")
        if not owner:
            if self.is_needed():
                setattr(module, name, self.value)
            return
        used = getattr(module, owner)
        if not (self.is_needed() if self.is_needed else _is_missing(used, name)):
            return
        if inspect.isclass(used):
            setattr(used, name, self.value)
        else:
            setattr(module, owner, _Overlay(used, name, _read(self.value)))


class _Overlay:
    """A module with one name added; every other name is read from the module itself."""

    def __init__(self, module, name, value):
        self._module = module
        setattr(self, name, value)

    def __getattr__(self, name):
        return getattr(self._module, name)


def _is_missing(used, name):
    try:
        getattr(used, name)
    except (AttributeError, ImportError):
        return True
    return False


def _read(value):
    if not isinstance(value, str):
        return value
    module, _, name = value.partition(":")
    return getattr(importlib.import_module(module), name)


def apply_stand_ins(module):
    """Gives a test module what it misses, and leaves alone what it finds."""
    for stand_in in STAND_INS.get(module.__name__[len("tf_slim.") :], ()):
        stand_in.apply(module)


def _int_of_one(value=0, *base):
    if getattr(value, "shape", ()) and value.size == 1:
        value = value.item()
    return builtins.int(value, *base)


def _refuses_int_of_one():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            builtins.int(np.zeros([1]))
        except TypeError:
            return True
    return False


class _ArrayWithToString(np.ndarray):
    def tostring(self):
        return self.tobytes()


def _linspace(*args, **kwargs):
    return np.linspace(*args, **kwargs).view(_ArrayWithToString)


def _has_no_tostring():
    return not hasattr(np.ndarray, "tostring")


def _debug_hook(root, log_usage=False):
    from tensorflow.python.debug.wrappers import hooks

    return hooks.DumpingDebugHook(root)


def _dropped_log_usage():
    from tensorflow.python.debug.wrappers import hooks

    return "log_usage" not in inspect.signature(hooks.DumpingDebugHook.__init__).parameters


def _session_on_cpu(self, *args, **kwargs):
    return super(type(self), self).cached_session(*args, use_gpu=False, **kwargs)


def _session_takes_any_device():
    import tensorflow as tf

    parameters = inspect.signature(tf.test.TestCase.cached_session).parameters
    return parameters["use_gpu"].default is True


_V1 = "tensorflow.compat.v1:"


def _moved(path, value=None):
    value = value or _V1 + path.rpartition(".")[2]
    return StandIn(path, value, "TensorFlow moved it; the test reads it in a private module")


def _alias(name, value):
    return StandIn("np." + name, value, "NumPy 1.24 or 2.0 dropped the alias")


_INT = StandIn(
    "int", _int_of_one, "NumPy 2.4 has no int() of an array of shape [1]", _refuses_int_of_one
)

STAND_INS = {
    "data.tfexample_decoder_test": [
        _moved("control_flow_ops.case"),
        StandIn("np.linspace", _linspace, "NumPy 2.3 has no ndarray.tostring", _has_no_tostring),
    ],
    "evaluation_test": [
        StandIn(
            "hooks.DumpingDebugHook",
            _debug_hook,
            "TensorFlow dropped the argument log_usage",
            _dropped_log_usage,
        )
    ],
    "layers.layers_test": [_alias("product", np.prod)],
    "layers.optimizers_test": [
        _moved("variable_scope.disable_resource_variables"),
        _moved("variable_scope.enable_resource_variables"),
    ],
    "layers.rev_block_lib_test": [
        _moved(
            "normalization_layers.batch_normalization",
            "tf_keras.src.legacy_tf_layers.normalization:batch_normalization",
        )
    ],
    "layers.sparse_ops_test": [_alias("bool", bool), _alias("object", object)],
    "learning_test": [_INT, _moved("ops.IndexedSlices")],
    "losses.metric_learning_test": [_alias("float", float)],
    "metrics.metric_ops_large_test": [_alias("product", np.prod)],
    "metrics.metric_ops_test": [
        _moved("ops.Tensor"),
        _moved("variable_scope.enable_resource_variables"),
        _moved("variables.VariableV1", _V1 + "Variable"),
    ],
    "ops.variables_test": [
        _moved("variable_scope.disable_resource_variables"),
        _moved("variable_scope.enable_resource_variables"),
        _moved("variable_scope.resource_variables_enabled"),
        _moved("variables_lib.VariableV1", _V1 + "Variable"),
        StandIn(
            "VariablesTest.cached_session",
            _session_on_cpu,
            "TensorFlow 1.15 put everything on CPU:0: testVariableWithReplicaDeviceSetter",
            _session_takes_any_device,
        ),
    ],
    "training.evaluation_test": [_INT],
    "training.training_test": [_INT],
}
