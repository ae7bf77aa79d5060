/**
 * Copies what the live map needs from node_modules into static/lib.
 *
 * Run by `npm run assets` after `npm ci`. The result depends on the pinned packages only; it is
 * built beside the old folder and swapped in at the end, so that a failure leaves what was there.
 */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { quantize } from "topojson-client";
import { filter, filterAttachedWeight, presimplify, simplify } from "topojson-simplify";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const MODULES = join(ROOT, "node_modules");
const TARGET = join(ROOT, "static", "lib");
const STAGING = `${TARGET}.new`;

const COPIES = [
    ["leaflet/dist/leaflet.js", "leaflet/leaflet.js"],
    ["leaflet/dist/leaflet.css", "leaflet/leaflet.css"],
    ["leaflet/dist/images", "leaflet/images"],
    ["leaflet/LICENSE", "leaflet/LICENSE"],
    ["topojson-client/dist/topojson-client.min.js", "topojson-client/topojson-client.js"],
    ["topojson-client/LICENSE", "topojson-client/LICENSE"],
    ["world-atlas/LICENSE", "world-atlas/LICENSE"],
];

// Square degrees: bends smaller than about two kilometres each way, and islands of about that size,
// do not show at the zoom levels for which outlines are of use, and are most of the file.
const SMALLEST_BEND = 4e-4;
const SMALLEST_ISLAND = 2e-3;

function copyLibraries() {
    for (const [from, to] of COPIES) {
        const target = join(STAGING, to);
        mkdirSync(dirname(target), { recursive: true });
        cpSync(join(MODULES, from), target, { recursive: true });
    }
}

/** Writes land and the lines between countries as one light TopoJSON file. */
function buildOutlines() {
    const source = join(MODULES, "world-atlas", "countries-10m.json");
    let world = presimplify(JSON.parse(readFileSync(source, "utf8")));
    world = simplify(world, SMALLEST_BEND);
    world = filter(world, filterAttachedWeight(world, SMALLEST_ISLAND));
    world = quantize(world, 1e5);
    const { countries, land } = world.objects;
    // Only the lines are needed: the shapes of the countries would triple the file.
    const shared = { ...world, objects: { land: stripped(land), borders: borders(countries) } };
    const target = join(STAGING, "world-atlas", "outlines.json");
    writeFileSync(target, JSON.stringify(shared));
    if (statSync(target).size < 100_000) {
        throw new Error("The country outlines came out almost empty: has world-atlas changed?");
    }
}

function stripped({ properties, id, ...geometry }) {
    return geometry;
}

/** The arcs used by two countries, still as indexes into the shared arcs. */
function borders(countries) {
    const users = new Map();
    for (const [country, { arcs = [] }] of countries.geometries.entries()) {
        for (const index of arcs.flat(Infinity)) {
            const arc = index < 0 ? ~index : index;
            users.set(arc, (users.get(arc) ?? new Set()).add(country));
        }
    }
    const inner = [...users].filter(([, of]) => of.size > 1).map(([arc]) => [arc]);
    if (!inner.length) {
        throw new Error("No border between two countries was found: has world-atlas changed?");
    }
    return { type: "MultiLineString", arcs: inner };
}

try {
    rmSync(STAGING, { recursive: true, force: true });
    copyLibraries();
    buildOutlines();
    rmSync(TARGET, { recursive: true, force: true });
    renameSync(STAGING, TARGET);
} catch (error) {
    rmSync(STAGING, { recursive: true, force: true });
    console.error(`Map assets were not built: ${error.message}`);
    console.error("Run `npm ci` in this folder first; it installs the pinned packages.");
    process.exit(1);
}
console.log("Map assets are in static/lib.");
