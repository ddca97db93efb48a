"""The report's file: self-contained, escaped, complete, honest when something was not measured."""

import json
import re
from pathlib import Path

import plotly.offline
import pytest

from midcourse.errors import UserError
from midcourse.measure import figures, report
from midcourse.measure.result import Measurement, Side, Taken
from tests.measure import sample

CSS = Path(report.__file__).parent.joinpath("assets", "report.css").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page() -> str:
    return report.render(sample.measurement(), sample.metrics())


def own(page: str) -> str:
    """The page without plotly's bundle."""
    bundle = plotly.offline.get_plotlyjs()
    assert page.count(bundle) == 1, "plotly is inlined exactly once"
    return page.replace(bundle, "")


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    text = own(page)
    assert re.findall(r"""(?:src|href|action|poster|data)\s*=\s*["'](?!#|data:,)[^"']*""", text) == []
    assert re.findall(r"@import|url\(|https?://|//[a-z]+\.[a-z]+/", text) == []
    assert "default-src &#39;none&#39;" in text


def test_every_script_that_runs_is_named_by_hash(page: str) -> None:
    scripts = re.findall(r"<script>", page)
    assert len(scripts) == 2
    assert len(re.findall(r"sha256-", page.split("</head>")[0])) == 2


def test_model_text_stays_text() -> None:
    text = own(report.render(sample.measurement(attack=True), sample.metrics()))
    assert "window.pwned" in text
    assert "<script>window" not in text
    assert "<img" not in text
    assert len(re.findall(r"</script>", text)) == 3


def test_the_same_measurement_gives_the_same_page(page: str) -> None:
    assert report.render(sample.measurement(), sample.metrics()) == page


def test_a_report_can_be_drawn_from_the_file_alone(tmp_path: Path, page: str) -> None:
    sample.measurement().write(tmp_path / "measure.json")
    read = Measurement.model_validate_json((tmp_path / "measure.json").read_text(encoding="utf-8"))
    report.write(read, tmp_path / "report.html", sample.metrics())
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_the_metrics_beside_an_adapter_are_found(tmp_path: Path) -> None:
    assert report.training_metrics(None) is None
    assert report.training_metrics(str(tmp_path)) is None
    tmp_path.joinpath("metrics.json").write_text('{"epochs": []}')
    assert report.training_metrics(str(tmp_path)) == {"epochs": []}
    tmp_path.joinpath("metrics.json").write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        report.training_metrics(str(tmp_path))


def test_without_an_adapter_only_before_is_told() -> None:
    result = sample.measurement()
    result.after, result.adapter, result.rounds, result.comparison = None, None, [], []
    for case in result.cases:
        case.after = None
    for answer in result.answers:
        answer.after = None
    text = own(report.render(result))
    assert "without an adapter" in text
    assert ">After<" not in text
    assert 'id="effort"' not in text
    assert 'id="training"' not in text


def test_an_empty_measurement_is_still_a_page() -> None:
    text = own(report.render(Measurement(created="2026-11-22T12:30:00+00:00", model="m", before=Side())))
    assert "Nothing was measured" in text
    assert 'id="drift"' in text


def test_what_was_written_is_cut_where_its_way_parts() -> None:
    case = sample.measurement().cases[0]
    assert case.chosen is not None
    chosen, rejected = case.chosen, case.rejected[0]
    assert report.marked(case, Taken(wrote=chosen)) == [("chosen", chosen.pieces)]
    assert report.marked(case, Taken(wrote=rejected)) == [("rejected", rejected.pieces)]
    half = chosen.model_copy(update={"pieces": [*chosen.pieces[:2], "?!"]})
    assert report.marked(case, Taken(wrote=half)) == [("chosen", chosen.pieces[:2]), ("third", ["?!"])]
    more = chosen.model_copy(update={"pieces": [*chosen.pieces, " and on"]})
    assert report.marked(case, Taken(wrote=more)) == [("chosen", chosen.pieces), ("past", [" and on"])]
    assert report.marked(case, Taken()) == []


def test_histograms_hold_every_steer() -> None:
    result = sample.measurement()
    figure = figures.margins(result)
    assert figure is not None
    assert [sum(bars["y"]) for bars in figure.data] == [len(result.cases)] * 2
    assert figure.data[0]["x"] == figure.data[1]["x"]
    json.dumps(figure.layout, allow_nan=False)


def test_equal_margins_can_be_drawn() -> None:
    result = sample.measurement()
    for case in result.cases:
        case.before = Taken(chosen_logp=-1, rejected_logp=[-1])
        case.after = None
    figure = figures.margins(result)
    assert figure is not None
    assert sum(figure.data[0]["y"]) == len(result.cases)


def test_margins_alike_and_far_from_zero_can_be_drawn() -> None:
    """The bins reach from the margins to 0, and are no more for that."""
    result = sample.measurement()
    for case in result.cases:
        case.before = Taken(chosen_logp=-1, rejected_logp=[-1000])
        case.after = None
    figure = figures.margins(result)
    assert figure is not None
    assert sum(figure.data[0]["y"]) == len(result.cases)
    assert len(figure.data[0]["x"]) < 1000


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast(scheme: int) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 : 1."""
    colours = dict(re.findall(r"(--[a-z-]+): (#[0-9a-f]{6});", re.findall(r":root[^{]*\{([^}]*)\}", CSS)[scheme]))
    pairs = [(ink, paper) for ink in ("ink", "muted", "accent", "rejected") for paper in ("paper", "card")]
    pairs += [(kind, f"{kind}-soft") for kind in ("accent", "rejected", "third")]
    for ink, paper in pairs:
        light, dark = sorted((luminance(colours[f"--{name}"]) for name in (ink, paper)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
