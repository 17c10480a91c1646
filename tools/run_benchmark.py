"""List the benchmarks, or run one: `./adgps bench [NAME [ARGUMENT ...]]`."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


def benchmarks() -> dict[str, str]:
    """First sentence of what each benchmark says of itself, by name."""
    return {path.stem: _summary(path) for path in sorted(FOLDER.glob("*.py"))}


def _summary(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[0].replace("\n", " ")


def main(arguments: list[str]) -> int:
    """Exit status; does not return if a benchmark is run."""
    known = benchmarks()
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: ./adgps bench NAME [ARGUMENT ...]\n")
        width = max(map(len, known))
        for name, summary in known.items():
            print(f"  {name:{width}}  {summary}")
        print("\n./adgps bench NAME --help tells more of one.")
        return 0
    name = arguments[0].removesuffix(".py")
    if name not in known:
        print(f"adgps bench: no benchmark {name!r}, known: {', '.join(known)}", file=sys.stderr)
        return 2
    os.execv(sys.executable, [sys.executable, str(FOLDER / f"{name}.py"), *arguments[1:]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
