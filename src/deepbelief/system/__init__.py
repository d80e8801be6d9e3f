"""The machine: devices, precisions, memory, and files that are whole or not there."""
