"""Pairwise alignment with affine gaps: scoring, one pair with its alignment, many pairs at once."""
