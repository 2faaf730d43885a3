"""What a model is worth: nats per dimension by shots, and classification by likelihood."""

from __future__ import annotations

from .classification import (
    Accuracy,
    Task,
    classification_tasks,
    classify,
    classify_by_likelihood,
    official_tasks,
    tasks_digest,
)
from .likelihood import SHOTS, Row, clustered_stderr, nats, nats_by_shots
from .report import TASKS, evaluate, likelihood_table, model_digest, training_kinds

__all__ = [
    "SHOTS",
    "TASKS",
    "Accuracy",
    "Row",
    "Task",
    "classification_tasks",
    "classify",
    "classify_by_likelihood",
    "clustered_stderr",
    "evaluate",
    "likelihood_table",
    "model_digest",
    "nats",
    "nats_by_shots",
    "official_tasks",
    "tasks_digest",
    "training_kinds",
]
