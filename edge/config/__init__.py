"""The one configuration file: its tables, and what to say where it is wrong."""
