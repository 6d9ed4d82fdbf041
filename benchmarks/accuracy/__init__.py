"""Accuracy on public data sets, beside published tools: one data set a file."""
