"""What is known of a system on a collection: rows, evidence, and what models were trained on."""
