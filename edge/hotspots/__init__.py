"""Sightings of one thing over time: which is which, where it burns, how surely, and what is known already."""
