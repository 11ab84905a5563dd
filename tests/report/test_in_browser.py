"""The HTML report in Debian's headless Chromium: on a phone, on a desk, on paper, in the dark.

Without Chromium these tests are skipped; with SLIMFIX_BROWSER_TESTS=required they fail instead.
"""

from __future__ import annotations

import base64
import json
import os
import pathlib
import re
import shutil

import pytest

from slimfix.report import format_html

PHONE, DESK = (360, 640), (1280, 900)
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def missing():
    """What the tests lack here; '' for nothing."""
    return " and ".join(name for name in ("chromium", "chromedriver") if not shutil.which(name))


def refuse_or_skip(lacking, environment):
    if lacking and environment.get("SLIMFIX_BROWSER_TESTS") == "required":
        pytest.fail(f"SLIMFIX_BROWSER_TESTS=required, but there is no {lacking}")
    if lacking:
        pytest.skip(f"no {lacking}; Debian has both: apt-get install chromium chromium-driver")


def test_without_a_browser_the_tests_are_skipped_or_fail():
    with pytest.raises(pytest.skip.Exception, match="no chromedriver; Debian has both"):
        refuse_or_skip("chromedriver", {})
    with pytest.raises(pytest.fail.Exception, match="but there is no chromedriver"):
        refuse_or_skip("chromedriver", {"SLIMFIX_BROWSER_TESTS": "required"})
    refuse_or_skip("", {"SLIMFIX_BROWSER_TESTS": "required"})


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    refuse_or_skip(missing(), os.environ)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.get("about:blank")  # Away from the browser's own first page, which loads late.
    yield driver
    driver.quit()


@pytest.fixture
def show(browser, tmp_path):
    """Opens a page at a width and height, in light or dark, and returns the browser."""

    def show(text, size=DESK, scheme="light"):
        path = pathlib.Path(tmp_path) / "parity.html"
        path.write_text(text, encoding="utf-8")
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {
                "width": size[0],
                "height": size[1],
                "deviceScaleFactor": 1,
                "mobile": size == PHONE,
            },
        )
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        browser.get_log("browser")
        browser.get_log("performance")
        browser.get(path.as_uri())
        return browser

    return show


RESULTS = ("passing", "failing", "trained", "astray")


@pytest.mark.parametrize("name", RESULTS)
def test_console_is_silent_and_only_the_file_is_read(show, name, request):
    page = show(format_html(request.getfixturevalue(name)))
    assert page.get_log("browser") == []
    assert requested(page) == [page.current_url]


def requested(page):
    """The addresses that the page asked for, itself the first."""
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


def test_the_policy_stops_requests_and_the_console_tells(show, passing):
    text = format_html(passing).replace("<main>", '<main><img src="other.png" alt="">')
    page = show(text)
    messages = [entry["message"] for entry in page.get_log("browser")]
    assert len(messages) == 1 and "Content Security Policy" in messages[0]


LAYERS = "table.sortable"


def column(page, table, number):
    """The cells of a column, top down, without their smaller lines."""
    return page.execute_script(
        "return Array.from(document.querySelectorAll(arguments[0])[arguments[1]].tBodies[0].rows)"
        ".map(row => row.cells[arguments[2]].firstChild.textContent)",
        LAYERS,
        table,
        number,
    )


def head(page, table, number):
    return page.execute_script(
        "return document.querySelectorAll(arguments[0])[arguments[1]].tHead.rows[0]"
        ".cells[arguments[2]]",
        LAYERS,
        table,
        number,
    )


def test_a_click_on_a_header_sorts_by_value_and_another_turns_it_round(show, failing):
    page = show(format_html(failing))
    assert column(page, 0, 0) == ["3", "4", "5", "2", "6", "1"]  # Worst first.
    head(page, 0, 0).click()
    assert column(page, 0, 0) == ["1", "2", "3", "4", "5", "6"]
    assert head(page, 0, 0).get_attribute("aria-sort") == "ascending"
    head(page, 0, 0).click()
    assert column(page, 0, 0) == ["6", "5", "4", "3", "2", "1"]
    assert head(page, 0, 0).get_attribute("aria-sort") == "descending"


def test_errors_sort_by_size_with_nan_and_infinity_last(show, failing):
    page = show(format_html(failing))
    head(page, 0, 5).click()
    assert column(page, 0, 5) == ["0", "1.1e-15", "2.3e-15", "4.1e-02", "3.7e-01", "nan"]
    assert head(page, 0, 0).get_attribute("aria-sort") is None


def test_the_keyboard_sorts_too(show, failing):
    page = show(format_html(failing))
    button = page.execute_script("return arguments[0].querySelector('button')", head(page, 0, 0))
    assert button.get_attribute("aria-label") == "Sort by #"
    page.execute_script("arguments[0].focus()", button)
    press(page, "Enter", "\r")
    assert column(page, 0, 0) == ["1", "2", "3", "4", "5", "6"]
    press(page, " ", " ")
    assert column(page, 0, 0) == ["6", "5", "4", "3", "2", "1"]


def press(page, key, text):
    for kind in ("keyDown", "keyUp"):
        event = {"type": kind, "key": key}
        if kind == "keyDown":
            event["text"] = text
        page.execute_cdp_cmd("Input.dispatchKeyEvent", event)


def test_every_column_of_every_table_sorts(show, astray):
    page = show(format_html(astray))
    unsorted = page.execute_script(
        """
        const key = cell => "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent;
        const ordered = (a, b) => typeof a === "number"
            ? a <= b : a.localeCompare(b, "en", {numeric: true}) <= 0;
        const wrong = [];
        document.querySelectorAll("table.sortable").forEach((table, number) => {
          Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
            head.click();
            const keys = Array.from(table.tBodies[0].rows).map(row => key(row.cells[column]));
            if (new Set(keys.map(k => typeof k)).size > 1
                || !keys.every((k, at) => at === 0 || ordered(keys[at - 1], k)))
              wrong.push(number + ": " + head.textContent);
          });
        });
        return wrong;
        """
    )
    assert unsorted == []


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_page_does_not_scroll_sideways(show, name, size, request):
    page = show(format_html(request.getfixturevalue(name)), size)
    assert beyond(page, size[0]) == []


def beyond(page, width):
    """What reaches beyond the window outside of boxes that scroll; a phone widens the window."""
    return page.execute_script(
        """
        const found = Array.from(document.body.querySelectorAll("*"))
          .filter(one => !one.parentElement.closest(".box")
                         && one.getBoundingClientRect().right > arguments[0] + 0.5)
          .map(one => one.outerHTML.slice(0, 80));
        const page = document.scrollingElement;
        if (page.scrollWidth > arguments[0]) found.push("the page: " + page.scrollWidth);
        return found;
        """,
        width,
    )


def test_a_page_that_scrolls_sideways_is_found(show, passing):
    text = format_html(passing).replace("<main>", '<main><p style="width: 400px">wide</p>')
    assert beyond(show(text, PHONE), PHONE[0]) == [
        '<p style="width: 400px">wide</p>',
        "the page: 416",
    ]


def test_a_wide_table_scrolls_in_its_own_box_and_shows_verdicts_without(show, trained):
    page = show(format_html(trained), PHONE)
    wide, verdict = page.execute_script(
        """
        const box = document.querySelector("table.sortable th.number").closest(".box");
        const cell = box.querySelector("td.degraded");
        return [box.scrollWidth - box.clientWidth, cell.getBoundingClientRect().right];
        """
    )
    assert wide > 100
    assert verdict <= PHONE[0]


def test_dark_and_light_have_papers_and_inks_of_their_own(show, trained):
    found = {}
    for scheme in ("light", "dark"):
        page = show(format_html(trained), scheme=scheme)
        found[scheme] = page.execute_script(
            "const style = getComputedStyle(document.body);"
            "return [style.backgroundColor, style.color]"
        )
    assert found == {
        "light": ["rgb(255, 255, 255)", "rgb(27, 31, 36)"],
        "dark": ["rgb(20, 23, 26)", "rgb(230, 233, 236)"],
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_verdicts_are_readable(show, trained, astray, scheme):
    """WCAG 2.1 asks for a contrast of 4.5 of text on its background."""
    for result in (trained, astray):
        page = show(format_html(result), scheme=scheme)
        contrasts = page.execute_script(CONTRAST)
        assert len(contrasts) >= 5 and min(contrasts.values()) >= 4.5, contrasts


CONTRAST = """
const channel = c => c <= 0.04045 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4);
const light = color => {
  const [r, g, b] = color.match(/[0-9.]+/g).map(c => channel(Number(c) / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const paper = light(getComputedStyle(document.body).backgroundColor);
const found = {};
for (const one of document.querySelectorAll("h1 span, td[class], .levels .word, small, .soft")) {
  const ink = light(getComputedStyle(one).color);
  const name = one.tagName + "." + one.className;
  found[name] = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
}
return found;
"""


@pytest.mark.parametrize(("name", "fewest"), [("passing", 2), ("astray", 4)])
def test_print_gives_pages_with_all_rows_and_in_the_light(show, name, fewest, request):
    page = show(format_html(request.getfixturevalue(name)), scheme="dark")
    printed = page.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    pdf = base64.b64decode(printed["data"])
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= fewest
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    paper, cut = page.execute_script(
        """
        const cut = Array.from(document.querySelectorAll(".box"))
          .filter(box => getComputedStyle(box).overflow !== "visible").length;
        return [getComputedStyle(document.body).backgroundColor, cut];
        """
    )
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert (paper, cut) == ("rgb(255, 255, 255)", 0)
