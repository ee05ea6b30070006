"""What users subclass: callbacks that are span processors, and the doors through which they hear."""
