"""Pairs of frames for training: real clips, packed synthetic shards, or heads rendered on the fly."""
