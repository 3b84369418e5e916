"""Ratios measured in one run, for `make bench`. Not tests: machines are shared, and times are no promise."""
