"""What a training run takes, whether the hosts have it, and what would fit if not.

All of it is arithmetic over the settings and a model's shape; nothing is loaded and no torch is
imported. `shape_of` reads a shape, `hosts_of` says which machines, `plan` says what it takes, and
`job_of` turns a plan that fits into what a rank is told.
"""
