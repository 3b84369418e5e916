"""How a camera sees it: rays over the relief, texture, air, and flames and smoke in front."""
