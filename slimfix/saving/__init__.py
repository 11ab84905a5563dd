"""Savers that leave no moving statistic out, and the proof of what they wrote."""
