"""Computes Keras layers in float64 whose TensorFlow kernel knows no float64."""

from __future__ import annotations

from typing import Any, Callable

_POOLS = {"AveragePooling3D": "average_pool", "MaxPooling3D": "max_pool"}


def in_float64(layer: Any) -> Callable[..., Any]:
    """Returns what computes in float64 what a float64 layer is to compute: mostly itself.

    Args:
      layer: Keras layer or operation; of pooling in three dimensions, channels last.
    """
    name = _POOLS.get(type(layer).__name__)
    return _pool_volume(layer, name) if name else layer


def _pool_volume(layer: Any, name: str) -> Callable[[Any], Any]:
    """Pools height and width, then depth: a maximum is one of maxima, and a mean of equally many
    is one of means. With SAME too, where a window is cut off along each axis by itself."""

    def pooled(volumes: Any) -> Any:
        from keras import ops

        pool, last = getattr(ops, name), {"data_format": "channels_last"}
        count, depth, height, width, channels = volumes.shape
        planes = ops.reshape(volumes, (count * depth, height, width, channels))
        planes = pool(planes, layer.pool_size[1:], layer.strides[1:], layer.padding, **last)
        _, height, width, _ = planes.shape
        columns = ops.reshape(planes, (count, depth, height * width, channels))
        size, stride = (layer.pool_size[0], 1), (layer.strides[0], 1)
        columns = pool(columns, size, stride, layer.padding, **last)
        return ops.reshape(columns, (count, columns.shape[1], height, width, channels))

    return pooled
