"""Attention: projections to heads, scores, positions, and the layer made of them."""
