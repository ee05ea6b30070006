"""What the doctor looks at: one file each, and the table of them in `cli/doctor.py`."""
