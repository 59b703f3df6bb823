// Calls of the library that take long: made off the main thread, or at once.

'use strict';

const { constants, initialised, koffi, low } = require('./library.js');
const { failure, invalid, textOf } = require('./error.js');
const { owner, pointerOf } = require('./handle.js');
const { stages } = require('./enums.js');
const { Cancel } = require('./cancel.js');
const { begun, calledBack, reports, stoppedBy } = require('./exit.js');

/** What one call needs until it is over: handles, memory, a cancel flag, a callback. */
class Scope {
    #ends = [];
    #kept = [];
    #thrown;
    #threw = false;
    #signal = null;
    #stopped = false;
    #flag;
    #promises = new Set();
    #away;

    /** `away` is whether the call is made off the main thread. */
    constructor(away = false) {
        this.#away = away;
    }

    /** The pointer of a handle, which lives at least as long as the call. */
    use(handle, Class) {
        const pointer = pointerOf(handle, Class);
        const shared = handle[owner];
        shared.ref();
        this.#ends.push(() => shared.unref());
        return pointer;
    }

    /** Memory of JavaScript that the library reads: its address. It must not be transferred or resized meanwhile. */
    address(array) {
        this.#kept.push(array);
        return array.byteLength === 0 ? koffi.address(this.keep(new Uint8Array(8))) : koffi.address(array);
    }

    keep(object) {
        this.#kept.push(object);
        return object;
    }

    /** A string for C, which ends at the first NUL. */
    text(value, what) {
        return textOf(value, what);
    }

    /** An array of strings for C: its address. */
    texts(values, what) {
        const strings = values.map(value => Buffer.from(`${this.text(value, what)}\0`, 'utf8'));
        return this.address(new BigUint64Array(strings.map(string => koffi.address(this.keep(string)))));
    }

    /** An array of handles for C: its address. */
    handles(values, Class) {
        return this.address(new BigUint64Array(values.map(value => this.use(value, Class))));
    }

    /** Puts cancel flag and callback of the options into their struct. */
    listen(struct, { signal, cancel, progress }) {
        const signalled = signal !== undefined && signal !== null;
        const flagged = cancel !== undefined && cancel !== null;
        if (signalled && !(signal instanceof AbortSignal)) throw invalid('signal must be an AbortSignal');
        if (flagged && !(cancel instanceof Cancel)) throw invalid('cancel must be a Cancel');
        if (signalled || this.#away) {
            const flag = new Cancel();
            this.#flag = flag;
            this.#ends.push(stoppedBy(flag), () => flag.close());
            if (flagged) this.#ends.push(cancel.lead(flag));
            if (signalled) this.#follow(signal, flag);
            struct.cancel = this.use(flag, Cancel);
        } else if (flagged) {
            struct.cancel = this.use(cancel, Cancel);
        }
        if (progress !== undefined && progress !== null) {
            if (typeof progress !== 'function') throw invalid('progress must be a function');
            const report = (_user, stage, done, total) => this.#report(progress, stage, Number(done), Number(total));
            struct.progress = koffi.register(calledBack(report), koffi.pointer('groma_progress_fn'));
            this.#ends.push(() => koffi.unregister(struct.progress));
            if (this.#away) this.#ends.push(reports());
        }
    }

    #follow(signal, flag) {
        this.#signal = signal;
        if (signal.aborted) return flag.trigger();
        const abort = () => flag.trigger();
        signal.addEventListener('abort', abort, { once: true });
        this.#ends.push(() => signal.removeEventListener('abort', abort));
    }

    // koffi runs it on the main thread; the thread of the call waits for it.
    #report(progress, stage, done, total) {
        if (this.#threw || this.#stopped) return 1;
        try {
            const told = progress(stages.word(stage), done, total);
            if (typeof told?.then === 'function') this.#follows(told);
            else this.#stopped = told === false;
        } catch (thrown) {
            this.#fail(thrown);
        }
        return this.#threw || this.#stopped ? 1 : 0;
    }

    #fail(thrown) {
        if (this.#threw) return;
        this.#threw = true;
        this.#thrown = thrown;
    }

    // What a promise says comes too late for a call that blocks.
    #follows(told) {
        // The call may be over before it reports again.
        const stop = () => this.#flag?.trigger();
        const said = value => {
            if (value !== false) return;
            this.#stopped = true;
            stop();
        };
        const failed = thrown => {
            this.#fail(thrown);
            stop();
        };
        const promise = Promise.resolve(told).then(said, failed);
        this.#promises.add(promise);
        promise.finally(() => this.#promises.delete(promise));
        if (!this.#away) this.#fail(invalid('progress must not be async in calls that block'));
    }

    /** Waits for the promises of the callback. */
    async settled() {
        await Promise.all(this.#promises);
    }

    /** Ends the call; throws what the callback threw, or why the call failed. */
    end(status, error) {
        this.free();
        if (this.#threw) {
            if (error[0]) low.groma_error_destroy(error[0]);
            throw this.#thrown;
        }
        if (status === constants.GROMA_STATUS_OK) return;
        const cancelled = status === constants.GROMA_STATUS_CANCELLED && this.#signal?.aborted;
        throw failure(status, error, cancelled ? this.#signal.reason : undefined);
    }

    free() {
        this.#flag = undefined;
        for (const end of this.#ends.reverse()) end();
        this.#ends = [];
        this.#kept = [];
    }
}

// koffi refuses calls beyond a number, and libuv has a few threads for them all: more than these wait here.
let places = 64;
const waiting = [];

async function takePlace() {
    if (places === 0) await new Promise(resolve => waiting.push(resolve));
    else places -= 1;
}

function leavePlace() {
    if (waiting.length > 0) waiting.shift()();
    else places += 1;
}

/**
 * A function of the library that takes long, as two functions: `later`, which gives a promise, and `now`.
 *
 * `build` checks the arguments and gives those of C (all but the error) and a function that makes the outcome.
 */
function long(name, build) {
    const begin = (parameters, away) => {
        const scope = new Scope(away);
        try {
            return { scope, error: [null], ...build(scope, ...parameters) };
        } catch (error) {
            scope.free();
            throw error;
        }
    };
    const finish = ({ scope, error, give }, status) => {
        // What was made is owned before anything is thrown.
        const outcome = status === constants.GROMA_STATUS_OK && give ? give() : undefined;
        try {
            scope.end(status, error);
        } catch (thrown) {
            outcome?.close?.();
            throw thrown;
        }
        return outcome;
    };
    return {
        now(...parameters) {
            const call = begin(parameters, false);
            let status;
            try {
                status = low[name](...call.args, call.error);
            } catch (error) {
                call.scope.free();
                throw error;
            }
            return finish(call, status);
        },
        async later(...parameters) {
            const call = begin(parameters, true);
            await takePlace();
            const ended = begun();
            let status;
            try {
                status = await new Promise((resolve, reject) => {
                    const done = (error, returned) => (error ? reject(error) : resolve(returned));
                    low[name].async(...call.args, call.error, done);
                });
            } catch (error) {
                call.scope.free();
                throw error;
            } finally {
                ended();
                leavePlace();
            }
            await call.scope.settled();
            return finish(call, status);
        },
    };
}

/** A string that the library made, which is freed. */
function taken(string) {
    const text = low.groma_string_data(string[0]);
    low.groma_string_destroy(string[0]);
    return text;
}

module.exports = { Scope, initialised, long, taken };
