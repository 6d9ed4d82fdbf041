"""Motifs: a factor's binding preference as a matrix, its scores, and the search for it on sequences."""
