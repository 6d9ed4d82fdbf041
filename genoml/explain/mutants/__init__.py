"""Mutants in windows: computing only what a change of the sequence reaches, by the layers' receptive fields.

``plan`` divides a network into steps on windows, a readout and the rest; ``steps`` computes changed windows
layer by layer; ``readout`` makes vectors of them; ``windows`` holds them.
"""
