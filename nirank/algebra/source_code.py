"""What code is made of: the sources that nobody has installed, and what a class got from around it."""

from __future__ import annotations

import ast
import hashlib
import inspect
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

_LOST = "its source cannot be read, so nothing that it computes could be found again; define it in a file"
_PLAIN = (bool, int, float, str, bytes, type(None))


def collect_sources(modules: Iterable[str]) -> dict[str, str]:
    """Return {module: source} of modules that are files of nobody's distribution, and of all such that they import.

    Imports inside of functions count too. Packages that are installed, Python's own library and nirank have versions.
    """
    sources: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        file = _find_file(name)
        if file is None or _name_module(name, file) in sources or name.split(".")[0] == "nirank" or _is_installed(file):
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        sources[_name_module(name, file)] = text
        waiting += _list_imports(text, name, file)
    return dict(sorted(sources.items()))


def describe_code(kind: type[Any], files: Mapping[str, str]) -> list[Any]:
    """Return what a class is beside the sources of its files, as JSON values.

    Values that a factory or a default gave to it or its methods; of a class without a file, the methods' lines and
    those of what they use. Raises ValueError for a value that cannot be written down, and for lines that are lost.
    """
    file = _find_file(kind.__module__)
    seen: set[Any] = set()
    file_known = file is not None and _name_module(kind.__module__, file) in files
    plain = {name: value for name, value in vars(kind).items() if name[:2] != "__" and _is_plain(value)}
    attributes = [[name, _write_plain(value)] for name, value in sorted(plain.items())]
    functions = [(name, function) for name, value in sorted(vars(kind).items()) for function in _list_functions(value)]
    methods = [
        [name, _describe_function(function, file_known, seen)]
        for name, function in functions
        if function.__code__.co_filename != "<string>"
    ]
    if not file_known and not methods and file is None:
        raise ValueError(_LOST)
    return [attributes, methods]


def _describe_function(function: FunctionType, file_known: bool, seen: set[Any]) -> list[Any]:
    """Return what a function is: its lines unless its whole file is known, its defaults, and what it closes over."""
    if function in seen:
        return []
    seen.add(function)
    names_used: dict[str, Any] = dict(zip(function.__code__.co_freevars, _read_cells(function), strict=True))
    names_used.pop("__class__", None)  # of super()
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    if not file_known:
        names_used |= {
            name: function.__globals__[name]
            for name in sorted(_list_names(function.__code__))
            if name in function.__globals__
        }
    parts = [[name, _describe_value(name, value, file_known, seen)] for name, value in sorted(names_used.items())]
    parts.append(["defaults", [_describe_value("a default", value, file_known, seen) for value in defaults]])
    return [parts] if file_known else [_read_lines(function), parts]


def _describe_value(name: str, value: Any, file_known: bool, seen: set[Any]) -> Any:
    """Return a value that a function uses, in JSON: functions by what they are, modules by name."""
    if _is_plain(value):
        return _write_plain(value)
    if isinstance(value, ModuleType):
        return value.__name__
    module = getattr(value, "__module__", None) or ""
    if isinstance(value, FunctionType):
        return module if has_version(module) else _describe_function(value, file_known, seen)
    if isinstance(value, type):
        if has_version(module) or value in seen:
            return [module, value.__qualname__]
        seen.add(value)
        methods = [method for _, item in sorted(vars(value).items()) for method in _list_functions(item)]
        return [
            _describe_function(method, file_known, seen)
            for method in methods
            if method.__code__.co_filename != "<string>"
        ]
    if isinstance(value, np.ndarray) and value.dtype != object:
        return [value.dtype.str, list(value.shape), hashlib.blake2b(value.tobytes(), digest_size=16).hexdigest()]
    origin = type(value).__module__.split(".")[0]
    if (origin == "nirank" or origin in sys.stdlib_module_names) and " at 0x" not in repr(value):
        return repr(value)
    if callable(value):  # of a library, such as a compiled function
        return [type(value).__name__, getattr(value, "__name__", "")]
    raise ValueError(
        f"its code uses '{name}', a {type(value).__name__} from outside of it, which no identity can state; make it an"
        " option of the stage, or load it inside"
    )


def has_version(module: str) -> bool:
    """Tell whether a module is nirank's, Python's own, or of an installed distribution."""
    file = _find_file(module) if module else None
    return module.split(".")[0] in {"nirank", *sys.stdlib_module_names} or (file is not None and _is_installed(file))


def _read_lines(function: FunctionType) -> str:
    try:
        return inspect.getsource(function)
    except OSError:
        raise ValueError(_LOST) from None


def _list_functions(value: Any) -> Iterator[FunctionType]:
    """Yield the functions of a class's attribute: a method, or what a property or a decorator holds."""
    if isinstance(value, property):
        value = value.fget
    value = getattr(value, "__func__", getattr(value, "func", value))
    if isinstance(value, FunctionType):
        yield value


def _read_cells(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not yet given
            yield None


def _list_names(code: Any) -> set[str]:
    nested = [constant for constant in code.co_consts if hasattr(constant, "co_names")]
    return set(code.co_names).union(*map(_list_names, nested))


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):
        return all(_is_plain(key) and _is_plain(item) for key, item in value.items())
    return isinstance(value, _PLAIN)


def _write_plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return ["set", *sorted(map(repr, value))]
    if isinstance(value, Mapping):
        return [[_write_plain(key), _write_plain(item)] for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [_write_plain(item) for item in value]
    return repr(value) if isinstance(value, (bytes, float)) else value


def _name_module(name: str, file: Path) -> str:
    return file.stem if name == "__main__" else name  # a file that is run, and one that is imported, are the same


def _find_file(name: str) -> Path | None:
    """Return the Python file of a module, loaded or not; importing nothing; None where there is none."""
    module = sys.modules.get(name)
    path = getattr(module, "__file__", None) if module is not None else getattr(_find_spec(name), "origin", None)
    return Path(path) if isinstance(path, str) and path.endswith(".py") else None


def _find_spec(name: str) -> ModuleSpec | None:
    parent = name.rpartition(".")[0]
    places: Iterable[str] | None = None
    if parent:
        loaded = sys.modules.get(parent)
        places = getattr(loaded or _find_spec(parent), "__path__" if loaded else "submodule_search_locations", None)
        if places is None:
            return None
    with suppress(ImportError, ValueError):
        return PathFinder.find_spec(name, None if places is None else list(places))
    return None


@cache
def _list_install_folders() -> tuple[Path, ...]:
    paths = [sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple({Path(path).resolve() for path in (*paths, *site.getsitepackages(), site.getusersitepackages())})


def _is_installed(file: Path) -> bool:
    return any(file.resolve().is_relative_to(place) for place in _list_install_folders())


def _list_imports(text: str, name: str, file: Path) -> Iterator[str]:
    """Yield the modules that a source imports anywhere, and the packages that they are in."""
    try:
        tree = ast.parse(text)
    except SyntaxError:  # edited since
        return
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            modules = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for module in modules:
            parts = module.split(".")
            yield from (".".join(parts[: end + 1]) for end in range(len(parts)))
