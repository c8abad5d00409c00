"""The functions' packages and the umoja program, built or given."""

import os
from pathlib import Path

from .programs import Programs
from .progress import Failed


def packages(repository: Path, given: Path | None, directory: Path, names: list[str], programs: Programs) -> Path:
    """The directory of the functions' zips."""
    dist = given.resolve() if given else directory / "dist"
    if given is None:
        programs.run([str(repository / "lambda" / "package"), str(dist)], repository, dict(os.environ),
                     log=directory / "package.log")
    missing = [name for name in names if not (dist / f"{name}.zip").is_file()]
    if missing:
        raise Failed(f"{dist} has no package of {', '.join(missing)}")
    return dist


def umoja(repository: Path, given: Path | None, directory: Path, programs: Programs) -> Path:
    """The umoja program."""
    if given is None:
        programs.run(["cargo", "build", "--release", "--locked", "--package", "umoja-cli", "--features", "aws"], repository, dict(os.environ),
                     log=directory / "umoja-build.log")
        given = Path(os.environ.get("CARGO_TARGET_DIR", repository / "target")) / "release" / "umoja"
    if not given.is_file():
        raise Failed(f"{given} does not exist")
    return given.resolve()
