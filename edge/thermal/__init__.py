"""The thermal camera: frames of temperatures, the hot spots on them, and pictures that people can read."""
