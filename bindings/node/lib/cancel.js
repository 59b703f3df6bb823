// A flag that stops calls; most programs use an AbortSignal instead.

'use strict';

const { low } = require('./library.js');
const { check } = require('./error.js');
const { Handle, pointer } = require('./handle.js');

class Cancel extends Handle {
    #followers = new Set();

    constructor() {
        const [flag, error] = [[null], [null]];
        check(low.groma_cancel_create(flag, error), error);
        super(flag[0], 'groma_cancel_destroy');
    }

    /** Stops the calls that have it in their options; it stays triggered. */
    trigger() {
        low.groma_cancel_trigger(this[pointer]);
        for (const follower of this.#followers) follower.trigger();
    }

    /** Whether `trigger` was called. */
    get triggered() {
        return low.groma_cancel_is_triggered(this[pointer]) !== 0;
    }

    /** Triggers another flag when this one is; gives the function that ends it. */
    lead(follower) {
        if (this.triggered) follower.trigger();
        this.#followers.add(follower);
        return () => this.#followers.delete(follower);
    }
}

module.exports = { Cancel };
