"""What may go wrong, tried many times over: `python -m benchmarks.faults`."""
