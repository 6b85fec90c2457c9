"""What is kept on disk: files that are written whole or not at all, arrays, typed JSON, paths."""
