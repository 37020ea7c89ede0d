"""Who gives machines: pure text to text; shell.py alone runs processes."""
