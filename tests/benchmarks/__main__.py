"""``make bench``: every benchmark, or those that are named, one after the other.

Each is a module with a `main` and can be run alone, with sizes of its own:
``python -m tests.benchmarks.line --help``.
"""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import tests.benchmarks


def main() -> int:
    """Run them in processes of their own, so that none inherits another's memory."""
    names = [each.name for each in pkgutil.iter_modules(tests.benchmarks.__path__)]
    known = sorted(name for name in names if not name.startswith("_"))
    wanted = sys.argv[1:] or known
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    failed = []
    for name in wanted:
        print(f"\n== {name} ==", flush=True)
        if subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"]).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
