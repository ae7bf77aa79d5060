/**
 * Asks again and again: at a steady pace while it works, more slowly while it does not, and not at
 * all while nobody looks.
 */

const SLOWEST_MS = 30000;

export class Poller {
    /**
     * @param {Object} options
     * @param {() => Promise<boolean>} options.ask whether it succeeded; never rejects
     * @param {() => number} options.intervalMs
     * @param {{setTimeout: Function, clearTimeout: Function}} options.timers
     */
    constructor({ ask, intervalMs, timers }) {
        this._ask = ask;
        this._intervalMs = intervalMs;
        this._timers = timers;
        this._timer = null;
        this._asking = false;
        this._running = false;
        this.failures = 0;
    }

    start() {
        this._running = true;
        return this.askNow();
    }

    stop() {
        this._running = false;
        this._timers.clearTimeout(this._timer);
    }

    async askNow() {
        if (this._asking || !this._running) {
            return;
        }
        this._timers.clearTimeout(this._timer);
        this._asking = true;
        const succeeded = await this._ask();
        this._asking = false;
        this.failures = succeeded ? 0 : this.failures + 1;
        if (this._running) {
            this._timer = this._timers.setTimeout(() => this.askNow(), this._delay());
        }
    }

    _delay() {
        const slowed = this._intervalMs() * 2 ** Math.min(this.failures, 8);
        return this.failures ? Math.min(slowed, SLOWEST_MS) : this._intervalMs();
    }
}
