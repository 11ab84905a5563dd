"""Where a model is tried beyond the inputs that are looked at layer by layer."""
