"""What each family is trained for: which losses there are, and what is drawn. The training loop knows no family."""

from training.objectives.base import ADVERSARIAL, LOSSES, Objective, Schedule

__all__ = ["ADVERSARIAL", "LOSSES", "Objective", "Schedule"]
