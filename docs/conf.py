"""Configuration of the documentation. Built with ``make docs``; needs no network."""

from __future__ import annotations

import html
import importlib.metadata
import re

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.util import logging

logger = logging.getLogger(__name__)

project = "ilk"
author = "The ilk authors"
project_copyright = "2026, The ilk authors"
release = importlib.metadata.version("ilk")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
default_role = "code"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "ilk"
html_static_path = ["_static"]
html_css_files = ["ilk.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False


def _mathml(node, as_block):
    # MathML needs no \big and its kin; the converter knows neither these nor \frac12 nor x_{m'}.
    tex = re.sub(r"\\[Bb]igg?[lr]?(?![a-zA-Z])", "", node.astext())
    tex = re.sub(r"(\\[td]?frac)(\d)(\w)", r"\1{\2}{\3}", tex)
    tex = re.sub(r"'+", lambda m: "^{" + r"\prime" * len(m[0]) + "}", tex)
    if "\\\\" in tex:
        tex = f"\\begin{{aligned}}\n{tex}\n\\end{{aligned}}"
    try:
        return latex2mathml.tex2mathml(tex, as_block=as_block)
    except MathError as error:
        logger.warning("%s in: %s", error, tex, location=node)
        return f"<code>{html.escape(tex)}</code>"


def _inline(self, node):
    self.body.append(_mathml(node, as_block=False))
    raise nodes.SkipNode


def _block(self, node):
    self.body.append(f'<div class="math">{_mathml(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app) -> None:
    """Render mathematics as MathML: browsers draw it without a script or a download."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
