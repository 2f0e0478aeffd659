"""The documentation site: ``make docs`` builds it into ``build/site``, with pictures and tables made anew."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

HERE = Path(__file__).parent
GENERATED = HERE / "generated"
sys.path.insert(0, str(HERE))

project = "bsep-stream"
author = "the bsep-stream authors"
version = release = version_of("bsep-stream")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["generated"]
suppress_warnings = ["myst.header"]  # sections of the README begin where their page says
myst_heading_anchors = 3

autodoc_typehints = "none"  # the docstrings say it, with shapes
autodoc_member_order = "groupwise"  # classes and functions before constants
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
default_role = "code"
copybutton_prompt_text = r"\$ |>>> |\.\.\. "  # is not copied, and neither is what a command or an expression answers
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"bsep-stream {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = html_show_copyright = False
html_copy_source = False


def generate(_app: Sphinx) -> None:
    """Draw and write what the pages include."""
    from drawings import draw_all
    from generated_pages import write_all
    from quality_drawings import draw_quality

    draw_all(GENERATED)
    draw_quality(GENERATED, HERE / "laboratory.md")
    write_all(GENERATED, HERE.parent / "README.md")


def mark_code(_app: Sphinx, what: str, _name: str, _found: object, _options: object, lines: list[str]) -> None:
    """Indented text after a colon or comma is code in our docstrings; reStructuredText wants two colons."""
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # nothing; else napoleon takes what stands before a colon in the first line for a type
    for i in range(len(lines) - 3, -1, -1):
        line, blank, text = lines[i : i + 3]
        if line.endswith((":", ",")) and not blank.strip() and _indent(text) > _indent(line):
            lines[i + 1 : i + 1] = ["", " " * _indent(line) + "::"]


def check_offline(app: Sphinx, error: Exception | None) -> None:
    """A page that opens from the disk of a train loads nothing from the web."""
    loading = re.compile(r"""<(?:script|img|audio|iframe|link)[^>]*?(?:src|href)=["']?(?:https?:)?//[^"'\s>]*""")
    found = {hit for page in Path(app.outdir).rglob("*.html") for hit in loading.findall(page.read_text("utf-8"))}
    if found and error is None:
        raise ExtensionError(f"pages load from the web: {sorted(found)}")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip()) if line.strip() else 0


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", generate)
    app.connect("build-finished", check_offline)
    app.connect("autodoc-process-docstring", mark_code, priority=400)  # before napoleon
