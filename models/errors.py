"""What can be wrong with a model."""

from __future__ import annotations

from flight.errors import EmberwatchError


class ModelError(EmberwatchError):
    """A model file is missing, unreadable, or not a detector that this runtime understands."""
