"""What every statistic of a batch norm is for a given population of its input."""

from __future__ import annotations

import re

import numpy as np

from slimfix import names
from slimfix.recalibration.population import Moments

# Zero debiasing divides by 1 - decay^local_step. At this count that is 1 in float32 for every decay
# up to 0.999998, so that the mean goes on as one that has long forgotten where it started, as the
# variance does, and a float32 counter can still count as many steps again.
SETTLED_STEPS = 2.0**23
_SETTLED_HALF = 2.0**15  # The largest power of two in float16; it counts no further.

_EXTRA = re.compile(
    r"(?:(?P<debiased>biased|local_step)"
    r"|(?P<mean>renorm_mean)"
    r"|(?P<stddev>renorm_stddev|moving_stddev)"
    r"|(?P<weight>renorm_(?:mean|stddev)_weight))(?:_\d+)?$"
)


def is_known_extra(variable: str) -> bool:
    """Tells whether `extra_value` has a value for this further statistic."""
    return bool(_EXTRA.match(names.last_part(variable)))


def is_renorm_statistic(variable: str) -> bool:
    """Tells whether batch renormalisation keeps it, and so normalises with it while it trains."""
    return names.last_part(variable).startswith("renorm_")


def extra_value(
    variable: str, moments: Moments, moving_variance: str, epsilon: float, dtype: np.dtype
) -> np.ndarray:
    """Returns the value of a further statistic that goes with a population.

    Args:
      variable: variable name for which `is_known_extra` is true.
      moments: of the layer's input.
      moving_variance: name of the layer's moving_variance, to know whether `biased` is of that.
      epsilon: what the layer adds to the variance.
      dtype: of the variable.
    Returns: float64 [channels], or [] for a counter or weight.
    Source: zero debiasing: tensorflow:tensorflow/python/training/moving_averages.py, _zero_debias:
      moving = biased / (1 - decay^local_step). Renormalisation: tf_keras:tf_keras/src/layers/
      normalization/batch_normalization.py: each stddev is an average of sqrt(variance + epsilon);
      TensorFlow up to 1.12 divides by the weights, which tend to 1.
    """
    found = _EXTRA.match(names.last_part(variable))
    if found is None:
        raise KeyError(variable)
    if found.group("debiased") == "local_step":
        return np.float64(_SETTLED_HALF if dtype == np.float16 else SETTLED_STEPS)
    if found.group("weight"):
        return np.float64(1.0)
    if found.group("stddev"):
        return np.sqrt(moments.variance + epsilon)
    of_variance = names.last_part(names.parent_scope(variable)) == names.last_part(moving_variance)
    return moments.variance if found.group("debiased") and of_variance else moments.mean
