"""Parts become a whole, and what tells whether they lie over each other stays small."""

import numpy as np

from slimfix.checkpoint import shapes


def test_the_flags_of_parts_are_few(monkeypatch):
    """A float32 embedding of many rows, in parts along both axes, takes no flag a value."""
    made = []
    zeros = np.zeros
    monkeypatch.setattr(np, "zeros", lambda *args: made.append(zeros(*args)) or made[-1])
    whole = np.arange(7000, dtype=np.float32).reshape(1000, 7)
    parts = [((0, 300), (0, 5)), ((0, 300), (5, 2)), ((300, 700), (0, -1))]

    def read(part):
        (row, rows), (column, columns) = part
        return whole[row : row + rows, column : None if columns == -1 else column + columns]

    np.testing.assert_array_equal(shapes.join_parts((1000, 7), whole.dtype, parts, read), whole)
    assert [each.size for each in made] == [4]
