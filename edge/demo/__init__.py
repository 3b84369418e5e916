"""The demo: the real programs over virtual hardware, and a judge that knows where the fires are."""
