"""Damages every kind of file that slimfix reads, and holds it to one clear error each."""
