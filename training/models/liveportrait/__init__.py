"""LivePortrait (Guo et al. 2024, arXiv:2407.03168): implicit points in space, a volume of features, a SPADE generator.

Its warping descends from face-vid2vid (Wang et al., CVPR 2021). Names of sub-modules are those of the published files.
"""
