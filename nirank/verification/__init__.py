"""Verification: whether an experiment still gives the scores that it is known for."""

from nirank.verification.check import Check, check_scores
from nirank.verification.verification import Verification, verify

__all__ = ["Check", "Verification", "check_scores", "verify"]
