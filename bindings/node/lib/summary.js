// What was done to a file.

'use strict';

const { low } = require('./library.js');
const { Handle, pointer } = require('./handle.js');
const { whole } = require('./whole.js');

class Summary extends Handle {
    constructor(address) {
        super(address, 'groma_summary_destroy');
    }

    /** Points read and written. */
    get points() {
        return Number(low.groma_summary_points(this[pointer]));
    }

    /** Points of an ASPRS class in the output; 0 for calls that do not classify. */
    classPoints(asprs) {
        return Number(low.groma_summary_class_points(this[pointer], whole(asprs, 'the class', 'UInt8')));
    }

    /** Mean probability of the points' classes; 0 where no model ran. */
    get meanConfidence() {
        return low.groma_summary_mean_confidence(this[pointer]);
    }

    /** Wall-clock time of the whole call in seconds. */
    get totalS() {
        return low.groma_summary_total_s(this[pointer]);
    }

    /** Everything, as an object. */
    toJSON() {
        return JSON.parse(low.groma_summary_json(this[pointer]));
    }
}

module.exports = { Summary };
