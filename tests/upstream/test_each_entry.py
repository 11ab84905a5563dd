"""Without an entry of the table, a test of tf-slim's own fails: no entry stands for nothing."""

import json
import subprocess
import sys

import pytest

from slimfix.compat.table import MOVED_NAMES, REPLACED

PROOFS = {
    ("tf_slim.data.tfexample_decoder", "case"): (
        "data.tfexample_decoder_test.TFExampleDecoderTest.testDecodeExampleWithJpegEncoding"
    ),
    ("tf_slim.data.tfexample_decoder", "cond"): (
        "data.tfexample_decoder_test.TFExampleDecoderTest.testDecodeExampleWithBackupHandlerLookup"
    ),
    ("tf_slim.data.tfexample_decoder", "stack"): (
        "data.tfexample_decoder_test.TFExampleDecoderTest.testDecodeExampleShapeKeyTensor"
    ),
    ("tf_slim.layers.layers", "BatchNormalization"): (
        "layers.layers_test.BatchNormTest.testCreateOpBetaRegularizerFused"
    ),
    ("tf_slim.layers.layers", "stack"): (
        "layers.layers_test.LegacyFullyConnectedTest.test_custom_initializers_multi_dim"
    ),
    ("tf_slim.layers.layers", "unstack"): (
        "layers.layers_test.LegacyFullyConnectedTest.test_custom_initializers_multi_dim"
    ),
    ("tf_slim.layers.optimizers", "IndexedSlices"): (
        "layers.optimizers_test.AdaptiveClipping.testClip"
    ),
    ("tf_slim.layers.optimizers", "Tensor"): (
        "layers.optimizers_test.OptimizersTest.testBadSummaries"
    ),
    ("tf_slim.layers.rev_block_lib", "Tensor"): (
        "layers.rev_block_lib_test.RecomputeTest.testRecompute"
    ),
    ("tf_slim.layers.utils", "Tensor"): "layers.utils_test.ConstantValueTest.test_constant",
    ("tf_slim.layers.utils", "cond"): "layers.utils_test.SmartCondDynamicTest.test_tensors",
    ("tf_slim.learning", "IndexedSlices"): (
        "learning_test.ClipGradientNormsTest.testOrdinaryGradIsClippedCorrectly"
    ),
    ("tf_slim.learning", "Tensor"): (
        "learning_test.MultiplyGradientsTest.testTensorMultiplierOfGradient"
    ),
    ("tf_slim.losses.metric_learning", "while_loop"): None,  # tests/test_compat.py has one.
    ("tf_slim.metrics.histogram_ops", "Assert"): (
        "metrics.histogram_ops_test.AUCUsingHistogramTest"
        ".test_empty_labels_and_scores_gives_nan_auc"
    ),
    ("tf_slim.metrics.metric_ops", "cond"): (
        "metrics.metric_ops_test.StreamingDynamicAUCTest.testAUCPRJumbledPredictions"
    ),
    ("tf_slim.metrics.metric_ops", "stack"): (
        "metrics.metric_ops_test.StreamingTruePositivesAtThresholdsTest.testUnweighted"
    ),
    ("tf_slim.ops.variables", "NewCheckpointReader"): (
        "ops.variables_test.AssignFromCheckpointTest.testLoadPartitionedVariables"
    ),
    (
        "tf_slim.ops.variables",
        "variable",
    ): "ops.variables_test.LocalVariableTest.test_local_variable",
    ("tf_slim.training.training", "IndexedSlices"): (
        "training.training_test.ClipGradsTest.testClipGrads"
    ),
}

# Runs each test twice in one process: with the table, and with the table less that entry.
PROGRAM = """
import dataclasses, importlib, json, sys, types, unittest

import slimfix
import tf_slim
from slimfix import compat
from slimfix.compat import table
from tests.upstream import stand_ins

def overlaid():
    modules = [module for name, module in sys.modules.items() if name.startswith("tf_slim")]
    return [(module, alias, used) for module in modules for alias, used in vars(module).items()
            if isinstance(used, compat._Overlay)]

def mend(moved, replaced):
    "Undoes the mending, then mends by another table."
    for module, alias, used in overlaid():
        setattr(module, alias, used._module)
    assert not overlaid()
    compat.MOVED_NAMES, compat.REPLACED = moved, replaced
    slimfix.enable_slim()

def without(slim_module, name):
    moved = [dataclasses.replace(each, readers=tuple(
                 reader for reader in each.readers
                 if (reader.slim_module, each.name) != (slim_module, name)))
             for each in table.MOVED_NAMES]
    replaced = [each for each in table.REPLACED
                if (each.slim_module, each.name) != (slim_module, name)]
    return moved, replaced

def run(module, test):
    result = unittest.TestResult()
    name = ".".join(test.split(".")[-2:])
    unittest.defaultTestLoader.loadTestsFromName(name, module).run(result)
    assert result.testsRun == 1, result.errors
    return [text.splitlines()[-1] for _, text in result.errors + result.failures]

sys.modules["nose"] = types.ModuleType("nose")
slimfix.enable_slim()
found = []
for slim_module, name, test in json.load(sys.stdin):
    module = importlib.import_module("tf_slim." + ".".join(test.split(".")[:-2]))
    stand_ins.apply_stand_ins(module)
    mend(table.MOVED_NAMES, table.REPLACED)
    good = run(module, test)
    mend(*without(slim_module, name))
    found.append([slim_module, name, good, run(module, test)])
print(json.dumps(found))
"""


def test_every_entry_has_a_proof():
    moved = {(r.slim_module, each.name) for each in MOVED_NAMES for r in each.readers}
    assert set(PROOFS) == moved | {(each.slim_module, each.name) for each in REPLACED}


def test_without_an_entry_a_test_of_slim_fails():
    if sys.version_info < (3, 8):
        pytest.skip("nothing has moved on TensorFlow 1.15")
    proofs = [[*key, test] for key, test in PROOFS.items() if test]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(proofs),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == len(proofs)
    for slim_module, name, with_it, without_it in found:
        assert with_it == [], (slim_module, name)
        assert len(without_it) == 1, (slim_module, name)
        words = ("IndexError",) if name == "NewCheckpointReader" else (name, "tf_keras.legacy")
        assert any(word in without_it[0] for word in words), (slim_module, name, without_it)
