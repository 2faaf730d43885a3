"""What a model is worth: nats per dimension by shots, classification by likelihood."""

from __future__ import annotations

from .anomaly import (
    CORRECTIONS,
    Correction,
    Normal,
    against,
    anomaly_scores,
    codec_nats,
    corrected,
    distinct,
)
from .classification import (
    Accuracy,
    Task,
    classification_tasks,
    classify,
    classify_by_likelihood,
    official_tasks,
    padded,
    tasks_digest,
)
from .judge import Judge, train_judge
from .likelihood import (
    SHOTS,
    Row,
    clustered_stderr,
    fitting_precision,
    nats,
    nats_by_shots,
)
from .posterior import fit_temperature, held_out_scores, leave_one_out, posterior
from .report import TASKS, evaluate, likelihood_table, table_episodes, training_kinds
from .samples import Drawing, SampleRow, sample_quality

__all__ = [
    "CORRECTIONS",
    "SHOTS",
    "TASKS",
    "Accuracy",
    "Correction",
    "Drawing",
    "Judge",
    "Normal",
    "Row",
    "SampleRow",
    "Task",
    "against",
    "anomaly_scores",
    "classification_tasks",
    "classify",
    "classify_by_likelihood",
    "clustered_stderr",
    "codec_nats",
    "corrected",
    "distinct",
    "evaluate",
    "fit_temperature",
    "fitting_precision",
    "held_out_scores",
    "leave_one_out",
    "likelihood_table",
    "nats",
    "nats_by_shots",
    "official_tasks",
    "padded",
    "posterior",
    "sample_quality",
    "table_episodes",
    "tasks_digest",
    "train_judge",
    "training_kinds",
]
