"""The whole chain for a long time at real speed, while one thing after another goes wrong."""
