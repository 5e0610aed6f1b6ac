import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from labelaudit.core.errors import ConfigError, DataError
from labelaudit.report.cards import rows_to_show, tier_of
from labelaudit.report.page import chance, policy_of, with_code
from labelaudit.report.thumbnails import SIDE, Thumbnail, thumbnail
from labelaudit.report.written import MARK, write_page
from tests.pets import small_dataset, small_findings


def stored(pixels, kind="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def made(data):
    found = thumbnail(data)
    assert isinstance(found, Thumbnail), found
    return found


def refused(data):
    found = thumbnail(data)
    assert isinstance(found, str)
    return found


def test_a_thumbnail_is_whole_and_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    found = made(stored(np.zeros((300, 900, 3), dtype=np.uint8), "JPEG", exif=exif))
    assert (found.width, found.height) == (round(SIDE / 3), SIDE)
    assert found.address.startswith("data:image/jpeg;base64,/9j/")


def test_tiny_images_keep_every_pixel():
    found = made(stored(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)))
    assert (found.width, found.height, found.is_tiny) == (8, 8, True)
    assert found.address.startswith("data:image/png;base64,iVBOR")


def test_the_largest_thumbnail_of_pure_noise_lets_500_fit_into_15_megabytes():
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3)).astype(np.uint8)
    assert len(made(stored(noise)).address) < 15e6 / 500


def test_what_is_no_image_is_said_in_words():
    assert refused(b"") == "the file is empty (0 bytes)"
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3)).astype(np.uint8)
    assert refused(stored(noise)[:9000]).startswith("the file is cut off")


def test_an_image_of_20_000_pixels_a_side_is_not_decoded():
    huge = Image.new("1", (20_000, 20_000))
    buffer = io.BytesIO()
    huge.save(buffer, "PNG")
    assert "too large" in refused(buffer.getvalue())


def test_where_there_are_few_suspects_the_next_ones_are_worth_a_look():
    dataset = dataclasses.replace(small_dataset(), trusted=np.zeros(4, dtype=np.bool_))
    frame = small_findings(dataset)
    rows = rows_to_show(frame, most=500)
    assert rows["sample_id"].tolist() == ["b.png", "d.png", "c.png", "a.png"]
    assert rows["action"].tolist()[-1] == "keep"
    assert rows_to_show(small_findings(), most=500)["sample_id"].tolist() == ["b.png", "d.png", "c.png"]  # a is trusted
    assert rows["rank"].is_monotonic_increasing
    assert not set(rows["issue"]) & {"unreadable", "missing-label", "missing-file"}
    assert len(rows_to_show(frame, most=1)) == 1


def test_tiers_follow_the_probability():
    assert [tier_of(p, is_suspect=True) for p in (0.05, 0.1, 0.49, 0.5)] == [
        "almost sure",
        "likely",
        "likely",
        "worth a look",
    ]
    assert tier_of(0.05, is_suspect=False) == "worth a look"


def test_no_probability_is_shown_as_certain():
    assert [chance(p) for p in (0.9999, 0.973, 0.004)] == ["> 99 %", "97 %", "< 1 %"]


def test_commands_between_backticks_are_code_and_everything_is_escaped():
    assert str(with_code("run `a <b>` <c>")) == "run <code>a &lt;b&gt;</code> &lt;c&gt;"


def test_the_policy_allows_one_style_and_one_script_by_their_hashes():
    # sha256 of "" in base64, as RFC 6234 has it
    empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    rules = policy_of("", "").split("; ")
    assert "default-src 'none'" in rules
    assert f"style-src 'sha256-{empty}'" in rules
    assert f"script-src 'sha256-{empty}'" in rules


def test_a_file_of_somebody_else_stays(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("<!doctype html><p>mine")
    with pytest.raises(ConfigError, match=r"report.html is no report of labelaudit.*\n.*--overwrite"):
        write_page(path, f"{MARK} new", overwrite=False)
    assert path.read_text() == "<!doctype html><p>mine"
    write_page(path, f"{MARK} new", overwrite=True)
    write_page(path, f"{MARK} newer", overwrite=False)  # ours now
    assert path.read_text() == f"{MARK} newer"


def test_a_folder_is_no_place_for_a_page(tmp_path):
    with pytest.raises(ConfigError, match=r"is a folder.\nName a file: --output .*report.html"):
        write_page(tmp_path, "x", overwrite=False)
    with pytest.raises(DataError, match="cannot write"):
        write_page(tmp_path, "x", overwrite=True)
