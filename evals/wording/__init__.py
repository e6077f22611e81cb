"""What was found, in sentences computed from the figures."""

from evals.wording.runs import findings, headline, lead

__all__ = ["findings", "headline", "lead"]
