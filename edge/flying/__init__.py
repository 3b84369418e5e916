"""The flight side of the agent: patrol, look again, orders, traffic. Every order passes the arbiter."""
