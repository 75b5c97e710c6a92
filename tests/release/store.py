"""Makes a relay's store one of another version, while no relay runs.

    store.py older FILE     the store that store-5.sql holds, of an older relay, with one account: alice
    store.py newer FILE     what is there, as if a newer relay had brought it up
    store.py current FILE   takes `newer` back
"""

import sqlite3
import sys
from pathlib import Path

# Above any version that there will be.
NEWER = 1_000_000


def main():
    kind, file = sys.argv[1], Path(sys.argv[2])
    if kind == "older":
        for end in ["", "-wal", "-shm"]:
            file.with_name(file.name + end).unlink(missing_ok=True)
    store = sqlite3.connect(file)
    (version,) = store.execute("PRAGMA user_version").fetchone()
    if kind == "older":
        store.executescript(Path(__file__).with_name("store-5.sql").read_text(encoding="utf-8"))
    elif kind == "newer":
        store.execute(f"PRAGMA user_version = {version % NEWER + NEWER}")
    else:
        store.execute(f"PRAGMA user_version = {version % NEWER}")
    store.commit()
    store.close()


main()
