"""Traces without a server: what stands in a trace file, read once for the page, the terminal and the numbers."""
