"""Makes a tiny saved model and what it must say, for a format's first release:

    python tests/models/files/make.py tests/models/files/v2

What was made for a format is never made again: it is there to be read by all later versions.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from ilk.models import AttentionPixelCNN

if __name__ == "__main__":
    directory = Path(sys.argv[1])
    if directory.exists():
        sys.exit(f"{directory} exists, and is kept")
    torch.manual_seed(0)
    model = AttentionPixelCNN(
        (1, 6, 6), width=8, depth=3, read_at=(1,), heads=2, patches=8, summary=8
    ).eval()
    model.save(directory, {"note": "a tiny model with random weights"})
    support, x = torch.randint(2, (3, 1, 6, 6)), torch.randint(2, (4, 1, 6, 6))
    nats = model(support).log_prob(x)
    expected = {"support": support.tolist(), "x": x.tolist(), "log_prob": nats.tolist()}
    (directory / "expected.json").write_text(json.dumps(expected) + "\n")
