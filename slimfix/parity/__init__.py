"""The proof that a Keras model computes what the original graph computes."""

from slimfix.parity.result import ParityResult
from slimfix.parity.verdicts import Level, Verdict
from slimfix.parity.verify import diff_parity
from slimfix.reference.recording import Recording, read_recording

__all__ = ["Level", "ParityResult", "Recording", "Verdict", "diff_parity", "read_recording"]
