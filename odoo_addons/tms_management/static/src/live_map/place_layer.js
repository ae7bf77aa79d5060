/** Where the trips come from and go to: dots with names, and faint lines between them. */

import { placesOf } from "./fleet";

export class PlaceLayer {
    constructor(L, map) {
        this.L = L;
        this.map = map;
        map.createPane("lanes").style.zIndex = 420;
        map.createPane("places").style.zIndex = 430;
        this.renderer = L.canvas({ pane: "lanes", padding: 0.3 });
        this.lanes = new Map();
        this.places = [];
        this.drawn = "";
        map.on("zoomend", () => this.declutter());
    }

    /**
     * @param {import("./fleet").Row[]} rows the vehicles on the map
     * @param {number|null} selectedId whose lane stands out
     */
    update(rows, selectedId) {
        const trips = rows.map(({ id, trip }) => [id, trip?.source, trip?.destination]);
        const drawing = JSON.stringify(trips);
        if (drawing === this.drawn) {
            return;
        }
        this.drawn = drawing;
        this.clear();
        for (const [id, source, destination] of trips) {
            if (source?.latitude !== undefined && destination?.latitude !== undefined) {
                this.addLane(id, source, destination);
            }
        }
        for (const place of placesOf(rows)) {
            this.addPlace(place);
        }
        this.highlight(selectedId);
        this.declutter();
    }

    clear() {
        for (const lane of this.lanes.values()) {
            lane.remove();
        }
        for (const { marker } of this.places) {
            marker.remove();
        }
        this.lanes.clear();
        this.places = [];
    }

    addLane(id, source, destination) {
        const points = [source, destination].map((place) => [place.latitude, place.longitude]);
        const lane = this.L.polyline(points, {
            pane: "lanes",
            renderer: this.renderer,
            interactive: false,
        });
        this.lanes.set(id, lane.addTo(this.map));
    }

    addPlace(place) {
        const name = document.createElement("span");
        name.textContent = place.name;
        const icon = this.L.divIcon({ className: "o_tms_place", iconSize: [10, 10], html: name });
        const marker = this.L.marker([place.latitude, place.longitude], {
            icon,
            pane: "places",
            interactive: false,
            keyboard: false,
        });
        marker.addTo(this.map);
        this.places.push({ marker, place });
    }

    /** Shows the lane of one vehicle strongly and the others faintly. */
    highlight(selectedId) {
        for (const [id, lane] of this.lanes) {
            const selected = id === selectedId;
            lane.setStyle({
                color: selected ? "#1769e0" : "#52606d",
                weight: selected ? 3 : 1.2,
                opacity: selected ? 0.9 : 0.28,
                dashArray: selected ? null : "4 5",
            });
        }
    }

    /** Hides the names that would be written over another one. */
    declutter() {
        const taken = [];
        for (const { marker } of this.places) {
            const element = marker.getElement();
            const label = element.firstChild;
            const { x, y } = this.map.latLngToLayerPoint(marker.getLatLng());
            const box = [x, y - 9, x + 22 + label.textContent.length * 6.6, y + 9];
            const free = taken.every(
                ([left, top, right, bottom]) =>
                    box[0] > right || box[2] < left || box[1] > bottom || box[3] < top
            );
            element.classList.toggle("o_tms_unnamed", !free);
            if (free) {
                taken.push(box);
            }
        }
    }
}
