from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest

from genoml.explain.mutants.cones import Edit
from genoml.genome import GenomeStore
from genoml.io import FormatWarning, Gene, Genes, read_fasta
from genoml.models import spliceai
from genoml.nn import Conv1D, Dense, Flatten, Sequential, Softmax
from genoml.nn.layer import Layer
from genoml.sequence.encode import base_codes
from genoml.sequence.variants import Variants
from genoml.variants import SpliceNetwork, SpliceOptions, SpliceScorer

BASES = "".join(np.random.default_rng(3).choice(list("ACGT"), 700))
GENES = Genes(
    [
        Gene("PLUS", "chr1", 90, 420, "+", np.array([90, 140, 260, 419])),
        Gene("MINUS", "1", 330, 600, "-", np.array([330, 400, 500, 599])),
    ]
)
#: pos (0-based), REF (its length), ALT
VARIANTS = [
    (200, 1, "x"), (95, 1, "x"), (360, 1, "x"), (598, 1, "x"), (200, 3, "xxx"), (200, 1, "+TTACG"), (380, 1, "+G"),
    (200, 6, "+"), (390, 90, "+"), (560, 60, "+"), (350, 4, "xx"), (210, 2, "xxTCAAG"), (240, 5, "+++xx"),
]  # fmt: skip


@pytest.fixture(scope="module")
def network() -> Layer:
    layer = spliceai(context_bp=80, filters=6, seed=5)
    for name in layer.state:  # norms that do something
        layer.state[name] = np.float32(np.linspace(0.5, 1.5, len(layer.state[name])))
    return layer


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> GenomeStore:
    folder = tmp_path_factory.mktemp("genome")
    (folder / "g.fa").write_text(f">chr1\n{BASES}\n")
    return GenomeStore.build(folder / "g.fa", folder / "g.store")


def alleles(pos: int, length: int, alt: str) -> tuple[str, str]:
    """REF, and ALT with ``+`` for REF's own base and ``x`` for another one."""
    ref, found = BASES[pos : pos + length], ""
    for at, letter in enumerate(alt):
        own = ref[min(at, length - 1)]
        found += own if letter == "+" else letter if letter != "x" else "CATG"["ACGT".index(own)]
    return ref, found


def by_hand(
    layers: Sequence[Layer], gene: Gene, pos: int, ref: str, alt: str, distance: int
) -> tuple[list[float], list[int]]:
    """Scores and positions, base by base, from whole sequences."""
    inside = "".join(base if gene.start <= i < gene.end else "N" for i, base in enumerate(BASES))

    def along(sequence: str) -> dict[int, np.ndarray]:
        places = range(pos - distance, pos + distance + len(ref) + len(alt))
        windows = [
            [sequence[i] if 0 <= i < len(sequence) else "N" for i in range(at - 40, at + 41)] for at in places
        ]
        if gene.strand == "-":
            pairs = {"A": "T", "C": "G", "G": "C", "T": "A", "N": "N"}
            windows = [[pairs[base] for base in reversed(window)] for window in windows]
        x = np.array(
            [[[base == letter for base in window] for letter in "ACGT"] for window in windows], np.float32
        )
        logits = [layer.vjp(x)[0][:, :, 0].astype(np.float64) for layer in layers]
        y = np.mean([np.exp(y) / np.exp(y).sum(axis=1, keepdims=True) for y in logits], axis=0)
        return dict(zip(places, y, strict=True))

    whole, edited = along(inside), along(inside[:pos] + alt + inside[pos + len(ref) :])
    start = 0
    while min(len(ref), len(alt)) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while min(len(ref), len(alt)) > 1 and ref[0] == alt[0]:
        ref, alt, start = ref[1:], alt[1:], start + 1
    changes = []
    for offset in range(-distance, distance + 1):
        place, at, both = pos + offset, offset - start, min(len(ref), len(alt))
        if at >= len(ref):
            y = edited[place + len(alt) - len(ref)]
        elif at < both - 1 or len(alt) <= len(ref):
            y = edited[place] if at < both else np.zeros(3)
        else:
            y = np.max([edited[i] for i in range(place, pos + start + len(alt))], axis=0)
        changes.append(y - whole[place])
    found = np.array(changes)
    tables = [found[:, 1], -found[:, 1], found[:, 2], -found[:, 2]]
    return [float(each.max()) for each in tables], [int(each.argmax()) - distance for each in tables]


@pytest.mark.parametrize(("pos", "length", "alt"), VARIANTS)
def test_scores_in_every_gene_are_those_of_whole_sequences_computed_base_by_base(
    pos: int, length: int, alt: str, network: Layer, genome: GenomeStore
) -> None:
    ref, alt = alleles(pos, length, alt)
    scorer = SpliceScorer([SpliceNetwork.of(network)], genome, GENES, SpliceOptions(20))
    scores = scorer.score(Variants.of(["1"], [pos], [ref], [alt]))
    genes = [gene for gene in GENES.genes if gene.start <= pos < gene.end]
    assert scores.status.tolist() == ["ok"]
    assert [gene.name for gene, _ in scores.found[0]] == [gene.name for gene in genes]
    for gene, effect in scores.found[0]:
        expected, places = by_hand([network], gene, pos, ref, alt, 20)
        np.testing.assert_allclose(effect.scores.scores, expected, atol=1e-6)
        clear = [i for i, score in enumerate(expected) if score > 1e-5]
        assert [effect.scores.positions[i] for i in clear] == [places[i] for i in clear]


def test_variants_scored_together_have_the_scores_that_they_have_alone(
    network: Layer, genome: GenomeStore
) -> None:
    scorer = SpliceScorer([SpliceNetwork.of(network)], genome, GENES, SpliceOptions(20))
    rows = [(pos, *alleles(pos, length, alt)) for pos, length, alt in [*VARIANTS[::-1], *VARIANTS]]
    together = scorer.score(Variants.of(["chr1"] * len(rows), *map(list, zip(*rows, strict=True))))
    for number, (pos, ref, alt) in enumerate(rows):
        alone = scorer.score(Variants.of(["chr1"], [pos], [ref], [alt]))
        np.testing.assert_allclose(together.effect[number], alone.effect[0], atol=1e-6)


def test_probabilities_of_several_networks_are_averaged(network: Layer, genome: GenomeStore) -> None:
    other = spliceai(context_bp=80, filters=3, seed=1)
    ref, alt = alleles(200, 1, "x")
    networks = [SpliceNetwork.of(network), SpliceNetwork.of(Sequential([other, Softmax(1)]))]
    assert [each.gives_probabilities for each in networks] == [False, True]
    found = SpliceScorer(networks, genome, GENES, SpliceOptions(5)).score(
        Variants.of(["1"], [200], [ref], [alt])
    )
    expected, _ = by_hand([network, other], GENES.genes[0], 200, ref, alt, 5)
    np.testing.assert_allclose(found.found[0][0][1].scores.scores, expected, atol=1e-6)


def test_a_variant_outside_of_genes_and_one_that_is_not_the_genomes_say_so(
    network: Layer, genome: GenomeStore
) -> None:
    scorer = SpliceScorer([SpliceNetwork.of(network)], genome, GENES, SpliceOptions(20))
    wrong, pos = "ACGT".replace(BASES[200], ""), [20, 89, 90, 599, 600, 200, 200, 200]
    ref = [*(BASES[i] for i in pos[:5]), wrong[0], BASES[200:321], BASES[200:322]]
    scores = scorer.score(Variants.of(["chr1"] * 8, pos, ref, ["AC"] * 5 + [wrong[1], "A", "A"]))
    assert scores.status.tolist() == [
        "no_gene", "no_gene", "ok", "ok", "no_gene", "mismatch", "ok", "too_long"
    ]  # fmt: skip
    assert np.isnan(scores.effect[scores.status != "ok"]).all()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (spliceai(context_bp=400, filters=2), "made for 400 bases of context, not 80"),
        (Sequential([Conv1D(4, 4, 81, activation=None)]), "expects three outputs a base"),
        (Sequential([Conv1D(4, 3, 81, padding="same")]), "expects an output for each base with its whole context"),
        (Sequential([Flatten(), Dense(4 * 1000, 3)]), "does not say how many bases an output sees"),
    ],
)  # fmt: skip
def test_networks_that_would_give_shifted_or_senseless_positions_are_refused(
    layer: Layer, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SpliceNetwork.of(layer, context_bp=80)


def test_genes_on_no_chromosome_are_refused(network: Layer, genome: GenomeStore) -> None:
    gene = Gene("FAR", "chrX", 100, 801, "+", np.array([100, 800]))
    with pytest.raises(ValueError, match=r"no gene is on a chromosome of .*\(first: chrX"):
        SpliceScorer([SpliceNetwork.of(network)], genome, Genes([gene]))


@pytest.mark.parametrize(("strand", "intron"), [("+", "GTCCCCCCAG"), ("-", "CTCCCCCCAC")])
def test_exons_that_do_not_end_at_splice_sites_are_warned_of(
    strand: str, intron: str, network: Layer, tmp_path: Path
) -> None:
    (tmp_path / "g.fa").write_text(">1\n" + ("CCCCCCCCCC" + intron) * 13 + "\n")
    store, networks = GenomeStore.build(tmp_path / "g.fa", tmp_path / "g.store"), [SpliceNetwork.of(network)]
    bounds = np.sort(np.concatenate([np.arange(0, 260, 20), np.arange(9, 260, 20)]))
    SpliceScorer(networks, store, Genes([Gene("G", "chr1", 0, 250, strand, bounds)]))
    with pytest.warns(FormatWarning, match=r"0 % of the exons' ends, of 24 looked at, are GT and AG in"):
        SpliceScorer(networks, store, Genes([Gene("G", "chr1", 1, 251, strand, bounds + 1)]))


def test_networks_of_two_contexts_and_a_distance_past_5000_are_refused(
    network: Layer, genome: GenomeStore
) -> None:
    networks = [SpliceNetwork.of(network), SpliceNetwork.of(spliceai(context_bp=400, filters=2))]
    with pytest.raises(ValueError, match=r"expects networks of one context, got \[80, 400\]"):
        SpliceScorer(networks, genome, GENES)
    with pytest.raises(ValueError, match="distance expects 0 to 5000 bases, got 5001"):
        SpliceOptions(5001)


#: TensorFlow 2.21's outputs of CI-SpliceAI.pb's first network for the example's gene: base of chr10, acceptor, donor
RECORDED = Path(__file__).with_name("ci_spliceai1.tsv")


def test_the_shipped_network_gives_tensorflows_probabilities_of_the_original() -> None:
    with as_file(files("genoml") / "resources" / "splice_example.fa.gz") as path:
        (record,) = read_fasta(path)
    table = np.loadtxt(RECORDED, skiprows=1)
    rows = table[:, 0].astype(int) - 1
    first, stop = int(rows.min()), int(rows.max()) + 1
    codes = np.full(stop - first + 10_000, 15, np.uint8)
    gene = base_codes([record.sequence[first - 5000 : stop + 5000]])[0]
    codes[: len(gene)] = np.where(gene < 4, gene, 15)
    same = Edit(5000, 1, codes[5000:5001])
    ((own, edited),) = SpliceNetwork.shipped().changed(codes, True, [same], [(5000, 5000 + stop - first)])
    np.testing.assert_allclose(own[rows - first, 1:], table[:, 1:], atol=1e-6)
    np.testing.assert_allclose(edited, own, atol=1e-6)
