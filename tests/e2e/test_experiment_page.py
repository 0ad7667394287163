"""The page's experiment and votes, driven in headless Chromium on the local cloud."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from chalicelib.wording import p_value
from localcloud.starting import wait_for
from tests.e2e.browser import PHONE, TOO_FAINT, pass_minutes, sample, shoot, tab_to
from tests.e2e.conftest import LocalCloud
from tests.e2e.test_page import draw
from tests.fakes import refusal

CHAMPION, CHALLENGER = "doodle", "doodle-small"
PATIENCE = 30_000  # ms: votes are counted by the schedule

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def server(divided_cloud: LocalCloud) -> str:
    return divided_cloud.url


@pytest.fixture(autouse=True)
def restored(page: Page, server: str) -> Iterator[None]:
    """All traffic goes to the champion, before and after."""
    put(page, server, {CHAMPION: 1})
    yield
    page.unroute_all(behavior="wait")
    put(page, server, {CHAMPION: 1})


@pytest.fixture
def experiment(page: Page, restored: None) -> Page:
    """The page, turned to its experiment."""
    page.get_by_role("tab", name="Experiment").click()
    expect(page.locator("#traffic")).to_be_visible()
    return page


def get(page: Page, server: str) -> dict[str, Any]:
    view: dict[str, Any] = page.request.get(f"{server}/experiment").json()
    return view


def put(page: Page, server: str, weights: dict[str, float]) -> None:
    answer = page.request.put(f"{server}/experiment", data={"arms": weights})
    assert answer.ok, answer.text()


def weights_in(page: Page, server: str) -> dict[str, float]:
    arms = get(page, server)["arms"]
    return {arm["name"]: arm["weight"] for arm in arms if arm["weight"]}


def counts(page: Page, server: str, name: str = CHAMPION) -> tuple[int, int]:
    """Votes of an arm, and those that say it was right."""
    arms = {arm["name"]: arm for arm in get(page, server)["arms"]}
    return (arms[name]["votes"], arms[name]["correct"]) if name in arms else (0, 0)


def expect_counts(page: Page, server: str, before: tuple[int, int], more: tuple[int, int]) -> None:
    wanted = (before[0] + more[0], before[1] + more[1])
    wait_for(lambda: counts(page, server) == wanted, PATIENCE / 1000)


def classify(page: Page, label: str) -> dict[str, Any]:
    """Click a sample; the server's answer, once it is shown."""
    with page.expect_response("**/predict?*") as response:
        page.locator(f"[data-sample={label}]").click()
    answer: dict[str, Any] = response.value.json()
    expect(page.locator("#json")).to_contain_text(answer["inference_id"])
    return answer


def thumb(page: Page, name: str) -> Any:
    return page.locator("#vote").get_by_role("button", name=name, exact=True)


def expect_vote(page: Page, yes: bool, no: bool) -> None:
    expect(thumb(page, "Yes")).to_have_attribute("aria-pressed", str(yes).lower())
    expect(thumb(page, "No")).to_have_attribute("aria-pressed", str(no).lower())


def ramp(page: Page, name: str = "Doodle (small)") -> Any:
    return page.get_by_role("group", name=f"Share of {name}")


def arm(name: str, weight: float, votes: int, correct: int, low: float, high: float) -> Any:
    interval = {"accuracy": correct / votes, "interval": [low, high]} if votes else {}
    common = {"name": name, "weight": weight, "votes": votes, "correct": correct}
    return {**common, "accuracy": None, "interval": None, **interval}


TWO_ARMS = [
    arm(CHAMPION, 0.9, 412, 383, 0.9007, 0.9505),
    arm(CHALLENGER, 0.1, 38, 29, 0.6079, 0.8701),
]


def fake_experiment(page: Page, arms: list[Any], **changes: Any) -> list[dict[str, float]]:
    """Let the server tell of these arms; the weights that are put, which it takes as they are."""
    put: list[dict[str, float]] = []
    arms = [{**arm} for arm in arms]
    difference = {"challenger": CHALLENGER, "difference": -0.1664, "p_value": 0.0004, "verdict": ""}
    view = {
        "arms": arms,
        "champion": CHAMPION,
        "comparisons": [difference],
        "verdict": "Not enough data yet. It takes about 380 more votes per arm to see a "
        "5-point difference.",
        "source": "environment",
        "updated_at": "2026-01-01T00:00:00Z",
    } | changes

    def answer(route: Any) -> None:
        if route.request.method == "PUT":
            put.append(json.loads(route.request.post_data)["arms"])
            for arm in arms:
                arm["weight"] = put[-1].get(arm["name"], 0)
        route.fulfill(json=view)

    page.route("**/experiment", answer)
    return put


def test_thumb_up_moves_the_count(page: Page, server: str, divided_cloud: LocalCloud) -> None:
    divided_cloud.count_votes()
    before = counts(page, server)
    votes = sum(arm["votes"] for arm in get(page, server)["arms"])
    classify(page, "umbrella")
    expect_vote(page, yes=False, no=False)

    thumb(page, "Yes").click()

    expect_vote(page, yes=True, no=False)
    expect(page.locator("#vote-said")).to_contain_text("counts for the model")
    expect(page.get_by_role("status")).to_contain_text("counts for the model")
    page.get_by_role("tab", name="Experiment").click()
    expect(page.locator("#experiment-counted")).to_contain_text(
        f"{votes + 1} vote", timeout=PATIENCE
    )
    expect(page.locator("#experiment-counted")).to_contain_text("last counted just now")
    expect(page.locator("#arms li").first).to_contain_text(f"{before[1] + 1} of {before[0] + 1}")
    expect_counts(page, server, before, (1, 1))


def test_thumb_down_asks_what_it_was(page: Page, server: str) -> None:
    before = counts(page, server)
    answer = classify(page, "banana")
    others = [label["name"] for label in answer["predictions"][0]["labels"]][1:]

    thumb(page, "No").click()

    field = page.get_by_label("What is it?")
    expect(field).to_be_focused()
    offered = page.locator("#vote-labels option")
    assert others == offered.evaluate_all("options => options.map(({value}) => value)")[:4]
    shoot(page, "vote-down")
    field.fill("a plantain")
    page.keyboard.press("Enter")
    expect(page.locator("#vote-said")).to_contain_text("“a plantain” is saved")
    expect_vote(page, yes=False, no=True)
    expect(field).to_be_hidden()
    expect_counts(page, server, before, (1, 0))


def test_vote_can_be_skipped_changed_and_found_again(page: Page, server: str) -> None:
    before = counts(page, server)
    classify(page, "umbrella")
    thumb(page, "No").click()
    page.get_by_role("button", name="Skip").click()
    expect(page.get_by_label("What is it?")).to_be_hidden()
    thumb(page, "No").click()
    expect(page.get_by_label("What is it?")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#vote-said")).to_contain_text("counts against the model")
    expect_counts(page, server, before, (1, 0))

    thumb(page, "Yes").click()

    expect(page.locator("#vote-said")).to_contain_text("counts for the model")
    expect_counts(page, server, before, (1, 1))
    classify(page, "banana")
    expect_vote(page, yes=False, no=False)
    page.locator("#recent-list button", has_text="umbrella").click()
    expect_vote(page, yes=True, no=False)


def test_label_that_the_model_gave_counts_as_right(page: Page, server: str) -> None:
    before = counts(page, server)
    classify(page, "umbrella")
    thumb(page, "No").click()
    page.get_by_label("What is it?").fill(" Umbrella")
    page.get_by_role("button", name="Send").click()

    expect_vote(page, yes=True, no=False)
    expect_counts(page, server, before, (1, 1))


def test_no_thumbs_for_a_model_picked_by_hand(page: Page) -> None:
    """A vote on it would not count."""
    page.locator("#model").select_option(CHALLENGER)
    classify(page, "umbrella")
    expect(page.locator("#card-version")).to_contain_text(CHALLENGER)
    expect(page.locator("#vote")).to_be_hidden()


def test_drawing_is_voted_on(page: Page, server: str) -> None:
    before = counts(page, server)
    draw(page, "star")
    expect(page.locator("#headline")).to_have_text("star")

    thumb(page, "Yes").click()

    expect(page.locator("#vote-said")).to_contain_text("counts for the model")
    expect_counts(page, server, before, (1, 1))


def test_vote_that_is_refused_is_taken_back(page: Page, server: str) -> None:
    def forge(route: Any) -> None:
        body = json.loads(route.request.post_data) | {"inference_id": "forged"}
        route.continue_(post_data=json.dumps(body))

    classify(page, "umbrella")
    page.route("**/feedback", forge)
    thumb(page, "No").click()

    expect(page.locator("#vote-said")).to_contain_text("The vote was not taken.")
    expect_vote(page, yes=False, no=False)
    expect(page.get_by_label("What is it?")).to_be_hidden()
    shoot(page, "vote-refused")
    page.unroute("**/feedback")
    thumb(page, "Yes").click()
    expect(page.locator("#vote-said")).to_contain_text("counts for the model")


def test_answer_of_several_labels_is_told_whole_and_voted_on_as_a_whole(page: Page) -> None:
    def several(route: Any) -> None:
        answer = route.fetch().json()
        labels = [{"name": "cat", "score": 0.97}, {"name": "dog", "score": 0.6}]
        answer["predictions"][0]["labels"] = [*labels, {"name": "cow", "score": 0.49}]
        answer["model"]["multi_label"] = True
        route.fulfill(json=answer)

    page.route("**/predict?*", several)
    page.locator("[data-sample=umbrella]").click()
    expect(page.locator("#headline")).to_have_text("cat, dog")
    expect(page.locator("#certainty")).to_contain_text("Likely")
    thumb(page, "No").click()
    expect(page.locator("#vote-said")).to_contain_text("counts against the model")
    expect(page.locator("#vote-truth")).to_be_hidden()


def test_no_thumbs_where_there_is_no_experiment(page: Page) -> None:
    def without_arm(route: Any) -> None:
        answer = route.fetch().json()
        del answer["arm"]
        route.fulfill(json=answer)

    page.route("**/predict?*", without_arm)
    classify(page, "umbrella")

    expect(page.locator("#headline")).to_have_text("umbrella")
    expect(page.locator("#vote")).to_be_hidden()


def test_challenger_is_added_ramped_removed_and_brought_back(experiment: Page, server: str) -> None:
    experiment.get_by_label("Add a challenger").select_option(CHALLENGER)
    experiment.get_by_role("button", name="Start at 10%").click()

    expect(experiment.locator("#traffic-said")).to_contain_text("now gets 10%")
    assert weights_in(experiment, server) == {CHAMPION: 0.9, CHALLENGER: 0.1}
    for step, others in (("50%", 0.5), ("100%", 0)):
        ramp(experiment).get_by_role("button", name=step, exact=True).click()
        expect(experiment.locator("#traffic-said")).to_contain_text(f"now gets {step}")
        expect(ramp(experiment).locator("[aria-pressed=true]")).to_have_text(step)
        assert weights_in(experiment, server).get(CHAMPION, 0) == others
    expect(experiment.get_by_role("status").first).to_contain_text("now gets 100%")
    experiment.get_by_role("button", name="Remove Doodle (small)").click()
    expect(experiment.get_by_role("button", name="Undo")).to_be_focused()
    expect(ramp(experiment)).to_be_hidden()
    assert weights_in(experiment, server) == {CHAMPION: 1}

    experiment.get_by_role("button", name="Undo").click()

    expect(ramp(experiment).locator("[aria-pressed=true]")).to_have_text("100%")
    assert weights_in(experiment, server) == {CHALLENGER: 1}
    experiment.reload()
    expect(ramp(experiment).locator("[aria-pressed=true]")).to_have_text("100%")
    assert experiment.evaluate("scrollY") == 0


def test_visitor_stays_with_one_arm_which_the_answer_names(page: Page, server: str) -> None:
    put(page, server, {CHAMPION: 0.5, CHALLENGER: 0.5})
    page.reload()
    expect(page.locator("#model")).to_have_value("")
    with page.expect_request("**/predict?*") as first:
        answer = classify(page, "umbrella")
    client = first.value.headers["x-client-id"]
    role = "champion" if answer["arm"] == CHAMPION else "challenger"
    expect(page.locator("#certainty")).to_contain_text(f", the {role}, after")
    shoot(page, "answer-of-an-arm")

    page.reload()
    arms = {classify(page, label)["arm"] for label in ("banana", "balloon", "envelope")}

    assert arms == {answer["arm"]}
    assert re.fullmatch("[0-9a-f]{32}", client)
    assert "client-id" not in page.locator("#curl").text_content().lower()
    assert page.evaluate("sessionStorage.getItem('client-id')") == client


def test_one_machine_tries_an_experiment_as_another_visitor(page: Page, server: str) -> None:
    put(page, server, {CHAMPION: 0.5, CHALLENGER: 0.5})
    page.reload()
    arms, clients = {classify(page, "umbrella")["arm"]}, set()
    while len(arms) == 1:  # by chance it may take a few
        with page.expect_response("**/predict?*") as response:
            page.get_by_role("button", name="Ask as another visitor").click()
        clients.add(response.value.request.headers["x-client-id"])
        answer = response.value.json()
        arms.add(answer["arm"])
        expect(page.locator("#json")).to_contain_text(answer["inference_id"])
        assert len(clients) < 50
    assert page.evaluate("sessionStorage.getItem('client-id')") in clients
    expect(page.locator("#vote")).to_be_visible()


def test_challenger_with_all_traffic_is_said_to_answer_and_another_can_be_chosen(
    page: Page, server: str
) -> None:
    put(page, server, {CHAMPION: 0, CHALLENGER: 1})
    page.reload()
    expect(page.locator("#model option:checked")).to_have_text("By experiment: Doodle (small)")
    expect(page.locator("#card-version")).to_contain_text(CHALLENGER)
    assert classify(page, "umbrella")["model"]["name"] == CHALLENGER

    with page.expect_response("**/predict?*") as response:
        page.locator("#model").select_option(CHAMPION)
    assert response.value.json()["model"]["name"] == CHAMPION
    expect(page.locator("#card-version")).to_contain_text(f"{CHAMPION} 1")


def test_who_answers_is_told_where_it_is_changed(experiment: Page) -> None:
    experiment.get_by_label("Add a challenger").select_option(CHALLENGER)
    experiment.get_by_role("button", name="Start at 10%").click()
    ramp(experiment).get_by_role("button", name="100%", exact=True).click()
    expect(experiment.locator("#traffic-said")).to_contain_text("now gets 100%")

    experiment.get_by_role("tab", name="One picture").click()
    expect(experiment.locator("#card-version")).to_contain_text(CHALLENGER)
    expect(experiment.locator("#model option:checked")).to_contain_text("Doodle (small)")


def test_page_without_storage_still_predicts(page: Page) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', {get() { throw new Error('no'); }})"
    )
    page.reload()

    classify(page, "umbrella")

    expect(page.locator("#headline")).to_have_text("umbrella")


def test_follows_the_votes_of_others(
    experiment: Page, server: str, divided_cloud: LocalCloud
) -> None:
    divided_cloud.count_votes()
    before = counts(experiment, server)
    image, headers = sample("umbrella").read_bytes(), {"Content-Type": "image/jpeg"}
    answer = experiment.request.post(f"{server}/predict", data=image, headers=headers).json()
    vote = {"inference_id": answer["inference_id"], "correct": True}
    assert experiment.request.post(f"{server}/feedback", data=vote).status == 202

    expect(experiment.locator("#arms li").first).to_contain_text(
        f"{before[1] + 1} of {before[0] + 1} vote", timeout=PATIENCE
    )
    shoot(experiment, "experiment-one-arm")


def test_refused_change_changes_nothing(experiment: Page, server: str) -> None:
    experiment.locator("#challenger").evaluate("select => select.add(new Option('Gone', 'gone'))")
    experiment.get_by_label("Add a challenger").select_option("gone")
    experiment.get_by_role("button", name="Start at 10%").click()

    problem = experiment.locator("#traffic-problem")
    expect(problem).to_contain_text("Nothing was changed.")
    expect(problem).to_contain_text("ModelNotFound · 404")
    expect(experiment.locator("#shares li")).to_have_count(1)
    assert weights_in(experiment, server) == {CHAMPION: 1}
    shoot(experiment, "experiment-refused")
    experiment.get_by_label("Add a challenger").select_option(CHALLENGER)
    experiment.get_by_role("button", name="Start at 10%").click()
    expect(experiment.locator("#traffic-said")).to_contain_text("now gets 10%")
    expect(problem).to_be_hidden()


def test_look_that_is_behind_a_change_is_not_shown(experiment: Page) -> None:
    fake_experiment(experiment, TWO_ARMS)
    experiment.reload()
    ramp(experiment).get_by_role("button", name="50%").click()
    expect(experiment.locator("#traffic-said")).to_contain_text("now gets 50%")

    # in front of the first, without which a look would reach the server itself
    fake_experiment(experiment, TWO_ARMS, updated_at=None)
    for _ in range(2):  # the first may have been on its way
        with experiment.expect_response("**/experiment"):
            pass

    expect(ramp(experiment).locator("[aria-pressed=true]")).to_have_text("50%")


def test_intervals_are_drawn_to_scale(experiment: Page) -> None:
    fake_experiment(experiment, TWO_ARMS)
    experiment.reload()
    expect(experiment.locator(".arm-strip .dot")).to_have_count(2)
    ticks = experiment.locator("#axis .tick").all_text_contents()
    assert ticks == ["50%", "60%", "70%", "80%", "90%", "100%"]
    boxes = experiment.locator(".arm-strip").evaluate_all(
        """strips => strips.map((strip) => {
          const {left, width} = strip.getBoundingClientRect();
          const at = (x) => 0.5 + 0.5 * (x - left) / width;
          const dot = strip.querySelector(".dot").getBoundingClientRect();
          const line = strip.querySelector(".interval").getBoundingClientRect();
          return [at(line.left), at((dot.left + dot.right) / 2), at(line.right)];
        })"""
    )
    assert boxes[0] == pytest.approx([0.9007, 383 / 412, 0.9505], abs=0.003)
    assert boxes[1] == pytest.approx([0.6079, 29 / 38, 0.8701], abs=0.003)

    expect(experiment.locator("#arms li").nth(1)).to_contain_text("76.3%")
    expect(experiment.locator("#arms li").nth(1)).to_contain_text("29 of 38 votes")
    experiment.get_by_text("As a table").click()
    cells = experiment.get_by_role("row", name="Doodle (small)").get_by_role("cell")
    assert cells.all_text_contents() == [
        "10%", "38", "76.3%", "60.8 to 87.0%", "16.6 points lower", "< 0.001",
    ]  # fmt: skip
    shoot(experiment, "experiment")


def test_p_values_are_told_as_the_service_tells_them(experiment: Page) -> None:
    """The page writes them itself; three digits would hide on which side of 0.05 some are."""
    values = {"a": 0.0001, "b": 0.0034, "c": 0.04996, "d": 0.0499999, "e": 0.05, "f": 0.050004}
    comparisons = [
        {"challenger": name, "difference": -0.1, "p_value": p, "verdict": ""}
        for name, p in values.items()
    ]
    arms = [TWO_ARMS[0], *(arm(name, 0, 38, 29, 0.6079, 0.8701) for name in values)]
    fake_experiment(experiment, arms, comparisons=comparisons)
    experiment.reload()
    experiment.get_by_text("As a table").click()
    cells = experiment.locator("#arms-rows td:last-child")
    expect(cells).to_have_count(len(arms))
    told = [p_value(p).removeprefix("p ").removeprefix("= ") for p in values.values()]
    assert cells.all_text_contents() == ["–", *told]


def test_one_of_three_arms_is_ramped(experiment: Page) -> None:
    arms = [
        arm(CHAMPION, 0.6, 0, 0, 0, 0),
        arm(CHALLENGER, 0.3, 0, 0, 0, 0),
        arm("third", 0.1, 0, 0, 0, 0),
        arm("retired", 0, 20, 3, 0.05, 0.36),
    ]
    put = fake_experiment(experiment, arms, comparisons=[])
    experiment.reload()
    expect(experiment.locator("#shares li")).to_have_count(3)
    expect(experiment.locator("#arms li")).to_have_count(4)
    expect(experiment.locator("#arms li").nth(3)).to_contain_text("gets no traffic")
    shoot(experiment, "experiment-three-arms")

    ramp(experiment, "third").get_by_role("button", name="50%").click()
    expect(ramp(experiment, "third").locator("[aria-pressed=true]")).to_have_text("50%")
    ramp(experiment, "third").get_by_role("button", name="100%").click()
    expect(ramp(experiment, "third")).to_be_visible()
    experiment.get_by_role("button", name="Remove third").click()
    expect(ramp(experiment, "third")).to_have_count(0)

    assert put[0] == pytest.approx({CHAMPION: 1 / 3, CHALLENGER: 1 / 6, "third": 0.5}, abs=1e-5)
    assert sum(put[0].values()) == pytest.approx(1, abs=1e-12)
    assert put[1:] == [{CHAMPION: 0, CHALLENGER: 0, "third": 1}, {CHAMPION: 1}]


def test_server_without_an_experiment_says_what_to_set(page: Page) -> None:
    answer = refusal("NotConfigured", "No experiment.")
    page.route("**/experiment", lambda route: route.fulfill(status=503, json=answer))
    page.reload()
    page.get_by_role("tab", name="Experiment").click()

    expect(page.get_by_role("heading", name="No experiment here yet.")).to_be_visible()
    expect(page.locator("#experiment-setup")).to_have_text(
        'make run MODEL=doodle ARMS="doodle=0.9 doodle-small=0.1"'
    )
    expect(page.locator("#traffic")).to_be_hidden()
    shoot(page, "experiment-off")


def test_server_that_is_away_for_a_while(page: Page) -> None:
    page.route("**/experiment", lambda route: route.abort())
    page.get_by_role("tab", name="Experiment").click()
    expect(page.locator("#experiment-problem")).to_contain_text("The server does not answer.")

    page.unroute("**/experiment")
    page.locator("#experiment-problem").get_by_role("button", name="Try again").click()

    expect(page.locator("#traffic")).to_be_visible()
    expect(page.locator("#experiment-problem")).to_be_hidden()


@pytest.mark.usefixtures("own_context")
def test_no_look_while_the_tab_is_hidden(page: Page) -> None:
    page.clock.install()
    page.reload()
    expect(page.locator("#card")).to_be_visible()
    looks: list[str] = []
    page.on("request", lambda request: looks.append(request.url))

    def seen() -> int:
        return sum(url.endswith("/experiment") for url in looks)

    page.get_by_role("tab", name="Experiment").click()
    expect(page.locator("#traffic")).to_be_visible()
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    hidden = seen()
    pass_minutes(page)
    assert seen() <= hidden + 1  # one may have been under way

    page.evaluate("Object.defineProperty(document, 'hidden', {value: false})")
    with page.expect_response("**/experiment"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_role("tab", name="One picture").click()
    left = seen()
    pass_minutes(page)
    assert seen() <= left + 1  # as above


def test_keyboard_alone(page: Page, server: str) -> None:
    classify(page, "umbrella")
    tab_to(page, "#vote-no")
    page.keyboard.press("Space")
    expect(page.get_by_label("What is it?")).to_be_focused()
    page.keyboard.type("parasol")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("“parasol” is saved")
    expect(thumb(page, "No")).to_be_focused()

    page.reload()
    expect(page.get_by_role("tab", name="Teach")).to_be_visible()
    tab_to(page, "#tab-single")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Experiment")).to_be_focused()
    expect(page.locator("#challenge button")).to_be_visible()
    tab_to(page, "#challenge button")
    page.keyboard.press("Enter")
    expect(ramp(page).locator("[aria-pressed=true]")).to_have_text("10%")
    page.get_by_role("tab", name="Experiment").focus()
    tab_to(page, ".step:nth-child(2)")
    page.keyboard.press("Space")
    expect(ramp(page).locator("[aria-pressed=true]")).to_have_text("50%")
    expect(ramp(page).locator("[aria-pressed=true]")).to_be_focused()
    assert weights_in(page, server) == {CHAMPION: 0.5, CHALLENGER: 0.5}


@pytest.mark.parametrize("browser_options", [PHONE], ids=["phone"])
def test_nothing_scrolls_sideways_on_a_phone(page: Page) -> None:
    def expect_fit(name: str) -> None:
        shoot(page, f"phone-{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360

    classify(page, "umbrella")
    thumb(page, "No").click()
    expect(page.get_by_label("What is it?")).to_be_visible()
    page.get_by_label("What is it?").scroll_into_view_if_needed()
    expect_fit("vote")
    page.evaluate("scrollTo(0, 0)")
    fake_experiment(page, TWO_ARMS)
    page.get_by_role("tab", name="Experiment").click()
    expect(page.locator(".arm-strip .dot")).to_have_count(2)
    expect_fit("experiment")
    page.get_by_text("As a table").click()
    page.locator("#traffic").scroll_into_view_if_needed()
    expect_fit("experiment-table")


@pytest.mark.parametrize(
    "browser_options", [{"color_scheme": "light"}, {"color_scheme": "dark"}], ids=["light", "dark"]
)
def test_contrast_by_day_and_by_night(page: Page, browser_options: dict[str, Any]) -> None:
    scheme = browser_options["color_scheme"]
    classify(page, "umbrella")
    thumb(page, "Yes").click()
    expect(page.locator("#vote-said")).to_contain_text("counts for the model")
    assert page.evaluate(TOO_FAINT) == []
    shoot(page, f"vote-{scheme}")

    fake_experiment(page, TWO_ARMS)
    page.get_by_role("tab", name="Experiment").click()
    ramp(page).get_by_role("button", name="50%").click()
    expect(page.locator("#traffic-said")).to_be_visible()
    page.get_by_text("As a table").click()
    assert page.evaluate(TOO_FAINT) == []
    shoot(page, f"experiment-{scheme}")
