"""Train ops that depend on their UPDATE_OPS, and the proof that every moving statistic moves."""
