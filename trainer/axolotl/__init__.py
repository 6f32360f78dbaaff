"""The backend axolotl: its configuration, its data, and a rank that runs it.

axolotl pins its own versions of everything, so it has a Python of its own (`train.python`, or
`python` of a host), in which clawback is installed without extras. The launcher starts
`trainer.axolotl.rank` on every host as it starts `trainer.rank`.
"""
