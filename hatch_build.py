"""Builds the codec's compiled fast road (`streams/codec/_native.pyx`) with the package, where a C compiler is.

Without one the package is complete all the same: the Python twins in `streams/codec/` do that work, slower.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE = "streams.codec._native"
SOURCE = Path("streams/codec/_native.pyx")


class CompiledCodec(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles in place and adds the library to the wheel, which then is one for this platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the hook's signature
        if self.target_name != "wheel":
            return
        library = self._compiled(Path(self.root))
        if library is None:
            return
        build_data["force_include"][str(library)] = f"{SOURCE.parent}/{library.name}"
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def _compiled(self, root: Path) -> Path | None:
        from Cython.Build import cythonize
        from setuptools import Distribution, Extension
        from setuptools.errors import BaseError

        flags = [] if sys.platform == "win32" else ["-O2", "-g0"]
        with TemporaryDirectory(prefix="tieout-build-") as folder:
            extension = Extension(MODULE, [str(SOURCE)], extra_compile_args=flags)
            modules = cythonize([extension], build_dir=folder, quiet=True)
            command = Distribution({"ext_modules": modules, "packages": []}).get_command_obj("build_ext")
            command.build_temp, command.build_lib = folder, str(root)
            try:
                command.ensure_finalized()
                command.run()
            except BaseError as failure:
                self.app.display_warning(f"no compiled codec, the Python one does its work: {failure}")
                return None
            return root / command.get_ext_filename(MODULE)
