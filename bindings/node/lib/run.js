// Runs over tiles: classified as one survey, at once or tile by tile.

'use strict';

const { low } = require('./library.js');
const { check, invalid } = require('./error.js');
const { Handle, pointer } = require('./handle.js');
const { long, taken } = require('./call.js');
const { structOf } = require('./options.js');
const { Model } = require('./model.js');
const { Summary } = require('./summary.js');
const { whole } = require('./whole.js');

class Run extends Handle {
    constructor(address) {
        super(address, 'groma_run_destroy');
    }

    /** Looks at the headers of tiles: files, folders or patterns. `classify` says what is written. */
    static open(model, inputs, output, options) {
        return open.later(model, inputs, output, options);
    }

    static openSync(model, inputs, output, options) {
        return open.now(model, inputs, output, options);
    }

    /** Number of tiles, those of other shards included. */
    get length() {
        return Number(low.groma_run_tile_count(this[pointer]));
    }

    /** What is known of the run: its reference system, remarks, and its tiles. */
    describe() {
        const [text, error] = [[null], [null]];
        check(low.groma_run_describe(this[pointer], text, error), error);
        return JSON.parse(taken(text));
    }

    /** Makes the index of a tile, if it is not there. */
    index(tile, options) {
        return index.later(this, tile, options);
    }

    indexSync(tile, options) {
        return index.now(this, tile, options);
    }

    /** Ends a run whose tiles were made one by one. */
    finish() {
        return finish.later(this);
    }

    finishSync() {
        return finish.now(this);
    }

    /** Makes a tile, if it is not there. */
    make(tile, options) {
        return make.later(this, tile, options);
    }

    makeSync(tile, options) {
        return make.now(this, tile, options);
    }

    /** Makes all tiles of the run, or of its shard. */
    execute(options) {
        return execute.later(this, options);
    }

    executeSync(options) {
        return execute.now(this, options);
    }
}

/** Paths as the library takes them, one a line. */
function lines(scope, inputs) {
    const paths = typeof inputs === 'string' ? inputs.split('\n') : [...inputs];
    for (const path of paths) {
        if (/[\r\n]/.test(scope.text(path, 'a path'))) throw invalid(`a path of a run has no line break: ${JSON.stringify(path)}`);
    }
    return paths.join('\n');
}

const open = long('groma_run_open', (scope, model, inputs, output, { classify, ...options } = {}) => {
    const run = [null];
    const settings = [structOf('classify_options', classify, scope), structOf('run_options', options, scope)];
    const args = [scope.use(model, Model), lines(scope, inputs), scope.text(output, 'output'), ...settings, run];
    return { args, give: () => new Run(run[0]) };
});

const number = tile => whole(tile, 'the tile', 'UInt64');

const index = long('groma_run_index', (scope, run, tile, options) => {
    return { args: [scope.use(run, Run), number(tile), structOf('run_options', options, scope)] };
});

const make = long('groma_run_tile', (scope, run, tile, options) => {
    const summary = [null];
    const args = [scope.use(run, Run), number(tile), structOf('run_options', options, scope), summary];
    return { args, give: () => new Summary(summary[0]) };
});

const finish = long('groma_run_finish', (scope, run) => ({ args: [scope.use(run, Run)] }));

const execute = long('groma_run_execute', (scope, run, options) => {
    const summary = [null];
    const args = [scope.use(run, Run), structOf('run_options', options, scope), summary];
    return { args, give: () => new Summary(summary[0]) };
});

module.exports = { Run };
