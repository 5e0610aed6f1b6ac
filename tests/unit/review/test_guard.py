import pytest

from tests.review_desk import HOME, TAB, open_page, write_audit


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_page(write_audit(tmp_path)) as page:
        yield page


def test_without_the_token_nothing_is_shown(page):
    for path in ("/", "/?token=", "/?token=guessed", "/page/main.js", "/picture/0/large", f"/api/state?tab={TAB}"):
        answer = page.client.get(path)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False), path
        assert "labelaudit review" in answer.text


def test_the_token_is_exchanged_for_a_cookie_that_no_script_and_no_other_site_has(page):
    answer = page.client.get("/", params={"token": page.known.token})
    assert answer.status_code == 200
    assert answer.headers["set-cookie"] == (
        f"labelaudit-review={page.known.session}; HttpOnly; SameSite=Strict; Path=/"
    )
    assert page.known.token not in answer.text
    assert page.client.get("/").status_code == 200


def test_a_token_lets_nobody_in_elsewhere_than_on_the_first_page(page):
    assert page.client.get("/api/state", params={"token": page.known.token, "tab": TAB}).status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8642", 200),
        ("localhost:9000", 200),  # through a tunnel
        ("[::1]:8642", 200),
        ("evil.example:8642", 421),  # a name that somebody points here
        ("127.0.0.1.evil.example", 421),
        ("evil.example@127.0.0.1", 200),  # no browser sends it, and the name is this machine
        ("[", 421),
        ("", 421),
    ],
)
def test_only_names_of_this_machine_are_answered(page, host, status):
    page.enter()
    answer = page.client.get("/", headers={"host": host, "cookie": f"labelaudit-review={page.known.session}"})
    assert answer.status_code == status


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8642"])
def test_another_site_can_neither_read_nor_decide(page, origin):
    page.enter()
    body = {"tab": TAB, "choice": "keep", "samples": [{"row": 0, "version": 0}]}
    assert page.client.post("/api/decide", json=body, headers={"origin": origin}).status_code == 403
    assert page.client.get(f"/api/state?tab={TAB}", headers={"origin": origin}).status_code == 403
    assert not page.desk.audit.decisions_path.exists()


def test_what_does_not_say_where_it_comes_from_decides_nothing(page):
    body = {"tab": TAB, "choice": "keep", "samples": [{"row": 0, "version": 0}]}
    assert page.enter().client.post("/api/decide", json=body).status_code == 403


def test_a_form_of_another_site_is_no_json(page):
    headers = {"origin": HOME, "content-type": "text/plain"}
    assert page.enter().client.post("/api/decide", content="{}", headers=headers).status_code == 415


def test_pictures_are_not_for_pages_of_other_sites(page):
    page.enter()
    assert page.client.get("/picture/0/large", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert page.client.get("/picture/0/large", headers={"sec-fetch-site": "same-site"}).status_code == 403
    assert page.client.get("/picture/0/large", headers={"sec-fetch-site": "same-origin"}).status_code == 200


def test_every_answer_forbids_foreign_and_inline_scripts(page):
    for path in ("/", "/page/main.js", f"/api/state?tab={TAB}", "/nothing"):
        headers = page.enter().client.get(path).headers
        policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
        assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_requests_are_bounded(page):
    page.enter()
    headers = {"origin": HOME, "content-type": "application/json"}
    assert page.client.post("/api/decide", content=b" " * (256 * 1024 + 1), headers=headers).status_code == 413
    assert page.client.get("/api/queue", params={"tab": TAB, "given": "x" * 20_000}).status_code == 414
    assert page.client.put("/api/decide", json={}, headers=headers).status_code == 405


def test_a_body_without_an_announced_length_is_bounded_too(page):
    headers = {"origin": HOME, "content-type": "application/json"}
    parts = (b" " * 65_536 for _ in range(8))
    assert page.enter().client.post("/api/decide", content=parts, headers=headers).status_code == 413
