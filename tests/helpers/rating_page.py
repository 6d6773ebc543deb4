"""Steps of a rater on the rating page: open it, rate by keyboard, export."""


def opened(context, path):
    """The page of a sheet's file in a browser."""
    page = context.new_page()
    page.goto(path.as_uri())
    return page


def item_id(page):
    """The id of the item whose texts the page shows."""
    return page.evaluate(
        """() => {
          const items = JSON.parse(document.getElementById("sheet").textContent).items;
          const shown = (name) => document.querySelector(`#text-${name} p`).textContent;
          const names = ["criterion", "question", "reference", "answer", "A", "B"];
          return items.find((item) => names.every((name) => !(name in item) || shown(name) === item[name])).item_id;
        }"""
    )


def exported(page, folder, button="#export"):
    """Export the ratings into a folder. Returns the path of the file."""
    with page.expect_download() as download:
        page.click(button)
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


KEYS = [("1", "A"), ("b", "B"), ("3", "tie"), ("2", "B"), ("n", "cannot judge")]  # key, rating


def rate_by_keyboard(page, draw, n=None, keys=KEYS):
    """Rate n items, or all, by random keys. Returns item id -> rating."""
    clicked = {}
    while page.locator("#item").is_visible() and len(clicked) != n:
        name = item_id(page)
        key, clicked[name] = draw.choice(keys)
        page.keyboard.press(key)
    return clicked
