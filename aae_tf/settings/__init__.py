"""Everything a run depends on. A setting's name is its flag's name.

Neither absl nor TensorFlow is imported here, so that `--help` is quick.
"""

from aae_tf.settings.autoencoder_groups import VariationalSettings, WassersteinSettings
from aae_tf.settings.checks import (
    PRIORS,
    parse_count,
    parse_initializer,
    parse_schedule,
    parse_shares,
)
from aae_tf.settings.evaluation_group import EvaluationSettings
from aae_tf.settings.flat import (
    GROUPS,
    PLACES,
    Described,
    complete,
    describe,
    differences,
    flatten,
    flatten_evaluation,
    override,
    to_flagfile,
)
from aae_tf.settings.groups import (
    PHASES,
    DataSettings,
    ExecutionSettings,
    NetworkSettings,
    PhaseSettings,
    PriorSettings,
    Settings,
    TrainingSettings,
)
from aae_tf.settings.label_groups import (
    CategorySettings,
    ClusterSettings,
    HeadSettings,
    LabelSettings,
    StyleSettings,
)
from aae_tf.settings.without_effect import without_effect

__all__ = [
    "GROUPS",
    "PHASES",
    "PLACES",
    "PRIORS",
    "CategorySettings",
    "ClusterSettings",
    "DataSettings",
    "Described",
    "EvaluationSettings",
    "ExecutionSettings",
    "HeadSettings",
    "LabelSettings",
    "NetworkSettings",
    "PhaseSettings",
    "PriorSettings",
    "Settings",
    "StyleSettings",
    "TrainingSettings",
    "VariationalSettings",
    "WassersteinSettings",
    "describe",
    "differences",
    "complete",
    "flatten",
    "flatten_evaluation",
    "override",
    "parse_count",
    "parse_initializer",
    "parse_schedule",
    "parse_shares",
    "to_flagfile",
    "without_effect",
]
