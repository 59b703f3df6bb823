// LAS and LAZ files into memory, and points into files.

'use strict';

const { initialised, koffi, low, structs } = require('./library.js');
const { check, invalid, textOf } = require('./error.js');
const { Handle, pointer, view } = require('./handle.js');
const { elements } = require('./enums.js');
const { arrayOf } = require('./elements.js');
const { long, taken } = require('./call.js');
const { structOf } = require('./options.js');
const { pointsOf } = require('./points.js');
const { valueOf } = require('./value.js');

class Cloud extends Handle {
    constructor(address) {
        super(address, 'groma_cloud_destroy');
    }

    /** Reads coordinates and the columns in `options.columns`: all if there is no such list, none if it is empty. */
    static read(path, options) {
        return read.later(path, options);
    }

    static readSync(path, options) {
        return read.now(path, options);
    }

    /** Number of points. */
    get length() {
        return Number(low.groma_cloud_count(this[pointer]));
    }

    /** Names of the columns beside x, y and z. */
    get columns() {
        const count = Number(low.groma_cloud_column_count(this[pointer]));
        return Array.from({ length: count }, (_, i) => low.groma_cloud_column_name(this[pointer], i));
    }

    /** Length of one unit of the coordinates in metres; 0 where it is not known. */
    get linearUnitM() {
        return low.groma_cloud_linear_unit_m(this[pointer]);
    }

    /** The file's reference system as an OGC WKT; null if it holds none, or says it with GeoTIFF keys only. */
    get crsWkt() {
        return low.groma_cloud_crs_wkt(this[pointer]);
    }

    /** Everything, as typed arrays where it lies, for the functions that take points. */
    points() {
        // The view is written into memory of our own, which says its size.
        const [raw, error] = [new Uint8Array(koffi.sizeof(structs.groma_points_t)), [null]];
        koffi.encode(raw, structs.groma_points_t, initialised('points'));
        check(low.groma_cloud_points(this[pointer], koffi.address(raw), error), error);
        const struct = koffi.decode(raw, structs.groma_points_t);
        const count = Number(struct.count);
        const array = (type, address, stride) => {
            const Type = arrayOf(elements.word(type));
            const step = Number(stride) === 0 ? 1 : Number(stride) / Type.BYTES_PER_ELEMENT;
            const all = view(this, Type, address, count === 0 ? 0 : (count - 1) * step + 1) ?? new Type(0);
            return step === 1 ? all : { array: all, step };
        };
        const points = { scale: [...struct.scale], offset: [...struct.offset], columns: {} };
        for (const axis of ['x', 'y', 'z']) {
            points[axis] = array(struct.coordinate_type, struct[axis], struct[`${axis}_stride_bytes`]);
        }
        const columns = struct.columns === null ? [] : this.#columnsAt(struct);
        for (const { name, element_type: type, data, stride_bytes: stride } of columns) {
            points.columns[name] = array(type, data, stride);
        }
        return points;
    }

    #columnsAt({ columns, column_count: count }) {
        // koffi gives an array of objects, or the address of the first.
        return Array.isArray(columns) ? columns : koffi.decode(columns, 'groma_column_t', Number(count));
    }

    /** A column, or x, y, z (integers), as a value. */
    value(column) {
        return valueOf(this, 'groma_cloud_value', textOf(column, 'the column'));
    }
}

const read = long('groma_las_read', (scope, path, options) => {
    const cloud = [null];
    const struct = structOf('las_options', options, scope, ['columns']);
    const columns = options?.columns ?? null;
    if (columns !== null && !Array.isArray(columns)) throw invalid('columns must be a list of names');
    const names = columns === null ? null : columns.map(name => scope.text(name, 'the name of a column')).join(',');
    return { args: [scope.text(path, 'path'), names, struct, cloud], give: () => new Cloud(cloud[0]) };
});

const write = long('groma_las_write', (scope, points, path, options) => {
    return { args: [pointsOf(points, scope), scope.text(path, 'path'), structOf('las_options', options, scope)] };
});

const describe = long('groma_las_describe', (scope, path) => {
    const text = [null];
    return { args: [scope.text(path, 'path'), text], give: () => JSON.parse(taken(text)) };
});

/** Writes points to a .las or .laz file. */
const writeLas = (points, path, options) => write.later(points, path, options);
const writeLasSync = (points, path, options) => write.now(points, path, options);
/** What is in a file, without reading its points. */
const describeLas = path => describe.later(path);
const describeLasSync = path => describe.now(path);

module.exports = { Cloud, describeLas, describeLasSync, writeLas, writeLasSync };
