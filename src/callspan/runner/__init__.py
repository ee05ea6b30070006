"""A program under `callspan run`: its options, its tracer provider, its trace file, its end."""
