"""Charts of a report: each kind is a function from records to a Vega-Lite specification, in a file of its own."""
