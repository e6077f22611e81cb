"""Hostile titles: how far they move a model, and which of a catalogue are suspicious."""

from evals.audit.corpus import TitlePair, hostile_titles
from evals.audit.findings import TitleAudit
from evals.audit.measuring import audit_titles
from evals.audit.placing import users_of
from evals.audit.suspicious import suspicious_titles

__all__ = [
    "TitleAudit",
    "TitlePair",
    "audit_titles",
    "hostile_titles",
    "suspicious_titles",
    "users_of",
]
