// Ground: its points among others, heights above it.

'use strict';

const { low } = require('./library.js');
const { Handle, pointer, view } = require('./handle.js');
const { long } = require('./call.js');
const { structOf } = require('./options.js');
const { pointsOf } = require('./points.js');
const { Summary } = require('./summary.js');

class Ground extends Handle {
    constructor(address) {
        super(address, 'groma_ground_destroy');
    }

    /** Finds the ground of points in memory. */
    static find(points, options) {
        return find.later(points, options);
    }

    static findSync(points, options) {
        return find.now(points, options);
    }

    /** Number of points. */
    get length() {
        return Number(low.groma_ground_count(this[pointer]));
    }

    /** Number of ground points. */
    get found() {
        return Number(low.groma_ground_found(this[pointer]));
    }

    /** Points that lie outside the triangles of `height: 'tin'`. */
    get outsideHull() {
        return Number(low.groma_ground_outside_hull(this[pointer]));
    }

    /** The new classes of the points, 2 for ground. */
    get classes() {
        return view(this, Uint8Array, low.groma_ground_classes(this[pointer]), this.length);
    }

    /** Heights of the points above the ground in metres; null if they were not asked for. */
    get heights() {
        return view(this, Float32Array, low.groma_ground_heights(this[pointer]), this.length);
    }
}

const find = long('groma_ground_points', (scope, points, options) => {
    const ground = [null];
    const struct = structOf('ground_options', options, scope);
    return { args: [pointsOf(points, scope), struct, ground], give: () => new Ground(ground[0]) };
});

const file = long('groma_ground_file', (scope, input, output, options) => {
    const summary = [null];
    const struct = structOf('ground_options', options, scope);
    const args = [scope.text(input, 'input'), scope.text(output, 'output'), struct, summary];
    return { args, give: () => new Summary(summary[0]) };
});

/** Finds the ground of a file, which becomes another file. */
const groundFile = (input, output, options) => file.later(input, output, options);
const groundFileSync = (input, output, options) => file.now(input, output, options);

module.exports = { Ground, groundFile, groundFileSync };
