"""Everything a run depends on. A setting's name is its flag's name.

Neither absl nor TensorFlow is imported here, so that `--help` is quick.
"""

from aae_tf.settings.evaluation import SAMPLER_FLAGS, EvaluationSettings
from aae_tf.settings.fields import (
    PRIORS,
    parse_count,
    parse_initializer,
    parse_schedule,
    parse_shares,
)
from aae_tf.settings.flat import (
    GROUPS,
    PLACES,
    Described,
    complete,
    describe,
    differences,
    fits_flagfile,
    flatten,
    flatten_evaluation,
    override,
    own_functions,
    to_flagfile,
    without_places,
)
from aae_tf.settings.groups import (
    DataSettings,
    ExecutionSettings,
    NetworkSettings,
    PriorSettings,
    Settings,
    TrainingSettings,
)
from aae_tf.settings.method_groups import (
    PHASES,
    CategorySettings,
    ClusterSettings,
    HeadSettings,
    LabelSettings,
    PhaseSettings,
    RegularisedSettings,
    StyleSettings,
    VariationalSettings,
    WassersteinSettings,
)
from aae_tf.settings.unused import without_effect

__all__ = [
    "GROUPS",
    "PHASES",
    "PLACES",
    "PRIORS",
    "SAMPLER_FLAGS",
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
    "RegularisedSettings",
    "Settings",
    "StyleSettings",
    "TrainingSettings",
    "VariationalSettings",
    "WassersteinSettings",
    "describe",
    "differences",
    "complete",
    "fits_flagfile",
    "flatten",
    "flatten_evaluation",
    "override",
    "own_functions",
    "parse_count",
    "parse_initializer",
    "parse_schedule",
    "parse_shares",
    "to_flagfile",
    "without_effect",
    "without_places",
]
