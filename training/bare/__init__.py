"""One command that trains on a bare GPU machine: torch, numpy, safetensors and accelerate, no network, little time.

    python -m training.bare faces --output OUT --minutes 9

renders its data there (`rendering`), drives `training.trainer.Trainer` until the clock says stop, and leaves what is
worth bringing home in files small enough to be brought (`parts`, `carried`, `curves`). `docs/training.md` says how.
"""
