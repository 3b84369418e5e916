"""What there is to see: country, fires, smoke, light and look-alikes, all from a seed."""
