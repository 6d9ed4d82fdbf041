"""Motif discovery: on planted motifs, whose sites are known, and beside modisco-lite on real contributions."""
