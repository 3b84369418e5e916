"""Patrols as a team plans them: files, footprints and what is flown in the end."""
