/** When the live map asks. Run by `npm test`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Poller } from "../src/live_map/poller.js";

/** Timers that run when the test says so, and note how long they were set for. */
function makeTimers() {
    const timers = { delays: [], due: null };
    timers.setTimeout = (run, delay) => {
        timers.delays.push(delay);
        timers.due = run;
        return timers.delays.length;
    };
    timers.clearTimeout = () => {
        timers.due = null;
    };
    timers.pass = () => timers.due();
    return timers;
}

function makePoller(answers) {
    const timers = makeTimers();
    const asked = [];
    const poller = new Poller({
        ask: async () => {
            asked.push(true);
            return answers.length ? answers.shift() : true;
        },
        intervalMs: () => 4000,
        timers,
    });
    return { poller, timers, asked };
}

test("it asks at once and then at a steady pace", async () => {
    const { poller, timers, asked } = makePoller([]);
    await poller.start();
    await timers.pass();
    assert.equal(asked.length, 2);
    assert.deepEqual(timers.delays, [4000, 4000]);
});

test("it slows down while it fails, never beyond half a minute, and recovers", async () => {
    const { poller, timers } = makePoller([false, false, false, false, true]);
    await poller.start();
    for (let call = 0; call < 4; call++) {
        await timers.pass();
    }
    assert.deepEqual(timers.delays, [8000, 16000, 30000, 30000, 4000]);
});

test("it asks nothing while stopped", async () => {
    const { poller, timers, asked } = makePoller([]);
    await poller.start();
    poller.stop();
    await poller.askNow();
    assert.equal(asked.length, 1);
    assert.equal(timers.due, null);
});

test("an answer that comes after it was stopped plans no further call", async () => {
    let answer;
    const timers = makeTimers();
    const poller = new Poller({
        ask: () => new Promise((resolve) => (answer = resolve)),
        intervalMs: () => 4000,
        timers,
    });
    const asking = poller.start();
    poller.stop();
    answer(true);
    await asking;
    assert.deepEqual(timers.delays, []);
});

test("it never asks twice at the same time", async () => {
    let answer;
    let asked = 0;
    const poller = new Poller({
        ask: () => {
            asked++;
            return new Promise((resolve) => (answer = resolve));
        },
        intervalMs: () => 4000,
        timers: makeTimers(),
    });
    const asking = poller.start();
    await poller.askNow();
    answer(true);
    await asking;
    assert.equal(asked, 1);
});
