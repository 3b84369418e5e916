"""The flight recorder, and the replay of what it kept."""
