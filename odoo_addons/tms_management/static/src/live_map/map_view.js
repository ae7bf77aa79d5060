/** The map itself: Leaflet, its layers and the moving markers. Knows nothing of OWL or RPC. */

import { loadCSS, loadJS } from "@web/core/assets";
import { LONGEST_GLIDE_M, between, distanceM, turn } from "./motion";
import { buildMarkerContent, paintMarker } from "./marker";
import { loadOutlines } from "./outlines";
import { PlaceLayer } from "./place_layer";

const LIB = "/tms_management/static/lib/leaflet";
const WHOLE_WORLD = [
    [-50, -130],
    [65, 150],
];
const MOVING_FROM_KMH = 3;
const LABELS_FROM_ZOOM = 8;
const FAR_BELOW_ZOOM = 6.5;
// Who needs attention lies on top where trucks stand together.
const LAYER_OF = { on_hold: 600, in_transit: 400, assigned: 200, available: 0 };
const LAYER_SELECTED = 2000;
const LAYER_SILENT = -500;

/** Loads Leaflet when the first map is opened. */
export async function loadLeaflet() {
    await Promise.all([loadCSS(`${LIB}/leaflet.css`), loadJS(`${LIB}/leaflet.js`)]);
    return window.L;
}

export class MapView {
    /**
     * @param {Object} L Leaflet
     * @param {HTMLElement} element where the map goes
     * @param {Object} hooks
     * @param {(row: Object) => string} hooks.describe a row in words
     * @param {(row: Object) => HTMLElement} hooks.renderPopup
     * @param {(id: number|null) => void} hooks.onSelect
     * @param {() => void} hooks.onTilesFailed
     */
    constructor(L, element, hooks) {
        this.L = L;
        this.hooks = hooks;
        this.markers = new Map();
        this.selectedId = null;
        this.frame = null;
        this.stillness = window.matchMedia("(prefers-reduced-motion: reduce)");
        this.map = L.map(element, {
            zoomControl: false,
            worldCopyJump: true,
            minZoom: 2,
            maxZoom: 18,
            zoomSnap: 0.5,
            attributionControl: false,
        });
        L.control.zoom({ position: "bottomright" }).addTo(this.map);
        L.control.attribution({ prefix: "Leaflet", position: "bottomleft" }).addTo(this.map);
        L.control.scale({ imperial: false, position: "bottomleft" }).addTo(this.map);
        this.map.createPane("outlines").style.zIndex = 150;
        this.places = new PlaceLayer(L, this.map);
        this.popup = L.popup({
            className: "o_tms_popup",
            minWidth: 256,
            maxWidth: 300,
            offset: [0, -14],
            autoPanPadding: [24, 24],
        });
        this.map.on("zoomend", () => this.adaptToZoom());
        this.map.on("popupclose", ({ popup }) => {
            if (popup === this.popup) {
                this.select(null);
            }
        });
        this.fitWorld();
        this.adaptToZoom();
    }

    destroy() {
        cancelAnimationFrame(this.frame);
        this.destroyed = true;
        // Going away closes the popup, after the markers that closing would repaint.
        this.map.off("popupclose");
        this.map.remove();
    }

    // ---------------------------------------------------------------------
    // Background
    // ---------------------------------------------------------------------

    /** Shows tiles where an address is set, and outlines where it is not or they do not come. */
    async showBackground({ tile_url, tile_attribution, country_borders }) {
        if (!tile_url) {
            return this.showOutlines(country_borders);
        }
        let loaded = false;
        let failed = 0;
        const tiles = this.L.tileLayer(tile_url, { attribution: tile_attribution, maxZoom: 19 });
        tiles.on("tileload", () => (loaded = true));
        tiles.on("tileerror", () => {
            failed++;
            if (!loaded && failed === 3) {
                this.map.removeLayer(tiles);
                this.hooks.onTilesFailed();
                this.showOutlines(country_borders);
            }
        });
        tiles.addTo(this.map);
    }

    async showOutlines(withBorders) {
        const outlines = await loadOutlines(this.L, withBorders);
        if (!this.destroyed) {
            outlines.addTo(this.map);
        }
    }

    // ---------------------------------------------------------------------
    // View
    // ---------------------------------------------------------------------

    getView() {
        const { lat, lng } = this.map.getCenter();
        return { center: [lat, lng], zoom: this.map.getZoom() };
    }

    setView({ center, zoom }) {
        this.map.setView(center, zoom, { animate: false });
    }

    fitWorld() {
        this.map.fitBounds(WHOLE_WORLD, { animate: false });
    }

    /** Brings every shown vehicle into view. */
    fit() {
        const points = [...this.markers.values()].map(({ fix }) => [fix.latitude, fix.longitude]);
        if (points.length) {
            this.map.fitBounds(points, { padding: [48, 48], maxZoom: 12 });
        }
    }

    /** Tells Leaflet that its element has another size. */
    resized() {
        this.map.invalidateSize({ pan: false });
    }

    adaptToZoom() {
        const { classList } = this.map.getContainer();
        classList.toggle("o_tms_labels", this.map.getZoom() >= LABELS_FROM_ZOOM);
        classList.toggle("o_tms_far", this.map.getZoom() < FAR_BELOW_ZOOM);
    }

    // ---------------------------------------------------------------------
    // Vehicles
    // ---------------------------------------------------------------------

    /**
     * Shows exactly these rows; who was shown before glides to the new place.
     *
     * @param {import("./fleet").Row[]} rows
     * @param {number} glideMs how long until the next fixes are expected
     */
    update(rows, glideMs) {
        const located = rows.filter((row) => row.position);
        const shown = new Set(located.map((row) => row.id));
        for (const [id, entry] of this.markers) {
            if (!shown.has(id)) {
                entry.marker.remove();
                this.markers.delete(id);
            }
        }
        if (this.selectedId && !shown.has(this.selectedId)) {
            this.select(null);
        }
        for (const row of located) {
            this.updateMarker(row, glideMs);
        }
        this.places.update(located, this.selectedId);
        this.refreshPopup();
        this.animate();
    }

    updateMarker(row, glideMs) {
        let entry = this.markers.get(row.id);
        if (!entry) {
            entry = this.addMarker(row);
        }
        entry.row = row;
        if (entry.fix.fix_time !== row.position.fix_time) {
            entry.from = entry.at;
            entry.fix = row.position;
            entry.startedAt = performance.now();
            entry.durationMs = this.glideTime(entry, glideMs);
        }
        this.paint(entry);
    }

    addMarker(row) {
        const icon = this.L.divIcon({
            className: "o_tms_marker",
            iconSize: [44, 44],
            html: buildMarkerContent(),
        });
        const at = { latitude: row.position.latitude, longitude: row.position.longitude };
        const marker = this.L.marker([at.latitude, at.longitude], { icon, riseOnHover: true });
        const entry = { marker, row, at, from: at, fix: row.position, heading: null };
        marker.on("click", () => this.select(row.id));
        // Leaflet opens only its own bound popups from the keyboard.
        marker.on("keydown", ({ originalEvent }) => {
            if (originalEvent.key === "Enter") {
                this.select(row.id);
            }
        });
        marker.addTo(this.map);
        this.markers.set(row.id, entry);
        this.put(entry, at);
        return entry;
    }

    glideTime(entry, glideMs) {
        const tooFar = distanceM(entry.from, entry.fix) > LONGEST_GLIDE_M;
        return tooFar || this.stillness.matches || document.hidden ? 0 : glideMs;
    }

    paint(entry) {
        const { row } = entry;
        const { course, speed_kmh: speed } = row.position;
        const moving = course !== null && !row.silent && (speed === null || speed >= MOVING_FROM_KMH);
        // Counted on, so that a turn from 350° to 10° goes the short way.
        entry.heading = !moving
            ? null
            : entry.heading === null
              ? course
              : entry.heading + turn(entry.heading, course);
        const selected = row.id === this.selectedId;
        const layer = row.silent ? LAYER_SILENT : LAYER_OF[row.state];
        entry.marker.setZIndexOffset(selected ? LAYER_SELECTED : layer);
        paintMarker(entry.marker.getElement(), row, {
            label: this.hooks.describe(row),
            heading: entry.heading,
            selected,
        });
    }

    put(entry, at) {
        entry.at = at;
        entry.marker.setLatLng([at.latitude, at.longitude]);
        const element = entry.marker.getElement();
        element.dataset.latitude = at.latitude;
        element.dataset.longitude = at.longitude;
        if (entry.row.id === this.selectedId) {
            this.popup.setLatLng([at.latitude, at.longitude]);
        }
    }

    /** Moves the markers that are on their way, frame by frame, until all have arrived. */
    animate() {
        cancelAnimationFrame(this.frame);
        const now = performance.now();
        let underway = false;
        for (const entry of this.markers.values()) {
            if (entry.startedAt === undefined) {
                continue;
            }
            const fraction = entry.durationMs ? (now - entry.startedAt) / entry.durationMs : 1;
            this.put(entry, between(entry.from, entry.fix, fraction));
            if (fraction >= 1) {
                entry.startedAt = undefined;
            } else {
                underway = true;
            }
        }
        if (underway) {
            this.frame = requestAnimationFrame(() => this.animate());
        }
    }

    // ---------------------------------------------------------------------
    // Selection
    // ---------------------------------------------------------------------

    /** Opens the popup of a vehicle, or closes the open one. */
    select(id, { pan = false } = {}) {
        const previous = this.markers.get(this.selectedId);
        const entry = this.markers.get(id);
        if (this.selectedId === (entry ? id : null) && !pan) {
            return;
        }
        this.selectedId = entry ? id : null;
        if (previous) {
            this.paint(previous);
        }
        if (entry) {
            this.paint(entry);
            if (pan) {
                // Without animation: the popup's own pan would start from halfway.
                this.map.setView(
                    [entry.at.latitude, entry.at.longitude],
                    Math.max(this.map.getZoom(), LABELS_FROM_ZOOM),
                    { animate: false }
                );
            }
            this.openPopup(entry);
        } else {
            this.popup.close();
        }
        this.places.highlight(this.selectedId);
        this.hooks.onSelect(this.selectedId);
    }

    openPopup(entry) {
        this.popup.setContent(this.hooks.renderPopup(entry.row));
        this.popup.options.autoPan = true;
        this.popup.setLatLng([entry.at.latitude, entry.at.longitude]).openOn(this.map);
        // From now on the view is the user's: news must not pull it back.
        this.popup.options.autoPan = false;
    }

    refreshPopup() {
        const entry = this.markers.get(this.selectedId);
        const content = this.popup.getElement();
        // Whoever is about to press a button in it must not lose it.
        if (entry && !content?.contains(document.activeElement)) {
            this.popup.setContent(this.hooks.renderPopup(entry.row));
        }
    }
}
