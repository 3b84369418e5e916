"""Pictures for who watches a drone now: the words on the wire, their pace, and the drone's way to send."""
