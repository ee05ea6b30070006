"""Trace files without a server: read once for the page, the terminal, the numbers and a server to send them to."""
