"""face-vid2vid (Wang et al., CVPR 2021, arXiv:2011.15126): implicit points in space, a volume of features."""
