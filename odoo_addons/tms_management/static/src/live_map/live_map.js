/** The live map of the fleet: a client action of the Transport application. */

import { Component, markRaw, onMounted, onWillUnmount, useRef, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { renderToElement } from "@web/core/utils/render";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

import { Fleet, countRows, filterRows } from "./fleet";
import { formatAge, formatArrival, formatSpeed, stateNames } from "./wording";
import { MapView, loadLeaflet } from "./map_view";
import { FleetPanel } from "./fleet_panel";
import { Poller } from "./poller";

const ANSWER_WITHIN_MS = 15000;
const AGES_EVERY_MS = 5000;
const EVERYTHING_EVERY_MS = 5 * 60 * 1000;

// Whoever comes back from a trip's form finds the map as they left it.
const remembered = { view: null, filter: { text: "", states: [], silentOnly: false } };

export class LiveMap extends Component {
    static template = "tms_management.LiveMap";
    static components = { FleetPanel };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.mapRef = useRef("map");
        this.fleet = new Fleet(() => performance.now());
        this.filter = useState({ ...remembered.filter });
        this.state = useState({
            phase: "loading",
            problem: null,
            tilesFailed: false,
            selectedId: null,
            rows: [],
        });
        this.poller = new Poller({
            ask: () => this.ask(),
            intervalMs: () => (this.fleet.settings?.poll_interval_s || 4) * 1000,
            timers: browser,
        });
        this.onVisibility = () => this.followVisibility();
        this.onOnline = () => this.poller.askNow();
        onMounted(() => this.begin());
        onWillUnmount(() => this.end());
    }

    async begin() {
        document.addEventListener("visibilitychange", this.onVisibility);
        window.addEventListener("online", this.onOnline);
        this.ageTimer = browser.setInterval(() => this.show(), AGES_EVERY_MS);
        this.fullTimer = browser.setInterval(() => this.fleet.forgetCursor(), EVERYTHING_EVERY_MS);
        let L;
        try {
            L = await loadLeaflet();
        } catch {
            this.state.phase = "broken";
            return;
        }
        if (this.ended) {
            return;
        }
        this.view = new MapView(L, this.mapRef.el, {
            describe: (row) => this.describe(row),
            renderPopup: (row) => this.renderPopup(row),
            onSelect: (id) => (this.state.selectedId = id),
            onTilesFailed: () => (this.state.tilesFailed = true),
        });
        this.resizeObserver = new ResizeObserver(() => this.view.resized());
        this.resizeObserver.observe(this.mapRef.el);
        this.followVisibility();
    }

    end() {
        this.ended = true;
        document.removeEventListener("visibilitychange", this.onVisibility);
        window.removeEventListener("online", this.onOnline);
        browser.clearInterval(this.ageTimer);
        browser.clearInterval(this.fullTimer);
        this.poller.stop();
        remembered.filter = { ...this.filter };
        if (this.view) {
            remembered.view = this.fitted ? this.view.getView() : null;
            this.resizeObserver.disconnect();
            this.view.destroy();
        }
    }

    /** Nobody looks at a hidden tab: it asks for nothing. */
    followVisibility() {
        if (document.hidden) {
            this.poller.stop();
        } else if (this.view) {
            this.poller.start();
        }
    }

    // ---------------------------------------------------------------------
    // Data
    // ---------------------------------------------------------------------

    /** Asks the server what has changed. */
    async ask() {
        const first = !this.fleet.settings;
        try {
            const answer = await this.withinTime(
                this.orm.silent.call("tms.vehicle.position", "get_live_map", [this.fleet.cursor])
            );
            this.fleet.merge(answer);
        } catch (error) {
            this.state.problem = this.explain(error);
            return false;
        }
        if (this.ended) {
            return true;
        }
        this.state.problem = null;
        this.state.phase = "ready";
        if (first) {
            this.view.showBackground(this.fleet.settings).catch(() => {
                this.state.tilesFailed = true;
            });
        }
        this.show();
        return true;
    }

    withinTime(promise) {
        let timer;
        const late = new Promise((resolve, reject) => {
            timer = browser.setTimeout(() => {
                promise.abort?.();
                reject(new Error("no answer in time"));
            }, ANSWER_WITHIN_MS);
        });
        return Promise.race([promise, late]).finally(() => browser.clearTimeout(timer));
    }

    /** What a failed call means to the person in front of the map. */
    explain(error) {
        const name = error.exceptionName || "";
        if (name.endsWith("SessionExpiredException")) {
            return { text: _t("Your session has ended."), reload: true };
        }
        if (name.endsWith("AccessError")) {
            return { text: _t("You may no longer see the positions of the fleet."), reload: true };
        }
        if (name) {
            return { text: _t("The server cannot answer now, retrying…"), reload: false };
        }
        return { text: _t("Connection lost, retrying…"), reload: false };
    }

    /** Brings map and list up to what is known now; ages grow even without news. */
    show() {
        if (!this.fleet.settings || this.ended) {
            return;
        }
        const rows = this.fleet.rows();
        this.state.rows = markRaw(rows);
        this.view.update(
            filterRows(rows, this.filter),
            this.fleet.settings.poll_interval_s * 1000
        );
        if (!this.fitted && this.fleet.hasPositions) {
            this.fitted = true;
            if (remembered.view) {
                this.view.setView(remembered.view);
            } else {
                this.view.fit();
            }
        }
    }

    get counts() {
        return countRows(this.state.rows);
    }

    get filteredRows() {
        return filterRows(this.state.rows, this.filter);
    }

    get isFiltered() {
        return Boolean(this.filter.text.trim() || this.filter.states.length || this.filter.silentOnly);
    }

    /** Which empty state to show over the map, if any. */
    get emptiness() {
        if (this.state.phase !== "ready") {
            return null;
        }
        if (!this.state.rows.length) {
            return "no_tracker";
        }
        if (this.isFiltered) {
            return this.filteredRows.some((row) => row.position) ? null : "no_match";
        }
        return this.fleet.hasPositions ? null : "no_position";
    }

    get canAddTracker() {
        return this.fleet.settings?.can_add_tracker;
    }

    // ---------------------------------------------------------------------
    // What the user does
    // ---------------------------------------------------------------------

    setFilter(change) {
        Object.assign(this.filter, change);
        this.show();
    }

    resetFilter() {
        this.setFilter({ text: "", states: [], silentOnly: false });
    }

    selectVehicle(id) {
        this.view.select(id, { pan: true });
    }

    fitFleet() {
        this.view.fit();
    }

    retry() {
        return this.poller.askNow();
    }

    reload() {
        browser.location.reload();
    }

    openTrackers() {
        return this.action.doAction("tms_management.action_tms_tracker");
    }

    openRecord(model, id) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: model,
            res_id: id,
            views: [[false, "form"]],
            target: "current",
        });
    }

    // ---------------------------------------------------------------------
    // Words
    // ---------------------------------------------------------------------

    describe(row) {
        const parts = [row.vehicle, stateNames()[row.state]];
        if (row.silent) {
            parts.push(stateNames().silent);
        }
        parts.push(formatAge(row.ageS));
        return parts.join(", ");
    }

    renderPopup(row) {
        const popup = renderToElement("tms_management.LiveMap.Popup", {
            row,
            stateName: stateNames()[row.state],
            age: formatAge(row.ageS),
            speed: formatSpeed(row.position),
            arrival: formatArrival(row.position.arrival),
            seenAt: new Date(row.position.fix_time).toLocaleString(),
            canOpenVehicle: this.fleet.settings.can_open_vehicle,
        });
        popup.addEventListener("click", ({ target }) => {
            const button = target.closest("[data-open]");
            if (button?.dataset.open === "trip") {
                this.openRecord("tms.trip", row.trip.id);
            } else if (button) {
                this.openRecord("fleet.vehicle", row.id);
            }
        });
        return popup;
    }
}

registry.category("actions").add("tms_management.live_map", LiveMap);
