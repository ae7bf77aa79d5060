/** How markers move. Run by `npm test`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { between, distanceM, turn } from "../src/live_map/motion.js";

test("a turn goes the short way round", () => {
    assert.equal(turn(350, 10), 20);
    assert.equal(turn(10, 350), -20);
    assert.equal(turn(90, 90), 0);
    assert.equal(turn(730, 0), -10);
});

test("a marker is on the way between two fixes and arrives exactly", () => {
    const from = { latitude: 18, longitude: 73 };
    const to = { latitude: 18.3, longitude: 73.7 };
    assert.deepEqual(between(from, to, 0), from);
    const halfway = between(from, to, 0.5);
    assert.ok(Math.abs(halfway.latitude - 18.15) < 1e-9);
    assert.ok(Math.abs(halfway.longitude - 73.35) < 1e-9);
    assert.deepEqual(between(from, to, 1), to);
    assert.deepEqual(between(from, to, 1.7), to);
});

test("the date line is crossed, not the whole world", () => {
    const halfway = between(
        { latitude: 0, longitude: 179 },
        { latitude: 0, longitude: -179 },
        0.5
    );
    assert.equal(halfway.longitude, 180);
});

test("a degree of latitude is about 111.2 km", () => {
    const metres = distanceM({ latitude: 0, longitude: 0 }, { latitude: 1, longitude: 0 });
    assert.ok(Math.abs(metres - 111195) < 1);
});
