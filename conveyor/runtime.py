"""Where the workers' modules lie, and how a process takes them before anybody else's of the name.

They are called `config`, `tasks`, `web` and `workers`, as an application's own modules often are.
So a wheel has them in a folder below the library, which is on no path. A process of ours enters it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from typing import Final

from conveyor.errors import SettingsError

__all__ = ["PACKAGES", "enter", "find", "take"]

PACKAGES: Final = ("config", "tasks", "web", "workers")
"""What a worker and the web process are made of."""

_LIBRARY: Final = Path(__file__).absolute().parent
# In a wheel, and in a checkout.
_PLACES: Final = (_LIBRARY / "_runtime", _LIBRARY.parent)


def find(places: Iterable[Path] = _PLACES) -> Path:
    """Find the folder that holds the workers' packages, of the same version as this library.

    Args:
        places: Where they may lie.

    Returns:
        Its path.

    Raises:
        SettingsError: This installation has none.
    """
    for place in places:
        if all((place / name / "__init__.py").is_file() for name in PACKAGES):
            return place
    raise SettingsError(
        f"the workers' modules are missing beside {_LIBRARY}. Install conveyor-convertapi again"
    )


def enter(place: Path, *more: str) -> None:
    """Have this process, and those that it spawns, import the packages from there.

    The packages are imported at once, so that where their modules lie is settled. The working
    directory comes last: it may be an application's, with a `redis.py` of its own. It is not left
    out, because Celery would then put it before everything else whenever it imports tasks.

    Args:
        place: The folder.
        more: Packages there beside `PACKAGES`.
    """
    path, last = str(place), _working_directory()
    between = [each for each in sys.path if each not in (path, last, "")]
    sys.path[:] = [path, *between, *([last] if last not in ("", path) else [])]
    for name in (*PACKAGES, *more):
        take(place / name)


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it has been removed
        return ""


def take(folder: Path) -> None:
    """Import a package from its folder, whatever the path has under its name.

    Args:
        folder: The package's.
    """
    name = folder.name
    if _is_from(folder):
        return
    for module in [each for each in sys.modules if f"{each}.".startswith(f"{name}.")]:
        del sys.modules[module]
    code = str(folder / "__init__.py")
    loader = SourceFileLoader(name, code)
    spec = ModuleSpec(name, loader, origin=code, is_package=True)
    spec.has_location = True
    spec.submodule_search_locations = [str(folder)]
    sys.modules[name] = module_from_spec(spec)
    loader.exec_module(sys.modules[name])


def _is_from(folder: Path) -> bool:
    loaded = sys.modules.get(folder.name)
    return str(folder) in list(getattr(loaded, "__path__", ()))
