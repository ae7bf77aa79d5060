/**
 * What the live map knows of the fleet. Pure: no DOM, no network, no clock of its own, so that
 * its rules are tested without a browser.
 */

/** The states of a marker, in the order in which a dispatcher cares. */
export const STATES = ["on_hold", "in_transit", "assigned", "available"];

/**
 * @typedef {Object} Row one vehicle as the map and the list show it
 * @property {number} id
 * @property {string} vehicle truck number
 * @property {string} model
 * @property {string} state one of STATES
 * @property {boolean} silent whether the last fix is too old to be trusted
 * @property {number|null} ageS seconds since the last fix, null without one
 * @property {Object|null} position latitude, longitude, speed_kmh, course, fix_time
 * @property {Object|null} trip id, name, driver, source, destination
 */

export class Fleet {
    /** @param {() => number} now milliseconds of a clock that is never set back */
    constructor(now) {
        this._now = now;
        this._vehicles = new Map();
        this._positions = new Map();
        this._serverAhead = 0;
        this.cursor = null;
        this.settings = null;
    }

    /** Takes in an answer of `get_live_map`. */
    merge(answer) {
        this._serverAhead = Date.parse(answer.server_time) - this._now();
        this.cursor = answer.cursor;
        this.settings = answer.settings || this.settings;
        if (answer.vehicles) {
            this._vehicles = new Map(answer.vehicles.map((row) => [row.vehicle_id, row]));
            this._positions.clear();
        }
        for (const position of answer.positions) {
            this._positions.set(position.vehicle_id, position);
        }
    }

    /** Forgets the cursor: the next answer brings the whole fleet. */
    forgetCursor() {
        this.cursor = null;
    }

    get size() {
        return this._vehicles.size;
    }

    /** Whether any vehicle was ever seen. */
    get hasPositions() {
        return this._positions.size > 0;
    }

    /** @returns {Row[]} what needs attention first, then by truck number */
    rows() {
        const serverNow = this._now() + this._serverAhead;
        const rows = [];
        for (const vehicle of this._vehicles.values()) {
            const position = this._positions.get(vehicle.vehicle_id) || null;
            const ageS =
                position && Math.max(0, (serverNow - Date.parse(position.fix_time)) / 1000);
            rows.push({
                id: vehicle.vehicle_id,
                vehicle: vehicle.vehicle,
                model: vehicle.model,
                state: vehicle.trip ? vehicle.trip.state : "available",
                silent: !position || ageS > this.settings.silent_after_s,
                ageS,
                position,
                trip: vehicle.trip || null,
            });
        }
        return rows.sort(
            (a, b) =>
                STATES.indexOf(a.state) - STATES.indexOf(b.state) ||
                a.vehicle.localeCompare(b.vehicle)
        );
    }
}

/** @returns {Object} number of rows per state, and of the silent ones */
export function countRows(rows) {
    const counts = Object.fromEntries([...STATES, "silent"].map((state) => [state, 0]));
    for (const row of rows) {
        counts[row.state]++;
        counts.silent += row.silent ? 1 : 0;
    }
    return counts;
}

/** Letters and digits only, so that "MH 12 ab" finds MH12AB1234. */
function simplified(text) {
    return text.toLowerCase().replace(/[\s./-]/g, "");
}

/**
 * @param {Row[]} rows
 * @param {{text: string, states: string[], silentOnly: boolean}} filter no state: every state
 */
export function filterRows(rows, { text, states, silentOnly }) {
    const wanted = simplified(text);
    return rows.filter(
        (row) =>
            (!states.length || states.includes(row.state)) &&
            (!silentOnly || row.silent) &&
            [row.vehicle, row.trip?.name, row.trip?.driver, row.trip?.destination?.name].some(
                (value) => value && simplified(value).includes(wanted)
            )
    );
}

/** @returns {Object[]} the located places of the rows' trips, each once */
export function placesOf(rows) {
    const places = new Map();
    for (const { trip } of rows) {
        for (const place of [trip?.source, trip?.destination]) {
            if (place && place.latitude !== undefined) {
                places.set(place.id, place);
            }
        }
    }
    return [...places.values()];
}
