"""Calibration: a judge earns its place by telling good turns from junk made of them.

`labelled` makes the set, `runner` puts the questions, `measure` turns answers into figures, `gate`
decides, `report` writes it down for a person, `drift` keeps watch over the live stream. Only
`gate` and `drift` belong to the running line; the others load numpy and, for the page, matplotlib
and jinja2, and nothing here imports them unasked.
"""
