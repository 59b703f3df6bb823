// What a model says of every point.

'use strict';

const { low } = require('./library.js');
const { check } = require('./error.js');
const { Handle, pointer, view } = require('./handle.js');
const { outputs } = require('./enums.js');
const { described } = require('./tensor.js');
const { Value, valueOf } = require('./value.js');

class Result extends Handle {
    constructor(address) {
        super(address, 'groma_result_destroy');
    }

    /** Number of points. */
    get length() {
        return Number(low.groma_result_count(this[pointer]));
    }

    /** Number of classes, the width of the probabilities. */
    get classCount() {
        return Number(low.groma_result_class_count(this[pointer]));
    }

    /** The points' classes, indices into the model's. */
    get classes() {
        return view(this, Uint8Array, low.groma_result_classes(this[pointer]), this.length);
    }

    /** The points' ASPRS codes. */
    get asprs() {
        return view(this, Uint8Array, low.groma_result_asprs(this[pointer]), this.length);
    }

    /** The probability of each point's class. */
    get confidence() {
        return view(this, Float32Array, low.groma_result_confidence(this[pointer]), this.length);
    }

    /** The entropy of each point's probabilities, in nats. */
    get entropy() {
        return view(this, Float32Array, low.groma_result_entropy(this[pointer]), this.length);
    }

    /** All probabilities, class c of point i at `i * classCount + c`; null if they were not asked for. */
    get probabilities() {
        return view(this, Float32Array, low.groma_result_probabilities(this[pointer]), this.length * this.classCount);
    }

    /** One of the arrays as a value: `class`, `asprs`, `confidence`, `entropy` or `probabilities`. */
    value(output) {
        return valueOf(this, 'groma_result_value', outputs.number(output, 'the output'));
    }

    /** One of the arrays as DLPack describes it. */
    tensor(output) {
        const [tensor, error] = [{}, [null]];
        check(low.groma_result_tensor(this[pointer], outputs.number(output, 'the output'), tensor, error), error);
        return described(tensor);
    }

    /** The points whose confidence is at least `minimum`: `mask` (1 for those) and their `rows`, both values. */
    confident(minimum) {
        const [mask, rows, error] = [[null], [null], [null]];
        check(low.groma_result_confident(this[pointer], minimum, mask, rows, error), error);
        return { mask: new Value(mask[0]), rows: new Value(rows[0]) };
    }
}

module.exports = { Result };
