// What the tests share.

'use strict';

const path = require('node:path');
const groma = require('..');

/** A model of the project's tests. */
const fixture = name => path.join(process.env.GROMA_TEST_MODELS ?? path.join(__dirname, '../../../tests/models'), name);

/** Skips what runs a model where there is no ONNX Runtime. */
const withRuntime = process.env.GROMA_ONNXRUNTIME ? {} : { skip: 'SKIPPED: no ONNX Runtime (set GROMA_ONNXRUNTIME)' };

/** Ground with a few boxes on it, in whole centimetres, with what the default model asks for. */
function survey(count) {
    let state = 1;
    const random = limit => {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        return (state >>> 8) % limit;
    };
    const [x, y, z] = [0, 1, 2].map(() => new Float64Array(count));
    for (let i = 0; i < count; i += 1) {
        const [east, north] = [random(6000), random(6000)];
        const box = (Math.floor(east / 1000) + Math.floor(north / 1000)) % 3 === 0 ? 600 : 0;
        x[i] = east / 100;
        y[i] = north / 100;
        z[i] = (Math.floor((east + 2 * north) / 100) + box + random(5)) / 100;
    }
    const one = new Uint8Array(count).fill(1);
    return { x, y, z, resolution: 0.01, columns: { return_number: one, number_of_returns: one } };
}

module.exports = { fixture, groma, survey, withRuntime };
