"""The kinds of errors that a user can mend."""

from __future__ import annotations

import bsep_stream.errors
from bsep_stream.errors import BsepError


def test_every_error_is_a_value_error() -> None:
    kinds = [kind for kind in vars(bsep_stream.errors).values() if isinstance(kind, type)]
    assert len(kinds) > 5
    assert all(issubclass(kind, BsepError) and issubclass(kind, ValueError) for kind in kinds)
