"""Rich's console, for tables, bars and what is printed above them; only Rich itself speaks to the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from bsep_stream.trust.shown import has_only_plain, shown


class Console(RichConsole):
    """A console in which control characters of names are shown, not sent."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Segments of a renderable."""
        if isinstance(renderable, Text) and not has_only_plain(renderable.plain):
            renderable = self.render_str(renderable.plain, style=renderable.style, markup=False)
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(shown(segment.text, lines=True), segment.style)

    def render_str(self, text: str, **options: Any) -> Text:
        """A line with its markup; all strings that are printed, and those in tables and bars, come by here."""
        return super().render_str(shown(text), **options)
