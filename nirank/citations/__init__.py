"""Citations of acts in texts: what names a law, as which identifier, and where.

Nothing here knows collections or stages; texts and titles in, references and identifiers out.
"""
