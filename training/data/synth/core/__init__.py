"""What every kind of synthetic figure shares: seeds, rasteriser, truth, backdrops, lenses."""
