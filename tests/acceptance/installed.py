"""A clean environment that holds a wheel, and of all else only what the wheel says it requires.

What it requires is linked from the environment of these tests, where `constraints.txt` has chosen
the releases. So nothing is fetched, and what a wheel forgets to require is missing all the same.
"""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from email import message_from_bytes
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

_BESIDE_MODULES = (".pth", "__pycache__")


def environment_with(folder, *wheels, extras=()):
    """Make one in this folder, with these wheels and these extras of the first.

    Returns:
        Its folder of programs.
    """
    venv.create(folder, symlinks=True)
    programs = folder / "bin"
    # Before anything is linked: pip would write through the links into the tests' own environment.
    _install(wheels, programs / "python")
    (site,) = folder.glob("lib/python*/site-packages")
    for name in _closure(dict(map(_required_by, wheels)), extras):
        _link(distribution(name), site)
    return programs


def _install(wheels, python):
    line = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
    offline = ["--disable-pip-version-check", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run([*line, *offline, *map(str, wheels)], check=True)


def _required_by(wheel):
    """Its name, and what it requires."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    return metadata["Name"], metadata.get_all("Requires-Dist")


def _closure(ours, extras):
    """The names of all that is required, and of what that requires, without the wheels' own."""
    found = set()
    new = {(name, "") for name in ours} | {(next(iter(ours)), extra) for extra in extras}
    while new - found:
        name, extra = (new - found).pop()
        found.add((name, extra))
        known = ours[name] if name in ours else distribution(name).requires or ()
        for each in map(Requirement, known):
            if each.marker is None or each.marker.evaluate({"extra": extra}):
                new |= {(each.name, wanted) for wanted in ("", *each.extras)}
    return {name for name, _ in found} - set(ours)


def _link(installed, site):
    """Have its modules, and what describes it, in another folder of packages."""
    for top in {path.parts[0] for path in installed.files if path.parts[0] != ".."}:
        link = site / top
        if not top.endswith(_BESIDE_MODULES) and not link.exists():
            link.symlink_to(Path(installed.locate_file(top)))
