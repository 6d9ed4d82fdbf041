"""Self-attention: the layer, and its parts: projections to heads, scores, and encodings of position."""
