"""Starting a run on one or several hosts, and leaving nothing behind.

    launcher (`python -m trainer.launch`)       on the machine that drives
      └─ agent (`trainer.launch.host`)          one a host; its standard input is its life line
           └─ torchrun (`trainer.launch.torchrun`)
                └─ ranks (`trainer.launch.rank`, which become `trainer.rank`)

Whatever is killed, what stands below it ends. A remote agent is a child of ssh: this process opens
no socket, as macOS lets some Pythons reach nothing in the local network and says nothing.
"""
