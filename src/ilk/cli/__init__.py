"""The command line: `ilk VERB ...`, one file a verb."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence

from ilk.processes import leave

__all__ = ["main"]

VERBS = {
    "demo": "show a few drawings that come with the package, get more of their kind",
    "cut": "several drawings on a page: a picture of each",
    "sample": "draw more of a kind, given a few examples",
    "score": "how likely are pictures, in nats, given a few examples",
    "studio": "a page to draw on: watch more of a kind appear",
    "classify": "which kind is each picture, given a few examples of every kind",
    "anomalies": "which pictures are unlike a few normal ones, the strangest first",
    "complete": "draw what is missing in a picture, given a few examples of its kind",
    "reads": "where in the examples attention looks while a picture is written",
    "train": "train a model, or go on with a run that was stopped",
    "adapt": "improve a model on one kind, while it rehearses the others",
    "evaluate": "a model's table: nats by number of examples, classification",
    "info": "what a model is: arguments, parameters, card",
    "compress": "pictures of a kind in few bytes, without loss",
    "decompress": "the pictures of an archive",
    "export": "a model as ONNX, to run without PyTorch",
    "push": "a model to the Hugging Face hub",
    "data": "fetch, verify and describe a data set or a folder of pictures",
}

_EPILOGUE = """examples:
  ilk demo
  ilk sample omniglot --support my_drawings/ -n 16 --out sheet.png
  ilk score omniglot other.png --support my_drawings/
  ilk train omniglot --out runs/omniglot

ilk VERB --help tells more. Errors name the argument; ILK_DEBUG=1 shows where they arise."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line and returns its exit code.

    0 is success, 1 an error in what was given, 2 a command line that can't be read, 130 Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Threads of a product wait for one another in a loop, on a busy machine for whole slices of
    # time. OpenMP reads this when torch is loaded, which has not happened yet.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name may be no text; in JSON these are its escapes.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _dispatch(arguments)
    except KeyboardInterrupt:
        print("ilk: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has read enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except (
        ValueError,
        OSError,
        FloatingPointError,
        ImportError,
        MemoryError,
        RuntimeError,
    ) as error:
        if os.environ.get("ILK_DEBUG"):
            raise
        print(f"ilk: error: {error}", file=sys.stderr)
        return 1


def _dispatch(arguments: list[str]) -> int:
    verb = arguments[0] if arguments else "--help"
    if verb in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if verb == "--version":
        from importlib.metadata import version

        print(f"ilk {version('ilk')}")
        return 0
    if verb not in VERBS:
        import difflib

        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        print(f"ilk: no verb {verb!r}{hint} One of: {', '.join(VERBS)}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"ilk.cli.{verb}")
    try:
        return module.main(arguments[1:]) or 0
    finally:
        leave()


def _overview() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:{width}}  {what}" for verb, what in VERBS.items())
    usage = "usage: ilk VERB [arguments]    ilk --version"
    return f"Show it a few examples; get a distribution.\n\n{usage}\n\n{verbs}\n\n{_EPILOGUE}"
