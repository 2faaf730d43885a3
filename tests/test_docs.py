"""The documentation is true: its Python runs, and its commands have the options that it names."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.M | re.S)


def commands(page: Path) -> list[list[str]]:
    """The commands of a page, an argument list each; a backslash goes on with a line."""
    text = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    return [words for line in text.splitlines() if (words := shlex.split(line, comments=True))]


@cache
def help_of(*words: str) -> str:
    """What ``ilk WORDS --help`` prints."""
    import contextlib
    import io

    from ilk.cli import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as stop:
        raise SystemExit(main([*words, "--help"]) or 0)
    assert stop.value.code in (0, None)
    return out.getvalue()


with_python = [page for page in PAGES if blocks(page, "python")]
with_ilk = [page for page in PAGES if any("ilk" in line for line in commands(page))]


def named(page: Path) -> str:
    return page.name


@pytest.mark.parametrize("page", with_python, ids=named)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict = {"__name__": "__docs__"}
    for number, block in enumerate(blocks(page, "python")):
        exec(compile(block, f"{page.name}[{number}]", "exec"), namespace)


@pytest.mark.parametrize("name", ["README.md", "docs/index.md", "docs/quickstart.md"])
def test_what_a_stranger_copies_runs(name: str) -> None:
    """The pages that are read first hold no Python but that which `test_python_runs` runs."""
    page = ROOT / name
    fences = re.findall(r"^```(.*)$", page.read_text(), re.M)
    assert page in with_python
    assert {f for f in fences if "py" in f.lower()} == {"python"}


@pytest.mark.parametrize(
    "name", ["README", "index", "quickstart", "howto_glyphs", "protocol", "few_shot", "cli"]
)
def test_a_page_of_figures_says_which_way_is_better(name: str) -> None:
    """A stranger learns what a nat is, or where that is said, and that lower is better."""
    text = next(page for page in PAGES if page.stem == name).read_text()
    assert re.search(r"lower is\s+(\*\*)?(better|likelier)", text, re.I), "which way is better?"
    assert "1.44 bits" in text or "glossary.md" in text, "what is a nat?"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_is_shown_alone_imports_what_exists(page: Path) -> None:
    """Blocks that need data or a network do not run, but are Python whose imports are there."""
    for block in blocks(page, r"\{code-block\} python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(str(node.module))
                missing = [n.name for n in node.names if not hasattr(module, n.name)]
                assert not missing, f"{page.name}: {node.module} has no {missing}"


@pytest.mark.parametrize("page", with_ilk, ids=named)
def test_commands_exist(page: Path) -> None:
    for words in commands(page):
        if "ilk" not in words:
            continue
        verb, *rest = words[words.index("ilk") + 1 :]
        known = help_of(verb)
        if verb == "train":  # its options belong to its recipes
            known += help_of(verb, "folder" if rest[0].startswith("-") else rest[0])
        for word in rest:
            if word.startswith("--"):
                flag = word.split("=")[0]
                assert re.search(rf"{flag}\b", known), f"ilk {verb} has no {flag}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for words in commands(page):
        if words[0] == "make":
            goals = {w for w in words[1:] if "=" not in w}
            assert goals <= targets, f"no such target: {goals - targets}"


def anchors(page: Path) -> set[str]:
    """The names by which links reach the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
        there = page.parent / target if target else page
        assert there.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.name} links to {target}#{anchor}"
