"""Settings of training as one record, which ``--config FILE.toml`` and a run folder hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from genoml.data import Augmentation, BalancedSampler, NegativeSampler, Sampler
from genoml.data.checks import FitCheck
from genoml.io.settings import Count, NotNegative, Positive, Share, check_fields
from genoml.models import check_options, model_spec
from genoml.optim import AdamW
from genoml.optim.schedules import one_cycle
from genoml.runs.data_settings import DataSettings
from genoml.train import FitOptions
from genoml.train.objectives import BinaryClassification, Objective

#: beyond it, numbers of float32 overflow
_Bounded = Annotated[float, Meta(gt=0, le=1e30)]


class TrainConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of a run; docs/configuration.md lists the keys.

    The defaults were chosen on validation chromosomes of a Nanog ChIP-seq training set; docs/accuracy.md
    tells how.

    Raises
    ------
    ValueError
        If a value is of another type or out of range, or the model has no such option; the message begins with
        the key's path.
    """

    model: Annotated[
        str,
        Meta(
            description="network, one of docs/models.md; `auto`: chosen on the validation sequences by baselines "
            "and short trials, see docs/models.md; with `model_options` it is motif_cnn"
        ),
    ] = "auto"
    model_options: Annotated[
        dict[str, Any],
        Meta(description="the network's own options; those left out depend on the sequences or the network"),
    ] = {}
    epochs: Annotated[
        Count | None,
        Meta(description="passes over the training sequences; left out: 20, or 40 with `shuffle`"),
    ] = None
    batch_size: Annotated[
        Count | None, Meta(description="sequences a batch; left out: 128, or 32 of few sequences with `auto`")
    ] = None
    accumulate: Annotated[
        Count,
        Meta(description="batches a step: like one so many times as large, but for batch normalisation"),
    ] = 1
    learning_rate: Annotated[Positive, Meta(description="peak of the one-cycle schedule (AdamW)")] = 0.01
    weight_decay: Annotated[NotNegative, Meta(description="decoupled, on weights only")] = 0.1
    warmup: Annotated[Share, Meta(description="share of the steps over which the learning rate rises")] = 0.25
    members: Annotated[
        Annotated[int, Meta(ge=1, le=100)] | None,
        Meta(
            description="networks from different initial weights whose outputs are averaged; left out: 1, or up to 3 "
            "of few sequences where the model is `auto`"
        ),
    ] = None
    init: Annotated[
        str | None,
        Meta(
            description="run folder whose weights training begins with, as far as they fit by path and shape"
        ),
    ] = None
    freeze: Annotated[
        list[str], Meta(description='parameters that stay as they are, patterns over paths such as ["scan*"]')
    ] = []
    learning_rates: Annotated[
        dict[str, Positive],
        Meta(description='peak learning rates of their own, by pattern, such as { "dense*" = 0.02 }'),
    ] = {}
    huber_delta: Annotated[
        Positive | None,
        Meta(
            description="regression: error, in standard deviations of the targets, from which on the loss is "
            "linear (Huber's); left out: squared error"
        ),
    ] = None
    log_multiplier: Annotated[
        Positive | None,
        Meta(description="cell types: m of log(1 + m value); left out: 1000 of means below 1, else 1"),
    ] = None
    count_distribution: Annotated[
        Literal["auto", "poisson", "negative_binomial"],
        Meta(description="of counts; `auto`: as the counts of the training part ask for"),
    ] = "auto"
    max_grad_norm: Annotated[
        _Bounded | None, Meta(description="clip the norm of all gradients together; left out: never")
    ] = None
    max_weight_norm: Annotated[
        _Bounded | None,
        Meta(description="largest norm of the weights into one output (Basset used 7); left out: no bound"),
    ] = None
    focal_gamma: Annotated[
        Annotated[float, Meta(ge=0, le=1e30)],
        Meta(description="exponent of the focal loss, which counts easy examples less; 0 = cross-entropy"),
    ] = 0.0
    label_smoothing: Annotated[
        Share, Meta(description="s: a label y becomes y (1 - s) + s / 2 in the training loss")
    ] = 0.0
    average_decay: Annotated[
        Share,
        Meta(description="moving average of the weights, which is what is evaluated and kept; 0 = none"),
    ] = 0.99
    patience: Annotated[
        Count | None,
        Meta(description="stop after so many epochs without a better validation AUROC; left out: never"),
    ] = None
    best_within: Annotated[
        NotNegative | None,
        Meta(description="how much below the best score an epoch is as good; left out: 0, or by `auto`"),
    ] = None
    validation_fraction: Annotated[
        Annotated[float, Meta(gt=0, lt=1)],
        Meta(description="share of the training sequences held out to choose the best epoch by"),
    ] = 0.1
    validation_chromosomes: Annotated[
        list[str],
        Meta(description='held out instead, such as ["chr8"]; headers must read >chr8:100-300'),
    ] = []
    reverse_complement: Annotated[
        bool | None,
        Meta(
            description="random strand in training; both strands averaged in prediction; left out: true, but "
            "false for RNA (letter U)"
        ),
    ] = None
    shift_bp: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="largest random shift in training; left out: length / 20, 0 for site_cnn"),
    ] = None
    ambiguous: Annotated[
        Literal["zero", "uniform", "iupac", "error"],
        Meta(
            description="letters such as N and R: no base, 0.25 each, shares (R is half A, half G), refused"
        ),
    ] = "zero"
    class_weight: Annotated[
        Literal["none", "balanced"],
        Meta(description="`balanced` weighs each class by the inverse of its share"),
    ] = "none"
    sampling: Annotated[
        Literal["uniform", "balanced", "negatives"],
        Meta(description="an epoch: all once; as many of each class; all positives and new negatives"),
    ] = "uniform"
    negatives_per_positive: Annotated[
        Annotated[float, Meta(gt=0, le=1e6)],
        Meta(description='negatives for each positive in an epoch, with sampling = "negatives"'),
    ] = 1.0
    calibrate: Annotated[
        Literal["none", "temperature", "platt"],
        Meta(description="calibration of probabilities on the validation sequences; see docs/imbalance.md"),
    ] = "none"
    threshold_by: Annotated[
        Literal["f1", "mcc", "precision", "recall"],
        Meta(description="what the threshold of calls is chosen by, on the validation sequences"),
    ] = "f1"
    threshold_at_least: Annotated[
        Annotated[float, Meta(gt=0, le=1)],
        Meta(description='precision, or recall, that the threshold must have with such a "threshold_by"'),
    ] = 0.9
    baseline: Annotated[
        bool, Meta(description="also score a linear model of k-mers on the validation sequences")
    ] = True
    no_checks: Annotated[
        list[Literal["copies", "classes", "length", "gc", "missing", "outliers", "overlap", "bias"]],
        Meta(
            description="checks of the sequences to leave out: copies on both sides of the split, the same "
            "sequence in both classes, classes that length or GC content alone tells apart, missing values, numbers "
            "far from all others, windows that overlap across the split, sequences that have trained the bias model"
        ),
    ] = []
    threads: Annotated[
        Count | None,
        Meta(
            description="threads that share out each batch, the same number for the same bits; left out: "
            "GENOML_THREADS, or all cores (NumPy)"
        ),
    ] = None
    checkpoint_minutes: Annotated[
        Positive,
        Meta(description="save the training's state after so many minutes, besides after each epoch"),
    ] = 10.0
    checkpoint_steps: Annotated[
        Count | None, Meta(description="save it after so many steps too; left out: by time alone")
    ] = None
    seed: Annotated[
        Annotated[int, Meta(ge=0, le=2**63 - 1)],
        Meta(description="initial weights, order, augmentation, dropout, shuffles, split"),
    ] = 0
    data: Annotated[
        DataSettings, Meta(description="the data, see below; options of the command win over it")
    ] = DataSettings()

    def __post_init__(self) -> None:
        check_fields(self)
        if self.model == "auto" and self.model_options:
            msgspec.structs.force_setattr(self, "model", "motif_cnn")
        try:
            model_spec(self.network)
        except ValueError as error:
            raise ValueError(f"model: {error}") from error
        check_options(self.network, self.model_options, "model_options")
        if self.class_weight != "none" and self.sampling != "uniform":
            raise ValueError(
                f"class_weight: expects none with sampling {self.sampling}, which balances the classes already"
            )

    @property
    def sampler(self) -> Sampler:
        """Sampler of the sequences of an epoch."""
        if self.sampling == "balanced":
            return BalancedSampler()
        return NegativeSampler(self.negatives_per_positive) if self.sampling == "negatives" else Sampler()

    @property
    def network(self) -> str:
        """Name of the network: motif_cnn until one is chosen."""
        return "motif_cnn" if self.model == "auto" else self.model

    @property
    def title(self) -> str:
        """The network in words, with the number of its members."""
        return self.network if self.members in (None, 1) else f"{self.members} x {self.network}"

    @property
    def n_epochs(self) -> int:
        """Number of epochs; the default if it was left out."""
        return 20 if self.epochs is None else self.epochs

    def reads_both_strands(self, alphabet: str = "DNA") -> bool:
        """Whether a model of such sequences reads both strands: not of RNA, unless the settings say otherwise."""
        return alphabet != "RNA" if self.reverse_complement is None else self.reverse_complement

    def for_data(
        self, length_bp: int, *, shuffled: bool = False, alphabet: str = "DNA", n_outputs: int = 1
    ) -> TrainConfig:
        """The configuration with the settings filled in that depend on the sequences, and on the number of tasks.

        Raises
        ------
        ValueError
            If ``model_options`` ask for another number of outputs.
        """
        epochs = 40 if self.epochs is None and shuffled else self.n_epochs
        options = self.model_options
        if self.data.task != "profile":
            options = model_spec(self.network).options_for(length_bp, n_outputs) | options
        if options.get("n_outputs", n_outputs) != n_outputs:
            raise ValueError(
                f"model_options.n_outputs: expects {n_outputs}, as many as the data have tasks or classes, got "
                f"{options['n_outputs']}; leave it out"
            )
        shift_bp = self.shift_bp
        if shift_bp is None:  # sites at one place lose by it: of splice donors 0.996 became 0.986
            shift_bp = 0 if self.network == "site_cnn" else length_bp // 20
        return msgspec.structs.replace(
            self, model=self.network, members=self.members or 1, model_options=options, shift_bp=shift_bp,
            epochs=epochs, batch_size=self.batch_size or 128, reverse_complement=self.reads_both_strands(alphabet),
        )  # fmt: skip

    def fit_options(
        self,
        n_examples: int,
        class_weight: tuple[float, float] = (1.0, 1.0),
        objective: Objective | None = None,
    ) -> FitOptions:
        """Options of ``fit``, for epochs of ``n_examples`` examples; without an ``objective`` labels 0 and 1."""
        if objective is None:
            objective = BinaryClassification(class_weight, self.label_smoothing, self.focal_gamma)
        batch_size = self.batch_size or 128
        steps = self.n_epochs * -(-n_examples // (batch_size * self.accumulate))
        return FitOptions(
            epochs=self.n_epochs, batch_size=batch_size, accumulate=self.accumulate,
            optimizer=AdamW(self.learning_rate, weight_decay=self.weight_decay),
            schedule=one_cycle(steps, warmup=self.warmup),
            augmentation=Augmentation(self.reverse_complement, self.shift_bp or 0),
            sampler=self.sampler,
            objective=objective,
            freeze=tuple(self.freeze),
            learning_rates=self.learning_rates,
            max_grad_norm=self.max_grad_norm, max_weight_norm=self.max_weight_norm,
            average_decay=self.average_decay,
            patience=self.patience,
            best_within=self.best_within or 0.0,
            ambiguous=self.ambiguous,
            threads=self.threads,
            seed=self.seed,
            no_checks=tuple(name for name in get_args(FitCheck) if name in self.no_checks),
        )  # fmt: skip
