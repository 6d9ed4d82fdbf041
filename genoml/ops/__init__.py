"""The few array operations that the standard lacks, each written once with standard functions."""
