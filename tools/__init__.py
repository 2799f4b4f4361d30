"""What maintainers run: the sandbox with its demos, the benchmarks, and releases."""
