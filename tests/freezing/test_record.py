"""The record of a freeze, as it prints."""

from slimfix.freezing.record import BatchNormState, FreezeRecord

LONG = "InceptionResnetV2/InceptionResnetV2/Repeat_1/block17_12/Branch_1/Conv2d_0b_1x7/BatchNorm"


def test_prints_as_a_table():
    layers = (
        BatchNormState("net/conv1/BatchNorm", False, False, None, "batch", True),
        BatchNormState("net/fc/BatchNorm", True, None, True, "by 'is_training:0'", False),
    )
    record = FreezeRecord(layers, True, True, ("frozen. " * 20,))
    assert str(record).splitlines() == [
        "batch norm           statistics  beta  gamma  normalises in training with",
        "net/conv1/BatchNorm  stay        stay  none   batch",
        "net/fc/BatchNorm     move        none  move   by 'is_training:0'",
        "Note: " + " ".join(["frozen."] * 11),
        " ".join(["frozen."] * 9),
    ]


def test_long_names_lose_their_middle():
    state = BatchNormState(LONG, False, None, None, "by '" + LONG + "/is_training:0'", True)
    lines = str(FreezeRecord((state,), True, True, ())).splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert lines[1].startswith("InceptionResnetV2/In") and "..." in lines[1]
    assert "v2d_0b_1x7/BatchNorm  stay" in lines[1]
    assert lines[1].endswith("training:0'")


def test_frozen_scopes_are_those_that_were_asked_for():
    layers = (
        BatchNormState("a", False, None, None, "moving", True),
        BatchNormState("b", False, None, None, "moving", False),
    )
    assert FreezeRecord(layers, True, False, ()).frozen_scopes == ("a",)
    assert FreezeRecord(layers, False, True, ()).frozen_scopes == ()
