/** How a marker gets from one fix to the next. Pure. */

const EARTH_RADIUS_M = 6371008.8;

/** A marker that would have to fly further than this is put down at its new place. */
export const LONGEST_GLIDE_M = 25000;

/** The turn from one direction to another, the short way round, in degrees. */
export function turn(from, to) {
    return ((((to - from) % 360) + 540) % 360) - 180;
}

/**
 * @param {{latitude: number, longitude: number}} from
 * @param {{latitude: number, longitude: number}} to
 * @param {number} fraction 0 at `from`, 1 at `to`
 */
export function between(from, to, fraction) {
    if (fraction >= 1) {
        return { latitude: to.latitude, longitude: to.longitude };
    }
    return {
        latitude: from.latitude + (to.latitude - from.latitude) * fraction,
        longitude: from.longitude + turn(from.longitude, to.longitude) * fraction,
    };
}

/** Great-circle distance in metres (haversine). */
export function distanceM(from, to) {
    const rad = Math.PI / 180;
    const sinLat = Math.sin(((to.latitude - from.latitude) * rad) / 2);
    const sinLon = Math.sin(((to.longitude - from.longitude) * rad) / 2);
    const h =
        sinLat ** 2 +
        Math.cos(from.latitude * rad) * Math.cos(to.latitude * rad) * sinLon ** 2;
    return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(h)));
}
