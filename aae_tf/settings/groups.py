"""The settings themselves: frozen dataclasses whose values are checked when made."""

from __future__ import annotations

import dataclasses

from aae_tf.errors import SettingsError
from aae_tf.settings import rules
from aae_tf.settings.evaluation import EvaluationSettings
from aae_tf.settings.fields import (
    CRITIC_PENALTIES,
    MOST_DIMENSIONS,
    MOST_EPOCHS,
    MOST_IMAGES,
    MOST_PIXELS,
    PRIORS,
    RESIZE_FILTERS,
    Checked,
    above,
    at_least,
    auto_or_switch,
    between,
    one_of,
    one_of_or_own,
    or_word,
    own_or_empty,
    parse_initializer,
    parses,
    setting,
    some_units,
)
from aae_tf.settings.method_groups import (
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

INITIALIZER = parses(
    parse_initializer, "normal:SD (such as normal:0.01), he_normal or glorot_uniform"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSettings(Checked):
    """Training"""

    seed: int = setting(0, "seed of every random draw", between(0, 2**31))
    epochs: int = setting(20, "passes over the training images", at_least(1, MOST_EPOCHS))
    batch_size: int = setting(
        100, "images in a minibatch, over all replicas", at_least(1, MOST_IMAGES)
    )
    precision: str = setting(
        "float32",
        "arithmetic of the networks; the mixed ones keep float32 weights, and mixed_float16 scales "
        "losses and has float32 codes, logits and pixels",
        one_of("float32", "float64", "mixed_bfloat16", "mixed_float16"),
    )
    discriminator_noise: float = setting(
        0.0,
        "sd of Gaussian noise on the discriminator's input, in units of the prior's sd; "
        "training only",
        at_least(0),
    )
    critic_penalty: str = setting(
        "none",
        "what keeps the discriminator smooth: r1 (its squared gradient at the prior's samples), "
        "gradient (how far the gradient's length is from 1 between samples and codes, as in "
        "WGAN-GP), spectral (spectral normalisation of its layers), or none (as in the papers)",
        one_of(*CRITIC_PENALTIES),
    )
    critic_penalty_weight: float = setting(
        1.0, "weight of the r1 or gradient penalty beside the discriminator's loss", above(0)
    )
    input_noise: float = setting(
        0.0, "sd of Gaussian noise on the encoder's input; training only", at_least(0)
    )
    input_noise_kind: str = setting(
        "normal",
        "normal, or truncated: drawn anew beyond two sd (WAE's code)",
        one_of("normal", "truncated"),
    )
    input_dropout: float = setting(
        0.0, "share of the encoder's inputs that are dropped; training only", between(0, 1)
    )
    hidden_noise: float = setting(
        0.0,
        "sd of Gaussian noise on the outputs of a dense encoder's hidden layers; training only",
        at_least(0),
    )
    precise_batch_norm: bool = setting(
        False,
        "after each epoch take the encoder's moments of batch normalisation anew, from clean "
        "training images: in training they are of disturbed ones too",
    )
    init_from: str = setting(
        "",
        "folder of a run or of an exported model's version, with whose weights networks of the "
        "same name begin; other data, another experiment or other rates are fine where shapes fit",
        is_path=True,
    )
    average_decay: float = setting(
        0.0,
        "decay of a moving average of the weights over the steps, such as 0.999, by which networks "
        "are evaluated, drawn and exported; 0 for the weights themselves",
        between(0, 1),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecutionSettings(Checked):
    """Execution (changes nothing but speed and rounding)"""

    steps_per_call: int = setting(
        20, "training steps in one compiled call", at_least(1, 10**4), changes_run=False
    )
    strategy: str = setting(
        "mirrored",
        "mirrored: MirroredStrategy over all GPUs, or the CPU; one_device: the first device; "
        "multi_worker: MultiWorkerMirroredStrategy over the cluster of TF_CONFIG or Slurm",
        one_of("mirrored", "one_device", "multi_worker"),
        changes_run=False,
    )
    replicas: int = setting(
        0,
        "replicas of a mirrored run, 0 for one per GPU; more than one without GPUs splits the "
        "CPU into logical devices (to test, not to be faster)",
        at_least(0, 64),
        changes_run=False,
    )
    xla: str = setting(
        "auto",
        "compile the training step with XLA, on one replica: on (--xla), off (--noxla), or auto: "
        "on a GPU, and on a CPU for networks without convolutions",
        auto_or_switch(),
        changes_run=False,
    )
    checkpoint_minutes: float = setting(
        5.0,
        "minutes between checkpoints; one is always written at the end",
        above(0),
        changes_run=False,
    )
    on_nan: str = setting(
        "stop",
        "when a loss or a weight becomes NaN or infinite: stop, or rollback: begin the epoch again "
        "at half the learning rates, five times at most",
        one_of("stop", "rollback"),
        changes_run=False,
    )
    max_minutes: float = setting(
        0.0,
        "stop with a checkpoint and exit status 75 before so many minutes are over, as a queue's "
        "limit asks; the same command resumes. 0 for no limit",
        at_least(0),
        changes_run=False,
    )
    figure_format: str = setting(
        "png",
        "of the files in figures/: png, or pdf or svg beside it",
        one_of("png", "pdf", "svg"),
        changes_run=False,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataSettings(Checked):
    """Data"""

    dataset: str = setting(
        "mnist",
        "mnist (in the package), a TensorFlow Datasets name, or the path of your own images: a "
        "folder (flat, one folder a class, or tfds.ImageFolder's split/class), an .npz, .npy or "
        ".mat; or features: a .csv, .parquet or rows of numbers in an .npz or .npy",
        lambda value: None if value else "a name or a path",
        is_path=True,
    )
    data_dir: str = setting(
        "",
        "where TensorFlow Datasets keeps its data (default: its own)",
        changes_run=False,
        is_path=True,
    )
    crop_size: int = setting(
        0,
        "side of the square cut out of the centre of each image of a folder or TensorFlow Datasets "
        "name; 0 keeps all of it, or the largest square where --image_size asks for one",
        at_least(0, MOST_PIXELS),
    )
    image_size: int = setting(
        0,
        "side to which images of a folder or TensorFlow Datasets name are resized, after the crop; "
        "0 keeps them",
        at_least(0, MOST_PIXELS),
    )
    resize_filter: str = setting(
        "auto",
        "by which images are resized, smoothed where they shrink: bilinear, bicubic, lanczos3, or "
        "auto: lanczos3 for celeb_a, as in the WAE paper's code, and bilinear for others",
        one_of("auto", *RESIZE_FILTERS),
    )
    skip_broken_images: bool = setting(
        False, "pass over files of a folder that are no readable images, and count them"
    )
    stream: str = setting(
        "auto",
        "whether training images are read from disk while training instead of kept in memory: auto "
        "does so above 8 GiB of pixels",
        one_of("auto", "always", "never"),
        changes_run=False,
    )
    train_split: str = setting(
        "train",
        "what a TensorFlow Datasets name trains on, such as train+extra",
        lambda value: None if value else "the name of a split, such as train or train+extra",
    )
    standardize: bool = setting(
        False,
        "give the networks images less the mean and over the sd of each pixel, or feature, taken "
        "over the training images",
    )
    label_column: str = setting(
        "label",
        "the column of a .csv or .parquet that holds the class; label needn't be there",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PriorSettings(Checked):
    """Prior"""

    prior: str = setting(
        "gaussian",
        ", ".join(PRIORS) + ", or package.module:function, which is called with latent_dim and "
        "returns any object with sample(shape, seed)",
        one_of_or_own(PRIORS),
    )
    latent_dim: int = setting(2, "size of the code", at_least(1, MOST_DIMENSIONS))
    prior_scale: float = setting(
        1.0, "sd of the Gaussian, half-width of the uniform prior", above(0)
    )
    prior_thickness: float = setting(
        0.1, "sd of the swiss roll around its curve; at 0 it has no density", at_least(0)
    )
    prior_components: int = setting(10, "Gaussians in the ring of the mixture", at_least(1, 1000))

    def __post_init__(self):
        super().__post_init__()
        if self.prior in ("mixture", "swiss_roll") and self.latent_dim != 2:
            raise SettingsError("latent_dim", self.latent_dim, f"2, as --prior={self.prior} has")
        if self.prior in ("sphere", "categorical") and self.latent_dim < 2:
            raise SettingsError(
                "latent_dim", self.latent_dim, f"2 or more for --prior={self.prior}"
            )
        if self.prior_scale != 1.0 and self.prior not in ("gaussian", "uniform"):
            raise SettingsError(
                "prior_scale", self.prior_scale, f"1, since --prior={self.prior} has a fixed size"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkSettings(Checked):
    """Networks"""

    encoder: str = setting(
        "deterministic",
        "q(z|x): deterministic, gaussian (mean and variance, reparameterised), isotropic (mean and "
        "--encoder_noise_sd) or implicit (a network of the image and of noise)",
        one_of("deterministic", "gaussian", "isotropic", "implicit"),
    )
    encoder_noise_sd: float = setting(
        0.1,
        "sd of an isotropic encoder's code around its mean, in units of the prior's sd",
        above(0),
    )
    encoder_noise_dim: int = setting(
        10, "size of the noise that an implicit encoder takes", at_least(1, MOST_DIMENSIONS)
    )
    network: str = setting(
        "dense",
        "hidden layers of encoder and decoder: dense (encoder_units, decoder_units) or "
        "convolutions (encoder_filters, decoder_filters); discriminators are dense",
        one_of("dense", "conv"),
    )
    encoder_units: tuple = setting(
        (1000, 1000), "hidden layers of a dense encoder; not used with --network=conv", some_units
    )
    decoder_units: tuple = setting(
        (1000, 1000), "hidden layers of a dense decoder; not used with --network=conv", some_units
    )
    encoder_filters: tuple = setting(
        (128, 256, 512, 1024),
        "with --network=conv, the encoder's convolutions, each of which halves height and width",
        some_units,
    )
    decoder_filters: tuple = setting(
        (1024, 512, 256),
        "with --network=conv, the decoder's channels: of the small map that a dense layer makes "
        "of the code, then of transposed convolutions, each of which doubles height and width",
        some_units,
    )
    filter_size: int = setting(
        4, "with --network=conv, side of the convolutions' filters in pixels", at_least(2, 64)
    )
    conv_batch_norm: bool = setting(
        True, "with --network=conv, batch normalisation in the hidden convolutions"
    )
    encoder_network: str = setting(
        "",
        "an encoder of your own, package.module:function: called with shape and latent_dim (and "
        "num_categories or noise_dim, where it takes these), it returns a keras.Model from images "
        "to codes; see docs/your_own.md",
        own_or_empty("what makes an encoder"),
    )
    decoder_network: str = setting(
        "",
        "a decoder of your own, package.module:function: called with latent_dim and shape, it "
        "returns a keras.Model from codes to images",
        own_or_empty("what makes a decoder"),
    )
    discriminator_network: str = setting(
        "",
        "a discriminator of your own, package.module:function: called with latent_dim, it returns "
        "a keras.Model from codes to logits",
        own_or_empty("what makes a discriminator"),
    )
    discriminator_units: tuple = setting(
        (1000, 1000), "hidden layers of the discriminator", some_units
    )
    activation: str = setting(
        "relu", "of the hidden layers", one_of("relu", "leaky_relu", "elu", "gelu", "silu", "tanh")
    )
    output_activation: str = setting(
        "sigmoid", "of the decoder's last layer", one_of("sigmoid", "linear")
    )
    encoder_batch_norm: bool = setting(
        False,
        "batch normalisation in the encoder's layers, those of the code included; with "
        "--network=conv in the latter alone",
    )
    decoder_batch_norm: bool = setting(
        False,
        "batch normalisation in the decoder's layers, that of the pixels included; with "
        "--network=conv in the latter alone",
    )
    initializer: str = setting(
        "he_normal",
        "of the weights: normal:SD, he_normal or glorot_uniform",
        INITIALIZER,
    )
    encoder_initializer: str = setting(
        "same",
        "of the encoder's weights: same as --initializer, normal:SD, he_normal or glorot_uniform",
        or_word("same", INITIALIZER),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(Checked):
    """All settings of a run: it is a pure function of these and of the step.

    A group that is None is one that the experiment's method has no use for.
    """

    experiment: str
    recipe: str
    training: TrainingSettings = TrainingSettings()
    data: DataSettings = dataclasses.field(default_factory=DataSettings)
    prior: PriorSettings = PriorSettings()
    networks: NetworkSettings = NetworkSettings()
    labels: LabelSettings | None = None
    style: StyleSettings | None = None
    categories: CategorySettings | None = None
    clusters: ClusterSettings | None = None
    heads: HeadSettings | None = None
    variational: VariationalSettings | None = None
    wasserstein: WassersteinSettings | None = None
    regularised: RegularisedSettings | None = None
    phases: tuple[PhaseSettings, ...] = ()
    evaluation: EvaluationSettings = dataclasses.field(default_factory=EvaluationSettings)
    execution: ExecutionSettings = ExecutionSettings()

    def __post_init__(self):
        super().__post_init__()
        rules.check(self)

    def phase(self, name: str) -> PhaseSettings:
        return next(phase for phase in self.phases if phase.name == name)
