"""The virtual world as a thermal camera sees it: how warm things are at which hour, and what a core shows."""
