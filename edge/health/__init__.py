"""Whether the agent would see a fire, and how its computer is."""
