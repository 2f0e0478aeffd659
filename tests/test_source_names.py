"""Names of sources, as they stand behind `--sources`."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from bsep_stream.errors import ConfigError
from bsep_stream.train.runs.sources import parse_sources, sources_text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("violin,violin", "must be different names"),
        ("violin,Violin", "must be different names"),
        ("violin", "2 to 4 names"),
        ("a,b,c,d,e", "2 to 4 names"),
        ("violin,", "1 to 40 letters"),
        ("violin,../oboe", "1 to 40 letters"),
        ("violin,residual", "cannot be called residual"),
        ("violin,input", "cannot be called input"),
        ("violin,Master", "cannot be called Master"),
        ("violin,Remix", "cannot be called Remix"),
        ("violin,con", "Windows has no such file"),
        ("violin,LPT1", "Windows has no such file"),
        ("violin,piano:5", "1 to 4"),
        ("violin,piano:", "1 to 4"),
        ("violin,piano:four", "1 to 4"),
    ],
)
def test_sources_that_make_no_sense_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse_sources(text)


def test_sources_may_have_spaces_around_them() -> None:
    assert parse_sources("recorder, viola_2 ,Flöte") == (("recorder", "viola_2", "Flöte"), (1, 1, 1))


def test_sources_may_have_several_tones() -> None:
    names, polyphony = parse_sources("violin, piano:4")
    assert (names, polyphony) == (("violin", "piano"), (1, 4))
    assert sources_text(names, polyphony) == "violin,piano:4"
