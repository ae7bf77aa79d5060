import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import test from "node:test";

import { unwrapPolygons, unwrapRing } from "../src/live_map/antimeridian.js";

const LIB = new URL("../lib/", import.meta.url);

const longestStep = (ring) =>
    Math.max(...ring.slice(1).map(([lon], index) => Math.abs(lon - ring[index][0])));

test("a ring that crosses no date line stays as it is", () => {
    const ring = [[70, 10], [80, 10], [80, 20], [70, 10]];
    assert.deepEqual(unwrapRing(ring), ring);
});

test("a ring that crosses the date line goes on beyond it", () => {
    const east = [[150, 60], [-170, 60], [-170, 70], [150, 70], [150, 60]];
    assert.deepEqual(
        unwrapRing(east),
        [[150, 60], [190, 60], [190, 70], [150, 70], [150, 60]]
    );
});

test("it stays where most of it is, wherever it begins", () => {
    const ring = [[-170, 60], [100, 60], [100, 70], [-170, 60]];
    assert.deepEqual(unwrapRing(ring), [[190, 60], [100, 60], [100, 70], [190, 60]]);
});

test("no coast of the world is a stroke across it", async () => {
    const topojson = createRequire(import.meta.url)("topojson-client");
    const world = JSON.parse(await readFile(new URL("world-atlas/outlines.json", LIB)));
    const land = topojson.feature(world, world.objects.land);
    const rings = ({ features }) =>
        features.flatMap(({ geometry: { type, coordinates } }) =>
            type === "Polygon" ? coordinates : coordinates.flat());
    assert.ok(rings(land).some((ring) => longestStep(ring) > 180), "nothing to mend");
    const mended = rings(unwrapPolygons(land));
    assert.equal(mended.length, rings(land).length);
    assert.deepEqual(mended.filter((ring) => longestStep(ring) > 180), []);
});
