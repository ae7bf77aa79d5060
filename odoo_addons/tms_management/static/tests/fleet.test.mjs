/** The rules of the live map's fleet. Run by `npm test`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Fleet, countRows, filterRows, placesOf } from "../src/live_map/fleet.js";

const SETTINGS = { silent_after_s: 900, poll_interval_s: 4 };
const MUMBAI = { id: 1, name: "Mumbai", latitude: 19.08, longitude: 72.88 };
const PUNE = { id: 2, name: "Pune", latitude: 18.52, longitude: 73.86 };
const TRIP = {
    id: 5,
    name: "TRIP/2026/00005",
    state: "in_transit",
    driver: "Ramesh Patil",
    source: MUMBAI,
    destination: PUNE,
};

function vehicle(id, plate, trip = null) {
    return { vehicle_id: id, vehicle: plate, model: "Hauler", has_tracker: true, trip };
}

function fix(id, time, more = {}) {
    return { vehicle_id: id, fix_time: time, latitude: 18.5, longitude: 73.8, ...more };
}

function answer(more) {
    return { server_time: "2026-11-23T10:00:00Z", cursor: "1.a", positions: [], ...more };
}

function fleetOf(vehicles, positions, clock = { ms: 0 }) {
    const fleet = new Fleet(() => clock.ms);
    fleet.merge(answer({ settings: SETTINGS, vehicles, positions }));
    return fleet;
}

test("age goes by the server's time and grows with the local clock", () => {
    const clock = { ms: 123456 };
    const fleet = fleetOf([vehicle(1, "A")], [fix(1, "2026-11-23T09:59:50Z")], clock);
    assert.equal(fleet.rows()[0].ageS, 10);
    clock.ms += 5000;
    assert.equal(fleet.rows()[0].ageS, 15);
});

test("a fix from a clock that is ahead is not from the future", () => {
    const fleet = fleetOf([vehicle(1, "A")], [fix(1, "2026-11-23T10:00:30Z")]);
    assert.equal(fleet.rows()[0].ageS, 0);
});

test("a vehicle is silent after more than 15 minutes, and before its first fix", () => {
    const fleet = fleetOf(
        [vehicle(1, "A"), vehicle(2, "B"), vehicle(3, "C")],
        [fix(1, "2026-11-23T09:45:00Z"), fix(2, "2026-11-23T09:44:59Z")]
    );
    assert.deepEqual(
        fleet.rows().map((row) => row.silent),
        [false, true, true]
    );
    assert.equal(fleet.rows()[2].ageS, null);
});

test("an answer with positions only leaves the vehicles as they were", () => {
    const fleet = fleetOf([vehicle(1, "A", TRIP)], [fix(1, "2026-11-23T09:59:00Z")]);
    fleet.merge(answer({ cursor: "2.a", positions: [fix(1, "2026-11-23T09:59:50Z")] }));
    const [row] = fleet.rows();
    assert.equal(row.ageS, 10);
    assert.equal(row.state, "in_transit");
    assert.equal(fleet.cursor, "2.a");
    assert.equal(fleet.settings, SETTINGS);
});

test("an answer with vehicles drops who is not in it any more", () => {
    const fleet = fleetOf(
        [vehicle(1, "A"), vehicle(2, "B")],
        [fix(1, "2026-11-23T09:59:00Z"), fix(2, "2026-11-23T09:59:00Z")]
    );
    fleet.merge(answer({ vehicles: [vehicle(2, "B")], positions: [] }));
    assert.deepEqual(
        fleet.rows().map((row) => [row.vehicle, row.position]),
        [["B", null]]
    );
    assert.equal(fleet.hasPositions, false);
});

test("what needs attention comes first, then by truck number", () => {
    const on = (state) => ({ ...TRIP, state });
    const fleet = fleetOf(
        [
            vehicle(1, "Z", on("in_transit")),
            vehicle(2, "B"),
            vehicle(3, "A", on("in_transit")),
            vehicle(4, "X", on("on_hold")),
            vehicle(5, "Y", on("assigned")),
        ],
        []
    );
    assert.deepEqual(
        fleet.rows().map((row) => row.vehicle),
        ["X", "A", "Z", "Y", "B"]
    );
});

test("forgetting the cursor asks for everything", () => {
    const fleet = fleetOf([], []);
    fleet.forgetCursor();
    assert.equal(fleet.cursor, null);
});

test("rows are counted by state, the silent ones a second time", () => {
    const fleet = fleetOf(
        [vehicle(1, "A", TRIP), vehicle(2, "B")],
        [fix(1, "2026-11-23T09:59:00Z")]
    );
    assert.deepEqual(countRows(fleet.rows()), {
        on_hold: 0,
        in_transit: 1,
        assigned: 0,
        available: 1,
        silent: 1,
    });
});

test("the search finds truck, trip, driver and destination, however they are typed", () => {
    const rows = fleetOf([vehicle(1, "MH12AB1234", TRIP), vehicle(2, "B")], []).rows();
    for (const text of ["mh 12-ab", "00005", "ramesh", "PUNE", ""]) {
        const found = filterRows(rows, { text, states: [], silentOnly: false });
        assert.ok(
            found.some((row) => row.id === 1),
            text
        );
    }
    assert.deepEqual(filterRows(rows, { text: "delhi", states: [], silentOnly: false }), []);
});

test("filters add up", () => {
    const rows = fleetOf(
        [vehicle(1, "A", TRIP), vehicle(2, "B"), vehicle(3, "C", TRIP)],
        [fix(1, "2026-11-23T09:59:00Z")]
    ).rows();
    const ids = (filter) =>
        filterRows(rows, { text: "", states: [], silentOnly: false, ...filter }).map(
            (row) => row.id
        );
    assert.deepEqual(ids({ states: ["in_transit"] }), [1, 3]);
    assert.deepEqual(ids({ states: ["in_transit", "available"] }), [1, 3, 2]);
    assert.deepEqual(ids({ states: ["in_transit"], silentOnly: true }), [3]);
});

test("each located place is drawn once", () => {
    const unlocated = { ...TRIP, destination: { id: 9, name: "Somewhere" } };
    const rows = fleetOf(
        [vehicle(1, "A", TRIP), vehicle(2, "B", unlocated), vehicle(3, "C")],
        []
    ).rows();
    assert.deepEqual(placesOf(rows), [MUMBAI, PUNE]);
});
