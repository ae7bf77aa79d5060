/** How one vehicle looks on the map. */

// A state shows by colour, by shape (see live_map.scss) and by glyph: no one of them is needed.
const GLYPHS = {
    in_transit:
        '<path d="M1.5 5h8.5v7.5H1.5zM10.8 7h2.9l2.8 2.9v2.6h-5.7z"/>' +
        '<circle cx="4.8" cy="13" r="1.9"/><circle cx="12.8" cy="13" r="1.9"/>',
    on_hold: '<path d="M5 4h3v10H5zM10 4h3v10h-3z"/>',
    assigned: '<path d="M5 3h1.7v12H5zM6.7 3.6h7.2l-2.2 2.8 2.2 2.8H6.7z"/>',
    available: '<path d="M3.2 9.4l3.7 3.8 7.9-8.4" class="o_tms_stroke"/>',
    silent:
        '<path d="M3.5 8a7.8 7.8 0 0 1 11 0M6.3 11a3.9 3.9 0 0 1 5.4 0" class="o_tms_stroke"/>' +
        '<circle cx="9" cy="14" r="1.5"/><path d="M3.5 2.8l11 12.4" class="o_tms_stroke"/>',
};

/** @returns {string} the glyph of a state, or of "silent", as SVG */
export function glyph(name) {
    return `<svg viewBox="0 0 18 18" aria-hidden="true" focusable="false">${GLYPHS[name]}</svg>`;
}

/** Builds the inside of a marker. Nothing that a user typed goes in as HTML. */
export function buildMarkerContent() {
    const content = document.createElement("div");
    content.className = "o_tms_marker_content";
    content.innerHTML =
        '<div class="o_tms_marker_arrow"><svg viewBox="0 0 44 44" aria-hidden="true">' +
        '<path d="M22 1.5l6.5 8.5h-13z"/></svg></div>' +
        '<div class="o_tms_marker_badge"></div><div class="o_tms_marker_label"></div>';
    return content;
}

/**
 * Shows `row` in a marker's element.
 *
 * @param {HTMLElement} element the marker, with its data attributes for tests and assistive tools
 * @param {import("./fleet").Row} row
 * @param {{label: string, heading: number|null, selected: boolean}} look
 */
export function paintMarker(element, row, { label, heading, selected }) {
    const shown = row.silent ? "silent" : row.state;
    element.dataset.vehicle = row.vehicle;
    element.dataset.vehicleId = row.id;
    element.dataset.state = row.state;
    element.dataset.silent = row.silent ? "1" : "0";
    element.classList.toggle("o_tms_selected", selected);
    element.setAttribute("aria-label", label);
    element.querySelector(".o_tms_marker_label").textContent = row.vehicle;
    const badge = element.querySelector(".o_tms_marker_badge");
    if (badge.dataset.glyph !== shown) {
        badge.dataset.glyph = shown;
        badge.innerHTML = glyph(shown);
    }
    const arrow = element.querySelector(".o_tms_marker_arrow");
    arrow.classList.toggle("o_tms_hidden", heading === null);
    if (heading !== null) {
        arrow.style.transform = `rotate(${heading}deg)`;
    }
}
