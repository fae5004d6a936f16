"""How good a model is: the papers' metrics, those only synthetic truth allows, and a report (docs/evaluation.md)."""
