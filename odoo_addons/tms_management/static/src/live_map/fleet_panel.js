/** The list beside the map: search, filters that are the legend too, and the vehicles. */

import { Component, markup, useState } from "@odoo/owl";

import { STATES } from "./fleet";
import { formatAge, formatSpeed, stateNames } from "./wording";
import { glyph } from "./marker";

/** More are a matter for the search: a list of thousands helps nobody. */
const LONGEST_LIST = 200;

export class FleetPanel extends Component {
    static template = "tms_management.LiveMap.Panel";
    static props = {
        rows: Array,
        total: Number,
        counts: Object,
        filter: Object,
        selectedId: { type: [Number, { value: null }], optional: true },
        setFilter: Function,
        resetFilter: Function,
        select: Function,
        loading: Boolean,
        lost: Boolean,
        isFiltered: Boolean,
    };

    setup() {
        this.state = useState({ expanded: false });
        this.formatAge = formatAge;
        this.formatSpeed = formatSpeed;
    }

    get names() {
        return stateNames();
    }

    get chips() {
        const { states, silentOnly } = this.props.filter;
        return [...STATES, "silent"].map((state) => ({
            state,
            name: this.names[state],
            count: this.props.counts[state],
            pressed: state === "silent" ? silentOnly : states.includes(state),
        }));
    }

    get listed() {
        return this.props.rows.slice(0, LONGEST_LIST);
    }

    get reporting() {
        return this.props.total - this.props.counts.silent;
    }

    glyph(name) {
        return markup(glyph(name));
    }

    toggleChip(state) {
        const { states, silentOnly } = this.props.filter;
        if (state === "silent") {
            this.props.setFilter({ silentOnly: !silentOnly });
        } else if (states.includes(state)) {
            this.props.setFilter({ states: states.filter((other) => other !== state) });
        } else {
            this.props.setFilter({ states: [...states, state] });
        }
    }

    onSearch(event) {
        this.props.setFilter({ text: event.target.value });
    }

    toggleSheet() {
        this.state.expanded = !this.state.expanded;
    }

    choose(row) {
        this.state.expanded = false;
        this.props.select(row.id);
    }
}
