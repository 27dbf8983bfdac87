"""The pages in a real browser: opened from a file, silent on the network, and doing what they promise."""

import json
from collections.abc import Callable
from datetime import datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from recursor.agents.scripted.components import COMPONENTS
from recursor.agents.scripted.page import render
from recursor.agents.scripted.plan import PagePlan, Part, plan_of
from recursor.agents.scripted.recognition import section
from recursor.agents.scripted.theme import theme_of
from tests.browsing import PATIENCE

IDEAS = (
    "A habit tracker with streaks and a weekly chart",
    "A pomodoro timer with a todo list and weekly statistics",
    "Kanban board for a small team",
    "Recipe collection with tags, search and a shopping list",
    "Household budget planner with categories",
    "Vocabulary flashcards for learning Spanish",
    "A landing page for my bakery with a menu and a contact form",
    "Trip planner with packing list, itinerary and expenses",
    "Track my llama herd with name, age and weight",
    "Plant care companion: watering reminders, notes and a photo gallery",
)
NOW = datetime(2026, 3, 11, 10, 0, 0)
PHONE = {"width": 360, "height": 740}


class Visit:
    """A page opened from a file, with all that it must not do written down."""

    def __init__(self, browser: Browser, file, *, before: str = "", **context) -> None:
        self.context, self.page = _remembering(browser, file, **context)
        self.context.set_default_timeout(PATIENCE)
        self.context.clock.install(time=NOW)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        if before:
            self.page.add_init_script(before)
        self.url = f"file://{file}"
        self.page.goto(self.url)

    def reload(self) -> bool:
        """Load the page again; return whether Chromium kept what is stored, whoever stored it."""
        self.page.reload()
        return self.page.evaluate("localStorage.getItem('kept')") == "yes"

    def section(self, component: str) -> Locator:
        return self.page.locator(f"section[data-component={component}]").first

    def end(self) -> None:
        self.context.close()
        outside = [url for url in self.requests if url != self.url and not url.startswith(("data:", "blob:"))]
        assert outside == []
        assert self.complaints == []


def _remembering(browser: Browser, file, **context) -> tuple[BrowserContext, Page]:
    """A new context that keeps what pages store.

    Under load, Chromium loses now and then all that a new context's first page stores before a reload
    (once in about a hundred, seen with version 156), and more rarely later: such a context is of no use to a
    test of keeping, and `Visit.reload` tells.
    """
    empty = file.with_name("empty.html")
    empty.write_text("<!doctype html><title>x</title>")
    for _ in range(10):
        opened = browser.new_context(locale="en-GB", **context)
        page = opened.new_page()
        page.goto(f"file://{empty}")
        page.evaluate("localStorage.setItem('kept', 'yes')")
        page.reload()
        if page.evaluate("localStorage.getItem('kept')") == "yes":
            return opened, page
        opened.close()
    raise AssertionError("Chromium keeps nothing in local storage")


@pytest.fixture
def visit(browser, tmp_path):
    """Opens a page's text as a file; in the end, it must have been silent."""
    visits = []

    def open_(source: str, **more) -> Visit:
        file = tmp_path / "page.html"
        file.write_text(source, encoding="utf-8")
        visits.append(Visit(browser, file, **more))
        return visits[-1]

    yield open_
    for one in visits:
        one.end()


def page_of(component: str, variant: int = 0) -> str:
    chosen = COMPONENTS[component].variants[variant]
    made = section(component, chosen.title, dict(chosen.options))
    return render(
        PagePlan(
            space="test", title=chosen.title, theme=theme_of(component), sections=(made,), parts=tuple(Part)
        )
    )


def fill(root: Locator, **values: str) -> None:
    for label, value in values.items():
        root.get_by_label(label.replace("_", " ")).fill(value)


# How each component is used, and what shows after a reload that it was.


def use_checklist(root: Locator, visit: Visit) -> Callable[[], None]:
    new = root.get_by_role("textbox")
    for text in ("Bread", "<b>Milk</b>"):
        new.fill(text)
        new.press("Enter")
    root.get_by_role("checkbox", name="Bread").check()
    root.get_by_role("button", name="Open", exact=True).click()
    expect(root.locator("li")).to_have_text(["<b>Milk</b>✕"])
    root.get_by_role("button", name="All").click()
    root.get_by_role("button", name="Delete <b>Milk</b>").click()
    expect(root.locator("li")).to_have_count(1)
    visit.page.get_by_role("button", name="Undo").click()
    return lambda: expect(root.locator("[data-el=left]")).to_have_text("1 of 2 left")


def use_habits(root, visit):
    fill(root, New_habit="Read")
    root.get_by_role("button", name="Add").click()
    for day in ("2026-03-10", "2026-03-11"):
        root.locator(f"[data-day='{day}']").click()
    expect(root.locator(".streak")).to_have_text("2")
    return lambda: expect(root.locator(".streak")).to_have_text("2")


def use_timer(root, visit):
    root.get_by_role("button", name="Countdown").click()
    root.get_by_label("Minutes", exact=True).fill("2")
    root.get_by_label("Minutes", exact=True).press("Tab")
    expect(root.get_by_role("timer")).to_have_text("02:00")
    root.get_by_role("button", name="Start").click()
    visit.page.clock.run_for(30_000)
    expect(root.get_by_role("timer")).to_have_text("01:30")
    root.get_by_role("button", name="Pause").click()
    visit.page.clock.run_for(30_000)
    expect(root.get_by_role("timer")).to_have_text("01:30")
    root.get_by_role("button", name="Go on").click()
    visit.page.clock.run_for(91_000)
    expect(root.locator("[data-el=told]")).to_have_text("Time is up.")
    root.get_by_role("button", name="Stopwatch").click()
    root.get_by_role("button", name="Start").click()
    visit.page.clock.run_for(5_000)
    root.get_by_role("button", name="Lap").click()
    root.get_by_role("button", name="Pause").click()
    return lambda: expect(root.locator("[data-el=laps] li")).to_have_text("Lap 100:05")


def use_chart(root, visit):
    for label, value in (("Mon", "3"), ("Tue", "7")):
        fill(root, Label=label, Value=value)
        root.get_by_role("button", name="Add").click()
    heights = [float(bar.get_attribute("height")) for bar in root.locator("svg rect").all()]
    assert heights[1] / heights[0] == pytest.approx(7 / 3)
    root.get_by_role("button", name="Ring").click()
    expect(root.locator("svg path[data-value='7']")).to_have_count(1)
    root.get_by_role("button", name="Line").click()
    return lambda: expect(root.locator("svg circle")).to_have_count(2)


def use_form(root, visit):
    root.get_by_role("button", name="Save message").click()
    expect(root.get_by_text("Name is missing.")).to_be_visible()
    fill(root, Name="Ada", Email="nowhere", Message="Hello\n<i>there</i>")
    root.get_by_role("button", name="Save message").click()
    expect(root.get_by_text("not an e-mail address")).to_be_visible()
    expect(root.locator("[data-el=number]")).to_have_text("0")
    fill(root, Email="ada@example.org")
    root.get_by_role("button", name="Save message").click()
    expect(root.get_by_text("Thank you.")).to_be_visible()
    return lambda: expect(root.locator("dd").nth(2)).to_have_text("Hello <i>there</i>")


def use_notes(root, visit):
    for title, text in (("Alpha", "first"), ("Beta", "second")):
        root.get_by_role("button", name="New note").click()
        fill(root, Title=title, Text=text)
    fill(root, Search="first")
    expect(root.locator(".pick strong")).to_have_text(["Alpha"])
    fill(root, Search="nothing at all")
    expect(root.get_by_text("No note has these words.")).to_be_visible()
    return lambda: expect(root.locator(".pick strong")).to_have_text(["Beta", "Alpha"])


def use_board(root, visit):
    for text in ("One", "Two"):
        fill(root, New_card=text)
        root.get_by_role("button", name="Add card").click()
    mover = root.get_by_role("button", name="Move One on to Doing")
    mover.focus()
    visit.page.keyboard.press("Enter")
    expect(root.locator("[data-column=doing] .card")).to_have_text(["One←→✕"])
    visit.page.keyboard.press("Enter")
    expect(root.locator("[data-column=done] .card")).to_have_count(1)
    root.locator(".card", has_text="Two").drag_to(root.locator("[data-column=doing]"))
    return lambda: expect(root.locator("[data-column=doing] .card p")).to_have_text(["Two"])


def use_calendar(root, visit):
    root.locator("[data-day='2026-03-20']").click()
    fill(root, Time="09:30", What_happens_on_this_day="Dentist")
    root.get_by_role("button", name="Add").click()
    root.locator("[data-day='2026-03-20']").press("ArrowDown")
    expect(root.locator("[data-day='2026-03-27']")).to_have_attribute("aria-pressed", "true")
    expect(root.locator("[data-el=list] li")).to_have_count(0)
    root.get_by_role("button", name="Month after").click()
    expect(root.locator("[data-el=month]")).to_have_text("April 2026")
    return lambda: expect(root.locator("[data-day='2026-03-20'] .what")).to_have_text("09:30 Dentist")


def use_budget(root, visit):
    for kind, amount, category in (
        ("Income", "100", "Wage"),
        ("Expense", "30.10", "Food"),
        ("Expense", "9.90", "Food"),
    ):
        root.get_by_label("Kind").select_option(kind)
        fill(root, Amount=amount, Category=category)
        root.get_by_role("button", name="Add").click()
    expect(root.locator(".category strong")).to_have_text("€40.00")
    return lambda: expect(root.locator("[data-el=balance]")).to_have_text("€60.00")


def use_flashcards(root, visit):
    for front, back in (("uno", "one"), ("dos", "two")):
        fill(root, Front=front, Back=back)
        root.get_by_role("button", name="Add card").click()
    card = root.locator(".card")
    expect(card).to_contain_text("uno")
    card.click()
    expect(card).to_contain_text("one")
    root.get_by_role("button", name="I knew it").click()
    expect(card).to_contain_text("dos")
    return lambda: expect(root.locator("[data-el=told]")).to_have_text("1 due of 2")


def use_quiz(root, visit):
    fill(root, Question="1 + 1?", Right_answer="2", Another_wrong_one="11")
    root.get_by_label("Wrong answer", exact=True).fill("3")
    root.get_by_role("button", name="Add question").click()
    root.get_by_role("button", name="Play").click()
    root.get_by_role("button", name="2", exact=True).click()
    expect(root.get_by_text("Right!")).to_be_visible()
    root.get_by_role("button", name="See the result").click()
    expect(root.locator("[data-el=question]")).to_have_text("1 of 1 right")
    return lambda: expect(root.get_by_text("Best so far: 1")).to_be_visible()


def use_calculator(root, visit):
    screen = root.get_by_label("Calculation")
    for key in ("2", "plus", "3", "times", "("):
        root.get_by_role("button", name=key, exact=True).click()
    screen.press("End")
    screen.press_sequentially("4-1)/.5")
    screen.press("Enter")
    expect(screen).to_have_value("20")
    screen.fill("1/0")
    screen.press("Enter")
    expect(root.get_by_text("That has no result.")).to_be_visible()
    screen.fill("alert(1)")
    screen.press("Enter")
    expect(root.get_by_text("cannot stand there")).to_be_visible()
    return lambda: expect(root.locator("[data-el=list] li")).to_have_text(
        ["2+3\N{MULTIPLICATION SIGN}(4-1)/.5 =20"]
    )


def use_formula(root, visit):
    fill(root, Bill="80", Tip_in_per_cent="25", People="4")
    expect(root.locator("output")).to_have_text(["20.00", "100.00", "25.00"])
    fill(root, People="0")
    expect(root.get_by_text("People has to be a number of at least 1.")).to_be_visible()
    expect(root.locator("output").last).to_have_text("—")
    fill(root, People="2")
    return lambda: expect(root.locator("output")).to_have_text(["20.00", "100.00", "50.00"])


def use_invoice(root, visit):
    visit.page.evaluate("window.print = () => { window.printed = document.body.className; }")
    fill(root, Bill_to="Ada", Tax_in_per_cent="20")
    fill(root, Item_of_line_1="Paint", Quantity_of_line_1="3", Price_of_line_1="10.50")
    root.get_by_role("button", name="Add a line").click()
    fill(root, Item_of_line_2="Brush", Quantity_of_line_2="2", Price_of_line_2="4")
    expect(root.locator("[data-amount]")).to_have_text(["31.50", "8.00"])
    sums = root.locator("tfoot td:not(.no-print)")
    expect(sums).to_have_text(["39.50", "7.90", "47.40"])
    root.get_by_role("button", name="Print").click()
    assert visit.page.evaluate("window.printed") == "printing-invoice"
    root.get_by_role("button", name="Delete line 2").click()
    return lambda: expect(sums).to_have_text(["31.50", "6.30", "37.80"])


def use_converter(root, visit):
    fill(root, From="10")
    expect(root.get_by_label("To", exact=True)).to_have_value("6.2137119")
    root.get_by_role("button", name="Temperature").click()
    fill(root, From="100")
    expect(root.get_by_label("To", exact=True)).to_have_value("212")
    root.get_by_label("To", exact=True).fill("32")
    expect(root.get_by_label("From")).to_have_value("0")
    return lambda: expect(root.get_by_label("Unit", exact=True)).to_have_value("celsius")


def use_reminders(root, visit):
    fill(root, Remind_me_of="Water the ferns")
    root.get_by_role("button", name="In 10 minutes").click()
    root.get_by_role("button", name="Remind me").click()
    expect(root.get_by_role("alert")).to_be_empty()
    visit.page.clock.run_for(10 * 60_000 + 2_000)
    expect(root.get_by_role("alert")).to_contain_text("Water the ferns")
    return lambda: expect(root.get_by_role("alert")).to_contain_text("Water the ferns")


def use_counter(root, visit):
    for name in ("Ada", "Bob"):
        fill(root, Name=name)
        root.get_by_role("button", name="Add").click()
    for _ in range(3):
        root.get_by_role("button", name="Bob plus one").click()
    root.get_by_role("button", name="Undo").click()
    expect(root.locator(".leads h3")).to_have_text("Bob")
    return lambda: expect(root.locator(".big")).to_have_text(["0", "2"])


def use_cards(root, visit):
    for title, tags in (("Soup", "warm, quick"), ("Salad", "cold, quick")):
        if not root.locator("[data-el=form]").is_visible():
            root.locator("[data-el=what]").click()
        root.locator("[name=title]").fill(title)
        root.locator("[name=tags]").fill(tags)
        root.get_by_role("button", name="Save").click()
    root.get_by_role("button", name="cold").click()
    expect(root.locator("article h3")).to_have_text(["Salad"])
    root.get_by_role("button", name="cold").click()
    fill(root, Search="soup")
    expect(root.locator("article h3")).to_have_text(["Soup"])
    return lambda: expect(root.locator("article h3")).to_have_text(["Salad", "Soup"])


def use_poll(root, visit):
    fill(root, Question="Lunch?", Choices="Soup")
    root.get_by_role("button", name="Ask").click()
    expect(root.get_by_text("at least two choices")).to_be_visible()
    fill(root, Choices="Soup\nSalad")
    root.get_by_role("button", name="Ask").click()
    root.get_by_role("button", name="Vote for Salad").click()
    expect(root.get_by_text("1 · 100 %")).to_be_visible()
    return lambda: expect(root.get_by_text("1 · 100 %")).to_be_visible()


def use_editor(root, visit):
    root.get_by_role("textbox").fill("# Title\n\nSome **bold** <script>x</script>\n\n- a\n- b")
    expect(root.locator(".set h3")).to_have_text("Title")
    expect(root.locator(".set strong")).to_have_text("bold")
    expect(root.locator(".set script")).to_have_count(0)
    return lambda: expect(root.locator(".set li")).to_have_text(["a", "b"])


def use_picker(root, visit):
    fill(root, Names="Ada\nAda")
    root.get_by_role("button", name="Draw").click()
    expect(root.locator(".result")).to_have_text("Ada")
    root.get_by_role("button", name="Dice").click()
    root.get_by_role("button", name="Roll").click()
    expect(root.locator(".die")).to_have_count(2)
    return lambda: expect(root.locator("[data-el=list] li")).to_have_count(2)


def use_log(root, visit):
    root.get_by_role("button", name="Log 1 times").click()
    fill(root, Other_amount="2.5", Goal_a_day="10")
    root.get_by_role("button", name="Log", exact=True).click()
    expect(root.locator("[data-el=sum]")).to_have_text("3.5")
    return lambda: expect(root.locator("svg rect").last).to_have_attribute("data-value", "3.5")


def use_memory(root, visit):
    cards = root.locator(".field button")
    signs = [card.text_content() for card in cards.all()]
    for sign in dict.fromkeys(signs):
        for place in (signs.index(sign), len(signs) - 1 - signs[::-1].index(sign)):
            cards.nth(place).click()
    expect(root.get_by_text("Done in 8 moves. Best: 8.")).to_be_visible()
    return lambda: expect(root.get_by_text("best 8")).to_be_visible()


def use_sketch(root, visit):
    canvas = root.locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    visit.page.mouse.move(box["x"] + 50, box["y"] + 50)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + 150, box["y"] + 100, steps=4)
    visit.page.mouse.up()
    pixels = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
    assert canvas.evaluate(f"c => ({pixels})(c).some((value, i) => i % 4 === 0 && value < 200)")
    return lambda: expect(root.get_by_text("1 strokes")).to_be_visible()


def use_profile(root, visit):
    root.get_by_role("button", name="Edit").click()
    fill(root, Headline="Fresh bread", Highlights="Rye\nWheat")
    root.get_by_role("button", name="Save").click()
    expect(root.locator("[data-el=headline]")).to_have_text("Fresh bread")
    return lambda: expect(root.locator(".points li")).to_have_text(["Rye", "Wheat"])


def use_records(root, visit):
    root.get_by_role("button", name="Add").click()
    expect(root.get_by_text("Name is missing.")).to_be_visible()
    for name in ("Zoe", "Abe"):
        root.locator("[name=name]").fill(name)
        root.get_by_role("button", name="Add").click()
    root.get_by_role("button", name="Edit Zoe").click()
    root.locator("[name=name]").fill("Zia")
    root.get_by_role("button", name="Save changes").click()
    names = root.locator("tbody tr td:first-child")
    expect(names).to_have_text(["Zia", "Abe"])
    root.get_by_role("button", name="Name").first.click()
    expect(names).to_have_text(["Abe", "Zia"])
    fill(root, Search="zi")
    expect(names).to_have_text(["Zia"])
    return lambda: expect(names).to_have_text(["Abe", "Zia"])


USES: dict[str, Callable[[Locator, Visit], Callable[[], None]]] = {
    name.removeprefix("use_"): use for name, use in list(globals().items()) if name.startswith("use_")
}


def test_every_component_is_used_here():
    assert set(USES) == set(COMPONENTS)


@pytest.mark.parametrize("component", USES)
def test_a_component_does_the_thing_and_remembers_it(visit, component):
    for _ in range(5):
        opened = visit(page_of(component))
        kept = USES[component](opened.section(component), opened)
        if opened.reload():
            break

    kept()


@pytest.mark.parametrize(
    "idea", [*IDEAS[:3], *(pytest.param(idea, marks=pytest.mark.slow) for idea in IDEAS[3:])]
)
def test_the_page_of_an_idea_works(finished, visit, idea):
    done = finished(idea)
    first = plan_of(done.snapshot.artifact).sections[0].component
    for _ in range(5):
        opened = visit(done.page, viewport=PHONE)
        assert opened.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        opened.page.set_viewport_size({"width": 1280, "height": 900})
        kept = USES[first](opened.section(first), opened)
        if opened.reload():
            break

    kept()
    opened.page.set_viewport_size(PHONE)
    assert opened.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    unnamed = opened.page.evaluate(
        """() => [...document.querySelectorAll("input, select, textarea, button")]
            .filter((e) => !(e.labels?.length && e.labels[0].textContent.trim()))
            .filter((e) => !e.ariaLabel && !e.textContent.trim())
            .map((e) => e.outerHTML)"""
    )
    assert unnamed == []


def test_what_happens_on_the_page_can_be_drawn(finished, visit):
    done = finished(IDEAS[1])
    opened = visit(done.page)

    list_ = opened.section("checklist")
    list_.get_by_role("textbox").fill("One")
    list_.get_by_role("textbox").press("Enter")
    list_.get_by_role("checkbox").check()

    chart = opened.section("chart")
    expect(chart.get_by_label("What to draw")).to_have_value("To do: done")
    expect(chart.locator("svg rect").last).to_have_attribute("data-value", "1")


def test_data_moves_to_another_browser_through_a_file(finished, visit, tmp_path):
    done = finished(IDEAS[3])
    first = visit(done.page)
    kept = USES["checklist"](first.section("checklist"), first)
    with first.page.expect_download() as download:
        first.page.get_by_role("button", name="Export data").click()
    file = tmp_path / "data.json"
    download.value.save_as(file)
    assert json.loads(file.read_text())["page"] == "Recipe collection"

    second = visit(done.page)
    second.page.get_by_label("File with exported data").set_input_files(file)
    expect(second.section("checklist").locator("[data-el=left]")).to_have_text("1 of 2 left")
    second.page.get_by_label("File with exported data").set_input_files(
        {"name": "x.json", "mimeType": "application/json", "buffer": b"nonsense"}
    )
    expect(second.page.get_by_text("holds no data")).to_be_visible()
    kept()


NO_STORAGE = (
    """Object.defineProperty(window, "localStorage", { get() { throw new DOMException("denied"); } });"""
)


@pytest.mark.parametrize("idea", [IDEAS[0], pytest.param(IDEAS[7], marks=pytest.mark.slow)])
def test_without_local_storage_the_page_works_until_it_is_closed(finished, visit, idea):
    done = finished(idea)
    opened = visit(done.page, before=NO_STORAGE)
    first = plan_of(done.snapshot.artifact).sections[0].component

    USES[first](opened.section(first), opened)


def test_in_a_sandboxed_frame_the_page_works(finished, visit):
    done = finished("A todo list")
    opened = visit(
        "<!doctype html><title>x</title><iframe sandbox='allow-scripts' width=900 height=900></iframe>"
    )
    opened.page.evaluate("source => { document.querySelector('iframe').srcdoc = source; }", done.page)
    inside = opened.page.frame_locator("iframe").locator("section[data-component=checklist]")

    inside.get_by_role("textbox").fill("One")
    inside.get_by_role("textbox").press("Enter")

    expect(inside.locator("[data-el=left]")).to_have_text("1 of 1 left")


def test_broken_data_in_the_browser_does_no_harm(visit):
    key = "recursor:test:checklist-to-do"
    broken = f"['items', 'filter'].forEach((name) => localStorage.setItem(`{key}.${{name}}`, '{{{{'))"
    opened = visit(page_of("checklist"), before=broken)

    expect(opened.section("checklist").get_by_text("No task yet.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_text_stands_out_from_its_ground_in_every_hue(browser, tmp_path, scheme):
    """WCAG 2.2, success criterion 1.4.3: a contrast of 4.5 to 1."""
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    theme = theme_of("x").model_copy(update={"chroma": 0.15})
    file = tmp_path / "page.html"
    file.write_text(render(PagePlan(space="x", title="x", theme=theme)))
    page.goto(f"file://{file}")
    for hue in range(0, 360, 30):
        page.evaluate("hue => document.documentElement.style.setProperty('--h', hue)", hue)
        for text, ground in TEXTS:
            contrast = page.evaluate(CONTRAST, [text, ground])
            assert contrast >= 4.5, (hue, text, ground, contrast)
    context.close()


TEXTS = (
    ("ink", "paper"), ("soft", "paper"), ("soft", "card"), ("soft", "wash"), ("accent", "card"),
    ("accent", "paper"), ("on-accent", "accent"), ("danger", "card"), ("good", "card"),
)  # fmt: skip
CONTRAST = """([text, ground]) => {
    const pen = new OffscreenCanvas(1, 1).getContext("2d");
    const luminance = (name) => {
        const probe = document.body.appendChild(document.createElement("i"));
        probe.style.color = `var(--${name})`;
        pen.fillStyle = getComputedStyle(probe).color;
        pen.fillRect(0, 0, 1, 1);
        probe.remove();
        const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3)
            .map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const [a, b] = [luminance(text), luminance(ground)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
}"""
