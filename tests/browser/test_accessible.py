"""What axe-core says of every view and dialog, light and dark."""

import pytest

from tests.browser.fetch_axe import AXE
from tests.gate_audit import Row
from tests.review_desk import write_audit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AXE.exists(), reason="axe-core is not here: python tests/browser/fetch_axe.py"),
]
ROWS = [Row(f"cat/{at:03d}.png", "cat", 0.02 + at / 60, ("dog", "cow")[at % 2]) for at in range(50)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_and_no_dialog_has_a_serious_violation(tmp_path, serve, visit, scheme):
    write_audit(tmp_path, ROWS, results={"noise_interval": [0.05, 0.6]})
    tab = visit(serve(), color_scheme=scheme, bypass_csp=True)  # for axe's own script alone
    tab.page.wait_for_selector("#offer:not([hidden])")
    tab.page.wait_for_selector(".thumb")
    tab.page.add_script_tag(path=str(AXE))
    found = {"one": violations(tab)}
    tab.page.keyboard.press("c")
    found["chooser"] = violations(tab)
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("?")
    found["keys"] = violations(tab)
    tab.page.keyboard.press("Escape")
    tab.press("k")
    tab.page.keyboard.press("g")
    tab.page.wait_for_selector(".tile")
    tab.page.keyboard.press("e")
    found["grid"] = violations(tab)
    tab.page.keyboard.press("z")
    found["zoom"] = violations(tab)
    assert {view: bad for view, bad in found.items() if bad} == {}


def violations(tab):
    tab.page.wait_for_timeout(250)  # colours fade in
    result = tab.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        (each["id"], each["impact"], [node["html"][:120] for node in each["nodes"]][:3])
        for each in result["violations"]
        if each["impact"] in ("serious", "critical")
    ]
