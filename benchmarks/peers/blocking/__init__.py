"""One task that holds its slot until the file is there."""
