/**
 * Outlines that cross the line where the longitude changes from 180 to -180 degrees.
 *
 * On a flat map, each such step would be a stroke across the whole world.
 */

/**
 * @param {number[][]} ring longitude and latitude of each point, degrees
 * @returns {number[][]} the same ring without a step of more than 180 degrees; most of
 *     it lies between -180 and 180, and the rest goes on beyond
 */
export function unwrapRing(ring) {
    let turn = 0;
    const points = ring.map(([longitude, latitude], index) => {
        const step = index ? longitude - ring[index - 1][0] : 0;
        if (Math.abs(step) > 180) {
            turn -= Math.sign(step) * 360;
        }
        return [longitude + turn, latitude];
    });
    const longitudes = points.map(([longitude]) => longitude);
    const middle = (Math.min(...longitudes) + Math.max(...longitudes)) / 2;
    const back = 360 * Math.round(middle / 360);
    return points.map(([longitude, latitude]) => [longitude - back, latitude]);
}

/**
 * @param {Object} collection GeoJSON features that are polygons or many of them
 * @returns {Object} the same with all rings unwrapped
 */
export function unwrapPolygons(collection) {
    const unwrap = ({ type, coordinates }) => ({
        type,
        coordinates:
            type === "Polygon"
                ? coordinates.map(unwrapRing)
                : coordinates.map((polygon) => polygon.map(unwrapRing)),
    });
    return {
        ...collection,
        features: collection.features.map((feature) => ({
            ...feature,
            geometry: unwrap(feature.geometry),
        })),
    };
}
