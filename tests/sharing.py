"""Run by several processes: `python -m sharing FOLDER COUNT [VICTIM]` shares out a sum of thirds.

Every process writes down what it has computed. The victim is killed in the middle, once.
"""

import os
import signal
import sys
import time
from pathlib import Path

from ilk.processes import first, leave, share


def main() -> None:
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    victim = int(sys.argv[3]) if len(sys.argv) > 3 else -1
    log = folder / f"log-{os.getpid()}"

    def third(n: int) -> float:
        killed = folder / "killed"
        if n == victim and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
        return n / 3

    def progress(done: int, total: int) -> None:
        with log.open("a") as file:
            print(done, total, file=file)

    items, keys = list(range(number)), [str(n) for n in range(number)]
    found = share(third, items, "thirds", keys, folder / "kept", progress)
    again = share(lambda n: n, items, "again", keys)
    if first():
        assert again == items
        (folder / "found").write_text(repr(found))
    leave()


if __name__ == "__main__":
    main()
