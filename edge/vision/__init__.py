"""Seeing, in a process of its own: camera and detector may hang or crash and take nothing else along."""
