"""What of a page does not fit on the screen, to the left or right.

Odoo hides what is too wide for its web client: the document itself never scrolls, and
its width says nothing. The parts that hold the page are measured instead, and every
control that can be seen. What a part within them scrolls by itself, such as the columns
of a board, is no fault.
"""

from __future__ import annotations

from playwright.sync_api import Page

_CUT_OFF = """() => {
    const parts = "html, body, #wrapwrap, .o_main_navbar, .o_action_manager, "
        + ".o_action, .o_control_panel, .o_content, .o_form_view, .o_form_sheet, "
        + ".modal-body";
    const controls = "a[href], button, input, select, textarea, [role=button], "
        + ".o_kanban_record:not(.o_kanban_ghost), .o_field_widget, .badge";
    const name = (node) => {
        const text = (node.textContent || "").trim().slice(0, 30);
        return `<${node.tagName.toLowerCase()} class="${node.className}"> ${text}`;
    };
    const scrolls = (node) =>
        ["auto", "scroll"].includes(getComputedStyle(node).overflowX);
    const inScroller = (node) => {
        for (let up = node.parentElement; up; up = up.parentElement) {
            if (!up.matches(parts) && scrolls(up)) {
                return true;
            }
        }
        return false;
    };
    const wide = [...document.querySelectorAll(parts)]
        .filter((node) => node.scrollWidth > node.clientWidth + 1)
        .map((node) => `${name(node)} is ${node.scrollWidth} px wide`
            + ` in ${node.clientWidth}`);
    const outside = [...document.querySelectorAll(controls)]
        .filter((node) => node.checkVisibility(
            { opacityProperty: true, visibilityProperty: true }))
        .map((node) => [node, node.getBoundingClientRect()])
        .filter(([, { width, height }]) => width > 1 && height > 1)
        .filter(([, { left, right }]) => left < -1 || right > innerWidth + 1)
        .filter(([node]) => !inScroller(node))
        .map(([node, { left, right }]) => `${name(node)} is at`
            + ` ${Math.round(left)} to ${Math.round(right)}`);
    return [...wide, ...outside];
}"""

_PLANT = """([part, width]) => {
    const planted = document.createElement("button");
    planted.id = "planted";
    planted.style.cssText = `display: block; flex: none; width: ${width}px;`;
    document.querySelector(part).append(planted);
}"""


def cut_off(page: Page) -> list[str]:
    """Everything that a reader cannot see or reach without scrolling sideways."""
    return list(page.evaluate(_CUT_OFF))


def plant(page: Page, part: str, width: int) -> None:
    """Put a button of a width in CSS pixels into a part of the page."""
    page.evaluate(_PLANT, [part, width])


def uproot(page: Page) -> None:
    """Take the planted button away."""
    page.evaluate("document.getElementById('planted').remove()")
