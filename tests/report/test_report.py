"""The report: complete, offline, escaped, reproducible, and rendered by a browser where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest

from genoml import plot
from genoml.explain import FilterMotif, match_motif
from genoml.explain.discovery.motif import DiscoveredMotif
from genoml.io import Motif, jaspar_motifs
from genoml.report import AttentionView, Composition, FalseCall, ReportData, SequenceView, build_report

#: how the address of a figure begins
SVG = "data:image/svg+xml,"
NAMESPACE = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert("1")</script> & $x_1$ --> \''


@pytest.fixture(scope="module")
def content() -> ReportData:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 400)
    known = jaspar_motifs()
    ctcf = next(motif for motif in known if motif.name.startswith("MA0139"))
    motifs = [
        FilterMotif(3, np.asarray(ctcf.matrix[::-1, ::-1]), 431, 100.0),
        FilterMotif(0, rng.integers(1, 9, (9, 4)).astype(float), 20, 10.0),
    ]
    filters = []
    for motif in motifs:
        match = match_motif(motif.counts, known)[0]
        filters.append((motif, match, known[match.target]))
    filters.append((FilterMotif(1, np.zeros((9, 4)), 0, 0.0), None, None))
    cwm = np.asarray(ctcf.probabilities) - 0.25
    rows = np.arange(30)
    found = DiscoveredMotif("neg_0", -1, ctcf.probabilities, -cwm, -cwm, rows, rows, np.ones(30, np.int8))
    match = match_motif(ctcf.matrix, known)[0]
    return ReportData(
        title="CTCF against shuffled sequences",
        summary="The network reaches AUROC 0.9.",
        metrics={
            "network": {"auroc": 0.91, "aupr": 0.92, "f1": 0.8, "n_positives": 1200, "n_negatives": 900},
            "6-mer regression": {"auroc": 0.81, "aupr": float("nan"), "f1": 0.7, "n_positives": 1200},
        },
        validation={"network": {"auroc": 0.9}, "6-mer regression": {"auroc": 0.7}},
        composition=Composition(rng.uniform(size=400), rng.integers(90, 110, 400), targets == 1),
        false_calls=[FalseCall("chr1:5-105", 0.97, False), FalseCall("chr2:5-105", 0.03, True)],
        motifs=[(found, match, known[match.target])],
        motifs_note="Looked for in 400 sequences.",
        history=[
            {"epoch": i, "loss": 1 / i, "validation_loss": 1.1 / i, "validation_auroc": 1 - 0.4 / i}
            for i in range(1, 9)
        ],
        curves={
            "network": (rng.normal(size=400) + 2 * targets, targets),
            "6-mer regression": (rng.normal(size=400) + targets, targets),
        },
        probabilities=(rng.uniform(size=400), targets),
        filters=filters,
        sequences=[SequenceView("peak", "ACGTN" * 30, 0.93, rng.normal(size=150), rng.normal(size=(150, 4)))],
        attention=[AttentionView("block1.attention", "peak", "ACGT" * 25, rng.uniform(size=(3, 10, 10)))],
        details={"backend": "numpy 2.4 on cpu", "seed": "1", "command": "genoml demo --seed 1"},
        downloads={"scores.tsv": "name\tauroc\nnet & co\t0.9\n", "filters.meme": "MEME version 4\n"},
    )


class Page(HTMLParser):
    """What a page refers to, its identifiers, its headings and its text."""

    void = frozenset({"meta", "link", "br", "img", "input", "hr", "source"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def images(self) -> list[ElementTree.Element]:
        """The figures, each an SVG document within the page."""
        addresses = [value for value in self.values("src") if value.startswith(SVG)]
        return [ElementTree.fromstring(unquote(value.removeprefix(SVG))) for value in addresses]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


def built(path: Path, content: ReportData) -> tuple[str, Page]:
    build_report(path, content)
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


def test_every_part_is_there(tmp_path, content):
    text, page = built(tmp_path / "report.html", content)
    assert page.open == []
    for part in (
        "metrics",
        "validation",
        "curves",
        "probabilities",
        "false_calls",
        "composition",
        "motifs",
        "downloads",
        "sequences",
        "attention",
        "filters",
        "training",
        "details",
    ):
        assert part in page.values("id")
        assert f"#{part}" in page.values("href")
    assert page.tags.count("img") == len(page.images) == 2 + 2 + 3 + 3 + 1 + 1 + 2 + 1
    for words in (
        "CTCF against shuffled sequences",
        "The network reaches AUROC 0.9.",
        "network 0.910 0.920 0.800 1,200 900",
        "6-mer regression 0.810 – 0.700 1,200 –",
        "431 sites; MA0139.2, reverse strand, similarity 1.00",
        "No clear match filter 0, 20 sites; closest",
        "No clear match filter 1, 0 sites",
        "genoml demo --seed 1",
        "peak predicted probability 0.930; DeepLIFT and mutagenesis agree with r = ",
        "network 0.900 6-mer regression 0.700",
        "chr1:5-105 negative 0.970 chr2:5-105 positive 0.030",
        "Looked for in 400 sequences.",
        "CTCF neg_0, lowers the output, 30 seqlets; MA0139.2, forward strand, similarity 1.00",
        "of 150 bp, where mutations act most",
        "block1.attention peak, 3 heads",
    ):
        assert words in page.text
    assert "<h3>CTCF</h3>" in text
    assert len(re.findall(r'<td class="best">', text)) == 3 + 1


def test_the_least_error_is_marked_and_the_greatest_of_other_scores(tmp_path, content):
    rows = {"network": {"pearson": 0.1, "mse": 0.04}, "ridge": {"pearson": 0.4, "mse": 0.03}}
    text, _ = built(tmp_path / "report.html", replace(content, validation=rows, metrics={}))
    assert re.findall(r'<td class="best">\s*([0-9.]+)', text) == ["0.400", "0.030"]


def references(figure: ElementTree.Element) -> list[str]:
    """What a figure refers to, by address or in a style."""
    attributes = [pair for element in figure.iter() for pair in element.attrib.items()]
    named = [value for name, value in attributes if name.split("}")[-1] in ("href", "src")]
    return named + [found for _, value in attributes for found in re.findall(r"url\(([^)]*)\)", value)]


def test_nothing_refers_to_the_network(tmp_path, content):
    text, page = built(tmp_path / "report.html", content)
    rest = re.sub(r' (src|srcset)="[^"]*"', "", text)
    assert "http" not in rest
    assert "@import" not in text
    assert not {"script", "link", "iframe", "svg", "base"} & set(page.tags)
    addresses = [page.values(name) for name in ("src", "href", "xlink:href", "srcset", "data", "action")]
    assert all(value.startswith(("#", SVG, "data:text/")) for values in addresses for value in values)
    assert "url(" not in rest
    for figure in page.images:
        assert not {"script", "foreignObject"} & {element.tag.split("}")[-1] for element in figure.iter()}
        # attention maps are images, held in the figure itself
        assert all(value.startswith(("#", "data:image/png;base64,")) for value in references(figure))


def test_identifiers_are_unique_and_every_reference_is_kept(tmp_path, content):
    _, page = built(tmp_path / "report.html", content)
    identifiers = page.values("id")
    assert len(set(identifiers)) == len(identifiers)
    for figure in page.images:
        identifiers = [element.attrib["id"] for element in figure.iter() if "id" in element.attrib]
        assert len(set(identifiers)) == len(identifiers)
        used = {value[1:] for value in references(figure) if value.startswith("#")}
        assert used
        assert used <= set(identifiers)


def test_every_colour_of_a_figure_has_one_for_a_dark_page(tmp_path, content):
    _, page = built(tmp_path / "report.html", content)
    for figure in page.images:
        (rules,) = [style.text for style in figure.iter(f"{NAMESPACE}style") if "dark" in style.text]
        styles = [element.attrib.get("style", "") for element in figure.iter()]
        colours = {found for style in styles for found in re.findall(r"(?:fill|stroke): #\w{6}", style)}
        assert f"fill: {plot.INK}" in colours
        assert [colour for colour in colours if f'[style*="{colour}"]' not in rules] == []


def test_files_of_the_page_are_saved_as_they_are(tmp_path, content):
    _, page = built(tmp_path / "report.html", content)
    addresses = [value for value in page.values("href") if value.startswith("data:")]
    saved = [unquote(address.partition(",")[2]) for address in addresses]
    assert dict(zip(page.values("download"), saved, strict=True)) == content.downloads


def test_logos_of_sequences_wrap_on_a_phone(tmp_path, content):
    _, page = built(tmp_path / "report.html", content)
    (address,) = page.values("srcset")
    assert page.values("media") == ["(max-width: 34rem)"]
    assert not re.search(r"\s", address)
    wide = next(image for image in page.images if float(image.attrib["width"].removesuffix("pt")) > 600)
    narrow = ElementTree.fromstring(unquote(address.removeprefix(SVG)))
    width, height = (float(narrow.attrib[name].removesuffix("pt")) for name in ("width", "height"))
    # three rows of forty bases in the place of one of 120, half as wide
    assert width < 0.5 * float(wide.attrib["width"].removesuffix("pt"))
    assert height > 2 * float(wide.attrib["height"].removesuffix("pt"))
    assert len([style for style in narrow.iter(f"{NAMESPACE}style") if "dark" in style.text]) == 1


def test_figures_say_what_they_show(tmp_path, content):
    _, page = built(tmp_path / "report.html", content)
    labels = page.values("alt")
    assert "Logo of filter 3 above the logo of CTCF MA0139.2." in labels
    assert any(
        re.fullmatch(r"ROC curves; area under each: network 0\.\d{3}, .*\.", label) for label in labels
    )
    assert len(labels) == page.tags.count("img")
    assert all(labels)


def test_the_same_content_gives_the_same_bytes(tmp_path, content):
    first, _ = built(tmp_path / "a.html", content)
    second, _ = built(tmp_path / "b.html", content)
    assert first == second


def test_a_page_of_sixteen_filters_is_small(tmp_path, content):
    text, _ = built(tmp_path / "report.html", replace(content, filters=content.filters[:2] * 8))
    assert len(text.encode()) < 2_000_000


def test_names_are_escaped(tmp_path, content):
    curves = {HOSTILE: content.curves["network"]}
    motif, match, _ = content.filters[0]
    named = Motif(HOSTILE, np.asarray(motif.counts), symbol=HOSTILE, kind="counts")
    hostile = ReportData(
        title=HOSTILE,
        summary=HOSTILE,
        metrics={HOSTILE: {HOSTILE: 1.0}},
        curves=curves,
        filters=[(motif, replace(match, name=HOSTILE, symbol=HOSTILE), named)],
        details={HOSTILE: HOSTILE},
    )
    _, page = built(tmp_path / "report.html", hostile)
    assert "script" not in page.tags
    assert page.open == []
    assert page.text.count('<script>alert("1")</script>') >= 6


def test_parts_without_content_are_left_out(tmp_path):
    _, page = built(tmp_path / "report.html", ReportData(title="Empty"))
    assert "section" not in page.tags
    assert page.text.split() == ["Empty", "Empty"]
    _, page = built(tmp_path / "report.html", ReportData("Losses", history=[{"epoch": 1, "loss": 0.5}]))
    assert len(page.images) == 1


def test_a_failed_report_leaves_the_former_one(tmp_path, content):
    path = tmp_path / "report.html"
    path.write_text("former")
    wrong = replace(content, curves={"network": ([0.1, 0.2], [0, 1, 1])})
    with pytest.raises(ValueError, match=r"got \(2,\) and \(3,\)"):
        build_report(path, wrong)
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such directory"):
        build_report(tmp_path / "absent" / "report.html", ReportData(title="Empty"))


def test_missing_jinja_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"pip install genoml-xp\[report\]"):
        build_report(tmp_path / "report.html", ReportData(title="Empty"))


def rendered(path: Path, profile: Path) -> str:
    """The page's document as Chromium builds it, or the file itself where there is no Chromium."""
    browser = shutil.which("chromium")
    if browser is None:
        return path.read_text(encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += ["--virtual-time-budget=1000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    return done.stdout.decode("utf-8")


def test_a_browser_shows_every_part(tmp_path, content):
    path = tmp_path / "report.html"
    _, written = built(path, content)
    shown = Page(rendered(path, tmp_path / "profile"))
    assert shown.text.split() == written.text.split()
    for tag in ("h1", "h2", "h3", "table", "img", "dl"):
        assert shown.tags.count(tag) == written.tags.count(tag) > 0
