"""From a pixel to a place on the ground: optics, pose, rays, terrain, and the error of it all."""
