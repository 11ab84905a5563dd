"""The one form of an error's text, and what each kind of error is."""

from slimfix import errors


def test_explain_lists_every_item_then_cause_then_fix():
    text = errors.explain(
        "Cannot load 2 of 53 variables", ["'a': 1", "'b': 2"], cause="A cause.", fix="A fix."
    )
    assert text == (
        "Cannot load 2 of 53 variables:\n  'a': 1\n  'b': 2\nLikely cause: A cause.\nFix: A fix."
    )


def test_explain_leaves_out_what_there_is_not():
    assert errors.explain("No checkpoint") == "No checkpoint"


def test_every_error_is_a_slimfix_error():
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    ]
    assert len(kinds) > 8
    assert all(issubclass(kind, errors.SlimfixError) for kind in kinds)


def test_a_checkpoint_error_is_the_users_to_mend():
    assert issubclass(errors.CheckpointError, errors.UsageError)
    assert not issubclass(errors.CheckpointMismatchError, errors.UsageError)
