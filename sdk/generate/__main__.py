#!/usr/bin/env python3
"""Writes the generated parts of the SDKs: their types, their operations and the codes of problems.

    python3 sdk/generate [--check]

With --check nothing is written, and the program fails if a file is not what it would write. It needs Python 3.10 alone.
"""

from __future__ import annotations

import sys

import document
import go
import java
import php
import python
import typescript

LANGUAGES = (typescript, python, php, go, java)


def main() -> int:
    api = document.read()
    stale = []
    for language in LANGUAGES:
        for path, content in language.files(api).items():
            file = document.ROOT / "sdk" / path
            if file.exists() and file.read_text(encoding="utf-8") == content:
                continue
            stale.append(path)
            if "--check" not in sys.argv:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content, encoding="utf-8")
    for path in stale:
        print(f"sdk/{path}: " + ("not up to date, run python3 sdk/generate" if "--check" in sys.argv else "written"))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
