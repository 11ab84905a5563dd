"""The record's table."""

import dataclasses

import numpy as np

from slimfix.recalibration.record import RecalibratedLayer, Recalibration

LAYER = RecalibratedLayer(
    scope="net/conv1/BatchNorm",
    elements=91968.0,
    uses=1,
    epsilon=0.5,
    old_mean=np.array([0.0, 3.0], np.float32),
    old_variance=np.array([1.0, 35.5], np.float32),
    new_mean=np.array([1.0, -1.0], np.float32),
    new_variance=np.array([0.5, 3.5], np.float32),
)
RECORD = Recalibration(
    layers=(LAYER,),
    method="one_pass",
    passes=1,
    batches=23,
    variables=("a", "b"),
    checkpoint="runs/new.ckpt",
)


def test_drift_by_its_formulas():
    np.testing.assert_allclose(LAYER.mean_drift, [1.0, 2.0])
    np.testing.assert_allclose(LAYER.stddev_ratio, [1.5**0.5, 3.0])
    assert LAYER.drift == 2.0
    assert dataclasses.replace(LAYER, new_mean=LAYER.old_mean).drift == np.log2(3.0)


def test_the_table():
    assert str(RECORD) == (
        "Recalibrated 1 batch norm, one_pass: 1 pass over 23 batches\n"
        "   mean off by  stddev was    elements  layer\n"
        "             2         3 x       91968  net/conv1/BatchNorm\n"
        "  Mean off by: the old mean's distance from the new one, in standard deviations.\n"
        "  Stddev was: the old one as a multiple of the new. Both of the worst channel.\n"
        "Written: runs/new.ckpt"
    )


def test_the_table_puts_the_worst_first_and_fits_100_columns():
    long = "net/" + "block/" * 40 + "BatchNorm"
    worse = dataclasses.replace(LAYER, scope=long, old_mean=np.array([50, 0], "f4"))
    broken = dataclasses.replace(LAYER, scope="broken", old_variance=np.array([-9, np.nan], "f4"))
    lines = str(dataclasses.replace(RECORD, layers=(LAYER, worse, broken))).splitlines()
    assert max(map(len, lines)) == 100
    assert [line.split()[-1][-22:] for line in lines[2:5]] == [
        "broken", "ck/block/block/BatchNorm"[-22:], LAYER.scope[-22:]
    ]  # fmt: skip
    assert "  ..." in lines[3] and "nan x" in lines[2]
    assert broken.drift == np.inf
