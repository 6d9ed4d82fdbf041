"""What a change of a sequence reaches in a network, computed by what its layers say of themselves.

``plan`` cuts a network into steps on windows, a readout and the rest; ``steps`` carry changed windows through
layers; ``readout`` makes vectors of them.
"""
