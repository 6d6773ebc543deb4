"""Blinding: what a rater holds, with all that is public, says nothing of sides and orders; the key is closed."""

import hashlib
import hmac
import itertools
import json
import os
import stat

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.grading.raters.secret import draw, kept_secret
from clinical_dpo.grading.raters.sheets import KEY_COLUMNS, correctness_items, key_rows, preference_items, sheet_rows
from clinical_dpo.io import write_csv
from tests.helpers.rating import study

SEEDS = range(1000)
N = 160


@pytest.fixture
def attacked(tmp_path):
    """The key and one rater's sheet, drawn as the workflow draws them."""
    rows, answers = study(N)
    items = preference_items(rows, answers, ("dpo", "sft"), 42)
    key = key_rows(items, "preference", "preference", ["r1"], kept_secret(tmp_path / "keys/preference.secret"))
    return key, sheet_rows(items, key, "r1")


def shown_values(row, place):
    """What a page shows of an item, and what is known of it elsewhere."""
    return {
        "id": row["item_id"],
        "text": row["text_sha256"],
        "question": row["question"],
        "A": row["A"],
        "B": row["B"],
        "place": place,
        "row": int(row["question"].removeprefix("Question ").removesuffix("?")),
    }


def test_no_seed_and_no_value_of_a_sheet_tells_the_sides(attacked):
    """The attack that found every side of unkeyed sheets, with every seed and all values that a sheet shows.

    A guess is the parity of a digest. Right guesses of one attempt are binomial; the best of all attempts stays within
    what that many fair coins give (a chance of 1 in 10,000), and so does the worst, whose opposite is a guess too.
    """
    key, rows = attacked
    truth = {row["item_id"]: row["A"] != "dpo" for row in key}
    known = [shown_values(row, place) for place, row in enumerate(rows)]
    guesses = []
    for name in known[0]:
        for seed in SEEDS:
            right = 0
            for values in known:
                parts = ("side", seed, "preference", "r1", values[name])
                digest = hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).digest()
                right += (digest[-1] % 2 == 1) == truth[values["id"]]
            guesses.append(right)
    keyed = [
        sum((draw(word, "side", "preference", "r1", values["id"]) % 2 == 1) == truth[values["id"]] for values in known)
        for word in ("", *map(str, SEEDS))
    ]
    half, deviation = len(rows) / 2, len(rows) ** 0.5 / 2
    bound = 6 * deviation  # 8,000 attempts: the chance of one beyond is below 1 in 10,000
    assert all(abs(right - half) < bound for right in guesses + keyed)


def test_the_attack_finds_what_can_be_found(attacked):
    """The same guess with the secret is right every time: the test above tries the function that draws."""
    key, _ = attacked
    rows, answers = study(N)
    items = preference_items(rows, answers, ("dpo", "sft"), 42)
    weak = key_rows(items, "preference", "preference", ["r1"], "7")
    for row in weak:
        assert (row["A"] != "dpo") == (draw("7", "side", "preference", "r1", row["item_id"]) % 2 == 1)
    assert [row["A"] for row in weak] != [row["A"] for row in key]


def test_the_order_of_a_sheet_says_nothing_of_rows_or_sides(attacked):
    """Neither the place of an item nor its neighbours goes with its side; nor is the order that of any shown value."""
    key, rows = attacked
    side = {row["item_id"]: row["A"] == "dpo" for row in key}
    sides = [side[row["item_id"]] for row in rows]
    repeats = sum(one == other for one, other in itertools.pairwise(sides))
    assert abs(repeats - len(rows) / 2) < 6 * len(rows) ** 0.5 / 2
    for name in ("item_id", "text_sha256", "question", "A", "B"):
        values = [row[name] for row in rows]
        assert values not in (sorted(values), sorted(values, reverse=True))
    for seed in SEEDS:
        guess = sorted(
            rows,
            key=lambda row: hashlib.sha256(
                json.dumps(("order", seed, "preference", "r1", row["item_id"])).encode()
            ).hexdigest(),
        )
        assert guess != rows


def test_two_sheets_do_not_share_their_draws(tmp_path):
    rows, answers = study(N)
    items = preference_items(rows, answers, ("dpo", "sft"), 42)
    drawn = []
    for name in ("one", "two"):
        secret = kept_secret(tmp_path / name / "preference.secret")
        drawn.append([row["A"] for row in key_rows(items, "preference", "preference", ["r1"], secret)])
    same = sum(one == other for one, other in zip(*drawn, strict=True))
    assert abs(same - N / 2) < 6 * N**0.5 / 2


def test_a_secret_is_drawn_once_and_closed(tmp_path):
    os.umask(0o000)
    try:
        path = tmp_path / "keys/preference.secret"
        secret = kept_secret(path)
        assert kept_secret(path) == secret and len(secret) == 64
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        path.chmod(0o644)
        path.parent.chmod(0o755)
        kept_secret(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        key = tmp_path / "keys/preference.csv"
        write_csv(key, [], KEY_COLUMNS, private=True)
        assert stat.S_IMODE(key.stat().st_mode) == 0o600 and stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    finally:
        os.umask(0o022)


@pytest.mark.parametrize("content", ["", "short\n", "g" * 64])
def test_what_is_no_secret_is_refused_and_not_replaced(tmp_path, content):
    path = tmp_path / "preference.secret"
    path.write_text(content)
    with pytest.raises(UserError, match=r"preference\.secret: no secret of a sheet"):
        kept_secret(path)
    assert path.read_text() == content


def test_a_planted_link_is_no_secret(tmp_path):
    (tmp_path / "known").write_text("0" * 64)
    for target in ("known", "nothing"):
        link = tmp_path / f"{target}.secret"
        link.symlink_to(tmp_path / target)
        with pytest.raises(UserError, match="no secret of a sheet"):
            kept_secret(link)


def test_the_draw_is_an_hmac():
    parts = json.dumps(("side", "preference", "r1", "i1")).encode()
    expected = int(hmac.new(b"5" * 64, parts, hashlib.sha256).hexdigest(), 16)
    assert draw("5" * 64, "side", "preference", "r1", "i1") == expected


def test_an_answer_that_changes_draws_anew_and_leaves_the_others(tmp_path):
    """Ratings of items that are as they were can still be read."""
    rows, answers = study(40)
    secret = kept_secret(tmp_path / "preference.secret")
    pair = ("dpo", "sft")
    old = sheet_rows(*_sheet(preference_items(rows, answers, pair, 42), secret), "r1")
    answers["dpo"][1]["text"] = "another answer"
    new = sheet_rows(*_sheet(preference_items(rows, answers, pair, 42), secret), "r1")
    kept = {row["item_id"]: row for row in old}
    changed = [row for row in new if kept.get(row["item_id"]) != row]
    assert [row["question"] for row in changed] == ["Question 1?"]
    assert len(correctness_items(rows, answers, 42)) > len(rows)


def _sheet(items, secret):
    return items, key_rows(items, "preference", "preference", ["r1"], secret)
