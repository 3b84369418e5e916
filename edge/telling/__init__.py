"""What others hear of the agent: alerts with pictures, its state, its ground, the live view."""
