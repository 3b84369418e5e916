"""Virtual hardware: a drone, a world and a camera that let everything run with none of it.

A stand-in for demo and tests. The camera's projection (``lens``, ``pose``, ``frame``) is written apart from
the agent's, so that a mistake in one cannot hide behind the same mistake in the other.
"""
