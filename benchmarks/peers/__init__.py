"""What a person would use instead: each a script that trains by itself and prints what it measured as JSON."""
