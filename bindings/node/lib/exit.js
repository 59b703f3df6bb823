// What becomes of calls that still run off the main thread when the process ends: they are told to stop, as the process waits
// for its threads, and nobody calls back any more, as the event loop does not turn again.

'use strict';

const { koffi, low } = require('./library.js');

const flags = new Set();
let calls = 0;
let inside = 0;
let reporting = 0;
let listening = false;

/** Counts a call that runs off the main thread; gives the function that ends it. */
function begun() {
    calls += 1;
    return () => {
        calls -= 1;
    };
}

/** Has a flag triggered when the process ends; gives the function that ends it. */
function stoppedBy(flag) {
    flags.add(flag);
    return () => flags.delete(flag);
}

/** Counts a call off the main thread that reports to a function; gives the function that ends it. */
function reports() {
    reporting += 1;
    return () => {
        reporting -= 1;
    };
}

/** Says whether a function gets the library's messages. */
function setListening(value) {
    listening = value;
}

/** A function that the library calls back. */
function calledBack(callback) {
    return (...parameters) => {
        inside += 1;
        try {
            return callback(...parameters);
        } finally {
            inside -= 1;
        }
    };
}

process.on('exit', code => {
    for (const flag of flags) flag.trigger();
    if (calls === 0) return;
    // A thread waits until the callback has returned that ends the process right now, which it will not.
    // So does one whose report is on its way.
    if (inside > 0 || reporting > 0) return leave(code);
    if (listening) low.groma_log_set(null, null, 0, [null]);
});

/** Ends the process without waiting for its threads. */
function leave(code) {
    if (process.platform === 'win32') {
        koffi.load('kernel32.dll').func('__stdcall', 'TerminateProcess', 'int', ['intptr_t', 'uint32_t'])(-1, code);
    } else {
        koffi.load(null).func('_exit', 'void', ['int'])(code);
    }
}

module.exports = { begun, calledBack, reports, setListening, stoppedBy };
