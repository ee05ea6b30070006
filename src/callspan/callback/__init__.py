"""What users subclass: callbacks that are span processors, and the ways to register them."""
