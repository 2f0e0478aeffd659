"""Packages that are functions too: ``bsep_stream.train`` and ``bsep_stream.export``."""

from __future__ import annotations

from importlib import import_module
from inspect import Signature, signature
from types import ModuleType
from typing import Any


class CallablePackage(ModuleType):
    """A package that can be called; its ``function_home`` names the function, ``"package.module:name"``.

    Importing any ``bsep_stream.train.x`` binds the name ``bsep_stream.train`` to the package, whatever was there. So
    that ``from bsep_stream import train`` is a function nevertheless, the package itself can be called, for which
    Python lets a module take another class. The function is imported only then, as it may need what is heavy.
    """

    function_home: str

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._function()(*args, **options)

    @property
    def __signature__(self) -> Signature:
        return signature(self._function())

    def _function(self) -> Any:
        module, _, name = self.function_home.partition(":")
        return getattr(import_module(module), name)
