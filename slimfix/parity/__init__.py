"""The proof that a Keras model computes what the original graph computes."""

from slimfix.parity.recording import Recording, read_recording
from slimfix.parity.result import ParityResult, Verdict
from slimfix.parity.verify import verify_parity

__all__ = ["ParityResult", "Recording", "Verdict", "read_recording", "verify_parity"]
