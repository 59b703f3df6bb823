// The installation: versions, ONNX Runtime, devices, messages.

'use strict';

const { koffi, low } = require('./library.js');
const { check } = require('./error.js');
const { levels } = require('./enums.js');
const { long, taken } = require('./call.js');
const { calledBack, setListening } = require('./exit.js');

/** The version of the library. */
const version = () => low.groma_version();

/** The ABI of the library that was loaded. */
function abiVersion() {
    const number = low.groma_abi_version();
    return { major: number >>> 16, minor: number & 0xffff };
}

/** The name of a status. */
const statusName = status => low.groma_status_name(status);

const loading = long('groma_runtime_load', (scope, path = null) => {
    return { args: [path === null ? null : scope.text(path, 'path')] };
});

function json(name) {
    const [text, error] = [[null], [null]];
    check(low[name](text, error), error);
    return JSON.parse(taken(text));
}

/** ONNX Runtime, which runs the models. */
const runtime = {
    /** Loads it now, from a path or from where it is found. */
    load: path => loading.later(path),
    loadSync: path => loading.now(path),
    /** Uses the one that the host has loaded: the address of its OrtApiBase. */
    use(ortApiBase) {
        const error = [null];
        check(low.groma_runtime_use(ortApiBase, error), error);
    },
    /** Whether it is loaded. */
    get isLoaded() {
        return low.groma_runtime_is_loaded() !== 0;
    },
    /** Which one is used and how it was found, or why there is none. */
    describe: () => json('groma_runtime_describe'),
};

/** Everything about the installation, for reports of problems. */
const doctor = () => json('groma_doctor_json');

/** The processors that models can run on. */
function devices() {
    const [list, error] = [[null], [null]];
    check(low.groma_devices_list(list, error), error);
    try {
        return Array.from({ length: Number(low.groma_devices_count(list[0])) }, (_, i) => ({
            name: low.groma_devices_name(list[0], i),
            description: low.groma_devices_description(list[0], i),
            memoryTotalBytes: Number(low.groma_devices_memory_total_bytes(list[0], i)),
            memoryFreeBytes: Number(low.groma_devices_memory_free_bytes(list[0], i)),
        }));
    } finally {
        low.groma_devices_destroy(list[0]);
    }
}

/** Name of the GPU that is least at work, as the option `device` takes it; `cpu` if no GPU can be used. */
function leastLoaded() {
    const [list, error] = [[null], [null]];
    check(low.groma_devices_list(list, error), error);
    try {
        return low.groma_devices_least_loaded(list[0]);
    } finally {
        low.groma_devices_destroy(list[0]);
    }
}

/** The same list with all that is known, as the library has it in JSON. */
function devicesJson() {
    const [list, error] = [[null], [null]];
    check(low.groma_devices_list(list, error), error);
    try {
        return JSON.parse(low.groma_devices_json(list[0]));
    } finally {
        low.groma_devices_destroy(list[0]);
    }
}

// What koffi has registered for the library's messages.
let logger = null;
let setting = Promise.resolve();
const setLogOf = long('groma_log_set', (_scope, callback, level) => ({ args: [callback, null, level] }));

/**
 * Gives the library's messages up to a level to a function; null makes it silent again.
 *
 * It is done off the main thread: the library waits until the function that was set before has returned, which runs on it.
 */
function setLog(log, level = 'info') {
    setting = setting.catch(() => {}).then(() => replaceLog(log, level));
    return setting;
}

async function replaceLog(log, level) {
    const number = levels.number(level, 'level');
    const next = log === null ? null : koffi.register(calledBack(reporter(log)), koffi.pointer('groma_log_fn'));
    let unused = next;
    try {
        await setLogOf.later(next, number);
        [unused, logger] = [logger, next];
        setListening(logger !== null);
    } finally {
        if (unused !== null) koffi.unregister(unused);
    }
}

const reporter = log => (_user, level, target, message) => {
    try {
        log(levels.word(level), target, message);
    } catch (thrown) {
        // It cannot be thrown through the library; whoever listens for uncaught exceptions hears of it.
        queueMicrotask(() => {
            throw thrown;
        });
    }
};

module.exports = { abiVersion, devices, devicesJson, doctor, leastLoaded, runtime, setLog, statusName, version };
