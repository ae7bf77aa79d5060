/** The map that needs nobody else: land and borders from this very site. */

import { loadJS } from "@web/core/assets";

import { unwrapPolygons } from "./antimeridian";

const LIB = "/tms_management/static/lib";

/**
 * @param {Object} L Leaflet
 * @param {boolean} withBorders whether to draw the lines between countries
 * @returns {Promise<Object>} a layer group, to be put under everything else
 */
export async function loadOutlines(L, withBorders) {
    const [answer] = await Promise.all([
        fetch(`${LIB}/world-atlas/outlines.json`),
        loadJS(`${LIB}/topojson-client/topojson-client.js`),
    ]);
    if (!answer.ok) {
        throw new Error(`outlines.json: ${answer.status}`);
    }
    const world = await answer.json();
    const pane = "outlines";
    const renderer = L.canvas({ pane, padding: 0.3 });
    const common = { pane, renderer, interactive: false };
    const coasts = window.topojson.feature(world, world.objects.land);
    const land = L.geoJSON(unwrapPolygons(coasts), {
        ...common,
        attribution: "Natural Earth",
        style: { color: "#b9c4cb", weight: 1, fillColor: "#f8f6f1", fillOpacity: 1 },
    });
    const layers = [land];
    if (withBorders) {
        const borders = L.geoJSON(window.topojson.feature(world, world.objects.borders), {
            ...common,
            style: { color: "#b3aca0", weight: 1.2, dashArray: "5 3" },
        });
        layers.push(borders);
    }
    return L.layerGroup(layers);
}
