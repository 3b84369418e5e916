"""A virtual multicopter that speaks MAVLink as ArduCopter does: a stand-in for demo and tests."""
