"""Blinding: a rater's sheet and all public facts reveal neither sides nor orders, and the key is private."""

import hashlib
import hmac
import itertools
import json
import os
import stat

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.grading.raters.secret import draw, read_or_create_secret
from clinical_dpo.grading.raters.sheets import KEY_COLUMNS, correctness_items, key_rows, preference_items, sheet_rows
from clinical_dpo.io import write_csv
from tests.helpers.rating import study

SEEDS = range(1000)
N = 160


@pytest.fixture
def attacked(tmp_path):
    """The key and a rater's sheet, drawn as in the workflow."""
    rows, answers = study(N)
    items = preference_items(rows, answers, ("dpo", "sft"), 42)
    key = key_rows(
        items, "preference", "preference", ["r1"], read_or_create_secret(tmp_path / "keys/preference.secret")
    )
    return key, sheet_rows(items, key, "r1")


def public_values(row, place):
    """Values of an item that its page shows or that are public."""
    return {
        "id": row["item_id"],
        "text": row["text_sha256"],
        "question": row["question"],
        "A": row["A"],
        "B": row["B"],
        "place": place,
        "row": int(row["question"].removeprefix("Question ").removesuffix("?")),
    }


def test_no_seed_and_no_value_of_a_sheet_reveals_the_sides(attacked):
    """The attack tries every seed and every value of a sheet. It reveals every side of sheets without a secret.

    A guess is the parity of a digest. The right guesses of an attempt are binomial. The best attempt stays within the
    range of as many fair coins (chance of an excess: 1 in 10,000). So does the worst, whose opposite is a guess too.
    """
    key, rows = attacked
    truth = {row["item_id"]: row["A"] != "dpo" for row in key}
    items = [public_values(row, place) for place, row in enumerate(rows)]
    guesses = []
    for name in items[0]:
        for seed in SEEDS:
            right = 0
            for values in items:
                parts = ("side", seed, "preference", "r1", values[name])
                digest = hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).digest()
                right += (digest[-1] % 2 == 1) == truth[values["id"]]
            guesses.append(right)
    keyed = [
        sum((draw(word, "side", "preference", "r1", values["id"]) % 2 == 1) == truth[values["id"]] for values in items)
        for word in ("", *map(str, SEEDS))
    ]
    half, deviation = len(rows) / 2, len(rows) ** 0.5 / 2
    bound = 6 * deviation  # 8,000 attempts: the chance of an excess is below 1 in 10,000
    assert all(abs(right - half) < bound for right in guesses + keyed)


def test_the_attack_with_the_secret_reveals_every_side(attacked):
    """So the test above attacks the function that draws."""
    key, _ = attacked
    rows, answers = study(N)
    items = preference_items(rows, answers, ("dpo", "sft"), 42)
    weak = key_rows(items, "preference", "preference", ["r1"], "7")
    for row in weak:
        assert (row["A"] != "dpo") == (draw("7", "side", "preference", "r1", row["item_id"]) % 2 == 1)
    assert [row["A"] for row in weak] != [row["A"] for row in key]


def test_the_order_of_a_sheet_reveals_neither_rows_nor_sides(attacked):
    """Sides of neighbours are independent, and the order is not that of any shown value."""
    key, rows = attacked
    side = {row["item_id"]: row["A"] == "dpo" for row in key}
    sides = [side[row["item_id"]] for row in rows]
    repeats = sum(side == following for side, following in itertools.pairwise(sides))
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
    for name in ("first", "second"):
        secret = read_or_create_secret(tmp_path / name / "preference.secret")
        drawn.append([row["A"] for row in key_rows(items, "preference", "preference", ["r1"], secret)])
    same = sum(first == second for first, second in zip(*drawn, strict=True))
    assert abs(same - N / 2) < 6 * N**0.5 / 2


@pytest.fixture
def open_umask():
    """New files are open to other users by default."""
    before = os.umask(0o000)
    yield
    os.umask(before)


def is_private(path):
    return stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_secret_is_drawn_once(tmp_path):
    path = tmp_path / "keys/preference.secret"
    secret = read_or_create_secret(path)
    assert read_or_create_secret(path) == secret and len(secret) == 64


def test_a_secret_is_private(tmp_path, open_umask):
    path = tmp_path / "keys/preference.secret"
    read_or_create_secret(path)
    assert is_private(path)


def test_a_secret_that_was_opened_to_others_is_made_private(tmp_path, open_umask):
    path = tmp_path / "keys/preference.secret"
    read_or_create_secret(path)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    read_or_create_secret(path)
    assert is_private(path)


def test_a_key_is_private(tmp_path, open_umask):
    key = tmp_path / "keys/preference.csv"
    write_csv(key, [], KEY_COLUMNS, private=True)
    assert is_private(key)


@pytest.mark.parametrize("content", ["", "short\n", "g" * 64])
def test_a_file_without_a_secret_is_refused_and_not_replaced(tmp_path, content):
    path = tmp_path / "preference.secret"
    path.write_text(content)
    with pytest.raises(UserError, match=r"preference\.secret: .*64 hex digits.*Restore the file"):
        read_or_create_secret(path)
    assert path.read_text() == content


@pytest.mark.parametrize("target", ["file", "missing"])
def test_a_link_is_no_secret(tmp_path, target):
    (tmp_path / "file").write_text("0" * 64)
    link = tmp_path / "planted.secret"
    link.symlink_to(tmp_path / target)
    with pytest.raises(UserError, match=r"planted\.secret: .*64 hex digits.*Restore the file"):
        read_or_create_secret(link)


def test_the_draw_is_an_hmac():
    parts = json.dumps(("side", "preference", "r1", "i1")).encode()
    expected = int(hmac.new(b"5" * 64, parts, hashlib.sha256).hexdigest(), 16)
    assert draw("5" * 64, "side", "preference", "r1", "i1") == expected


def test_a_changed_answer_changes_its_item_alone(tmp_path):
    """Ratings of unchanged items stay valid."""
    rows, answers = study(40)
    secret = read_or_create_secret(tmp_path / "preference.secret")
    pair = ("dpo", "sft")
    old = sheet_rows(*_sheet(preference_items(rows, answers, pair, 42), secret), "r1")
    answers["dpo"][1]["text"] = "another answer"
    new = sheet_rows(*_sheet(preference_items(rows, answers, pair, 42), secret), "r1")
    old_by_id = {row["item_id"]: row for row in old}
    changed = [row for row in new if old_by_id.get(row["item_id"]) != row]
    assert [row["question"] for row in changed] == ["Question 1?"]
    assert len(correctness_items(rows, answers, 42)) > len(rows)


def _sheet(items, secret):
    return items, key_rows(items, "preference", "preference", ["r1"], secret)
