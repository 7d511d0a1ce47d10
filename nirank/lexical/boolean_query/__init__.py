"""Boolean queries of PubMed and Ovid, as trees: what a systematic review searched with."""
