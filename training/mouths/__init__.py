"""The painter of what an opened mouth shows: teeth that a closed mouth hides, learned from photographs of smiles.

    python -m training.mouths --photos FOLDER -o runs/mouth

A photograph of a smile is the target; the same one with its mouth drawn shut is the source (`states`). The network
(`network`) sees the source once and paints a layer of teeth that hangs from the upper lip; the engine
(`runtime/layers/teeth.py`) shows of it what parted lips leave open.
"""
