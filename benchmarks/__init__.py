"""What measures speed and memory; `python -m benchmarks --help`. Quoted figures are in RESULTS.md."""
