"""DOI and PMID inside what databases write around them."""

from __future__ import annotations

import re

_DOI = re.compile(r"10\.\d{4,9}(?:\.\d+)*/\S+", re.IGNORECASE)
_PMID = re.compile(
    r"(?:.*\bpubmed(?:\.ncbi\.nlm\.nih\.gov)?(?:/|\s*:?\s*)|pmid:?\s*)?(\d{1,8})(?:/|\.0)?", re.IGNORECASE
)


def find_doi(text: str) -> str:
    """Return the DOI in a text, without `https://doi.org/` or `doi:` before it; '' where there is none."""
    match = _DOI.search(text)
    return "" if match is None else match[0].rstrip(".,;)")


def find_pmid(text: str) -> str:
    """Return the PMID that a text is: digits, `PMID: 123`, `PUBMED 123` or its address; '' for anything else."""
    match = _PMID.fullmatch(text.strip())
    return "" if match is None else match[1]
