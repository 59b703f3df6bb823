// Filters: noise left out or marked, and samples of the points.

'use strict';

const { low } = require('./library.js');
const { Handle, pointer, view } = require('./handle.js');
const { filters } = require('./enums.js');
const { long } = require('./call.js');
const { structOf } = require('./options.js');
const { pointsOf } = require('./points.js');

class Filtered extends Handle {
    #points;

    constructor(address, points) {
        super(address, 'groma_filtered_destroy');
        this.#points = points;
    }

    /** Filters points in memory: `statistical`, `radius`, `voxel`, `farthest` or `random`. */
    static choose(points, filter, options) {
        return choose.later(points, filter, options);
    }

    static chooseSync(points, filter, options) {
        return choose.now(points, filter, options);
    }

    /** Number of points that were chosen. */
    get length() {
        return Number(low.groma_filtered_count(this[pointer]));
    }

    /** Their rows: ascending; of `farthest` in the order in which they were taken. */
    get rows() {
        return view(this, Uint32Array, low.groma_filtered_rows(this[pointer]), this.length);
    }

    /** For each of the points that were filtered, 1 if it was chosen. */
    get mask() {
        return view(this, Uint8Array, low.groma_filtered_mask(this[pointer]), this.#points);
    }

    /** New positions of the points that were chosen, x, y, z of one after the other; null if they stay where they are. */
    get positions() {
        return view(this, Float64Array, low.groma_filtered_positions(this[pointer]), 3 * this.length);
    }

    /** The mean distance above which `statistical` has left points out, in metres; 0 for other filters. */
    get thresholdM() {
        return low.groma_filtered_threshold_m(this[pointer]);
    }
}

class FilterSummary extends Handle {
    constructor(address) {
        super(address, 'groma_filter_summary_destroy');
    }

    /** Points read. */
    get points() {
        return Number(low.groma_filter_summary_points(this[pointer]));
    }

    /** Points written. */
    get written() {
        return Number(low.groma_filter_summary_written(this[pointer]));
    }

    /** Points that were marked as noise. */
    get marked() {
        return Number(low.groma_filter_summary_marked(this[pointer]));
    }

    /** Everything, as an object. */
    toJSON() {
        return JSON.parse(low.groma_filter_summary_json(this[pointer]));
    }
}

const choose = long('groma_filter_points', (scope, points, filter, options) => {
    const filtered = [null];
    const raw = pointsOf(points, scope);
    const struct = structOf('filter_options', options, scope);
    const args = [raw, filters.number(filter, 'filter'), struct, filtered];
    return { args, give: () => new Filtered(filtered[0], raw.count) };
});

const file = long('groma_filter_file', (scope, input, output, filter, options) => {
    const summary = [null];
    const struct = structOf('filter_options', options, scope);
    const paths = [scope.text(input, 'input'), scope.text(output, 'output')];
    return { args: [...paths, filters.number(filter, 'filter'), struct, summary], give: () => new FilterSummary(summary[0]) };
});

/** Filters a file into another. */
const filterFile = (input, output, filter, options) => file.later(input, output, filter, options);
const filterFileSync = (input, output, filter, options) => file.now(input, output, filter, options);

module.exports = { FilterSummary, Filtered, filterFile, filterFileSync };
