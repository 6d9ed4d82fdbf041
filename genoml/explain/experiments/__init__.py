"""In-silico experiments: motifs put into backgrounds, sites taken out of sequences, motifs at distances."""
