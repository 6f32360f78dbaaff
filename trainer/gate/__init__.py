"""The evaluation gate: a model serves only once it has shown that it is better.

`trainer.gate.measure` looks at the models, in a process of its own; `decide` is pure; `conclude`
reads what was measured and judged, decides and writes the report.
"""
