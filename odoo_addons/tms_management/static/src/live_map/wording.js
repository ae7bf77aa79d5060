/** Words and numbers of the live map, in the user's language. */

import { _t } from "@web/core/l10n/translation";

export function stateNames() {
    return {
        on_hold: _t("On hold"),
        in_transit: _t("In transit"),
        assigned: _t("Assigned"),
        available: _t("No trip"),
        silent: _t("Silent"),
    };
}

/** @param {number|null} seconds since the last fix */
export function formatAge(seconds) {
    if (seconds === null) {
        return _t("Never seen");
    }
    if (seconds < 60) {
        return _t("%s s ago", Math.round(seconds));
    }
    if (seconds < 3600) {
        return _t("%s min ago", Math.floor(seconds / 60));
    }
    if (seconds < 48 * 3600) {
        return _t("%s h ago", Math.floor(seconds / 3600));
    }
    return _t("%s days ago", Math.floor(seconds / 86400));
}

/** @param {Object|null} position */
export function formatSpeed(position) {
    if (!position || position.speed_kmh === null) {
        return "";
    }
    return _t("%s km/h", Math.round(position.speed_kmh));
}

/** @param {Object|null} arrival of a trip: expected_at, remaining_km, late */
export function formatArrival(arrival) {
    if (!arrival) {
        return "";
    }
    const at = new Date(arrival.expected_at).toLocaleString([], {
        month: "short",
        day: "numeric",
        hour: "numeric",
        minute: "2-digit",
    });
    const way = _t("%s km to go", Math.round(arrival.remaining_km));
    return arrival.late ? _t("%(at)s, late, %(way)s", { at, way }) : `${at}, ${way}`;
}
