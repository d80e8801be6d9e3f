"""The machine: devices, precisions, memory, and atomic writes of files."""
