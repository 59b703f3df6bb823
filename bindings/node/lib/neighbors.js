// Neighbours of every point, one list after the other (CSR).

'use strict';

const { low } = require('./library.js');
const { Handle, pointer, view } = require('./handle.js');
const { neighborsOutputs } = require('./enums.js');
const { long } = require('./call.js');
const { structOf } = require('./options.js');
const { pointsOf } = require('./points.js');
const { valueOf } = require('./value.js');
const { real, whole } = require('./whole.js');

class Neighbors extends Handle {
    constructor(address) {
        super(address, 'groma_neighbors_destroy');
    }

    /** The k points nearest to each, itself included. */
    static nearest(points, k, options) {
        return nearest.later(points, k, options);
    }

    static nearestSync(points, k, options) {
        return nearest.now(points, k, options);
    }

    /** The points within a radius of each, itself included. */
    static within(points, radiusM, options) {
        return within.later(points, radiusM, options);
    }

    static withinSync(points, radiusM, options) {
        return within.now(points, radiusM, options);
    }

    /** Number of points. */
    get length() {
        return Number(low.groma_neighbors_count(this[pointer]));
    }

    /** Neighbours of all points. */
    get total() {
        return Number(low.groma_neighbors_total(this[pointer]));
    }

    /** Where the neighbours of each point begin: those of point i are `offsets[i]` to `offsets[i + 1]`. */
    get offsets() {
        return view(this, BigUint64Array, low.groma_neighbors_offsets(this[pointer]), this.length + 1);
    }

    /** The neighbours' rows. */
    get indices() {
        return view(this, Uint32Array, low.groma_neighbors_indices(this[pointer]), this.total);
    }

    /** The neighbours' distances in metres. */
    get distances() {
        return view(this, Float32Array, low.groma_neighbors_distances(this[pointer]), this.total);
    }

    /** Rows and distances of the neighbours of one point. */
    of(point) {
        const { offsets } = this;
        const [begin, end] = [Number(offsets[point]), Number(offsets[point + 1])];
        return { rows: this.indices.subarray(begin, end), distances: this.distances.subarray(begin, end) };
    }

    /** One of the arrays as a value: `offsets`, `indices` or `distances`. */
    value(output) {
        return valueOf(this, 'groma_neighbors_value', neighborsOutputs.number(output, 'the output'));
    }
}

const searching = (name, checked) => long(name, (scope, points, number, options) => {
    const neighbors = [null];
    const struct = structOf('neighbors_options', options, scope);
    return { args: [pointsOf(points, scope), checked(number), struct, neighbors], give: () => new Neighbors(neighbors[0]) };
});
const nearest = searching('groma_neighbors_nearest', k => whole(k, 'k', 'UInt64'));
const within = searching('groma_neighbors_within', radiusM => real(radiusM, 'radiusM'));

module.exports = { Neighbors };
