"""What an experiment found: rows, their summaries, evidence, and what models were trained on."""
