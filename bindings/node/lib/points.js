// Points of the caller: typed arrays, which the library reads where they lie.

'use strict';

const { constants, initialised, koffi } = require('./library.js');
const { invalid } = require('./error.js');
const { number, typeOf } = require('./elements.js');

/** A typed array, or one with a start and a step in elements, as what C wants to know of it. */
function column(source, scope, what) {
    const { array, start = 0, step = 1 } = ArrayBuffer.isView(source) ? { array: source } : source ?? {};
    const type = typeOf(array, what);
    if (!Number.isInteger(start) || !Number.isInteger(step) || start < 0 || step < 1) {
        throw invalid(`${what}: start and step must be whole numbers, from 0 and from 1`);
    }
    const size = array.BYTES_PER_ELEMENT;
    const count = Math.max(0, Math.ceil((array.length - start) / step));
    const address = scope.address(array) + BigInt(count === 0 ? 0 : start * size);
    return { address, count, type, stride: step * size };
}

/** The struct of points for a call. */
function pointsOf(points, scope) {
    if (points === null || typeof points !== 'object') throw invalid(`points must be an object, not ${String(points)}`);
    const struct = initialised('points');
    const { xyz } = points;
    const axes = ['x', 'y', 'z'].map((name, i) => {
        return column(xyz === undefined ? points[name] : { array: xyz, start: i, step: 3 }, scope, name);
    });
    const [{ count, type }] = axes;
    if (axes.some(axis => axis.count !== count || axis.type !== type)) {
        throw invalid(`x, y and z differ in length or type: ${axes.map(axis => `${axis.count} ${axis.type}`).join(', ')}`);
    }
    struct.count = count;
    struct.coordinate_type = number(type);
    for (const [i, name] of ['x', 'y', 'z'].entries()) {
        struct[name] = axes[i].address;
        struct[`${name}_stride_bytes`] = axes[i].stride;
    }
    if (points.scale !== undefined) struct.scale = triple(points.scale, 'scale');
    if (points.offset !== undefined) struct.offset = triple(points.offset, 'offset');
    if (points.resolution !== undefined) struct.resolution = points.resolution;
    addColumns(struct, Object.entries(points.columns ?? {}), scope);
    return struct;
}

function triple(value, what) {
    const numbers = typeof value === 'number' ? [value, value, value] : [...value];
    if (numbers.length !== 3 || numbers.some(one => typeof one !== 'number')) {
        throw invalid(`${what} must be a number, or one for each of x, y and z`);
    }
    return Float64Array.from(numbers);
}

// The array of columns is written by hand: what koffi makes of an array of objects lives in memory of a fixed size.
function addColumns(struct, columns, scope) {
    const size = koffi.sizeof('groma_column_t');
    const bytes = new Uint8Array(columns.length * size);
    const data = new DataView(bytes.buffer);
    const little = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
    const at = (i, field) => i * size + koffi.offsetof('groma_column_t', field);
    for (const [i, [name, source]] of columns.entries()) {
        const { address, count, type, stride } = column(source, scope, `column ${name}`);
        if (count !== struct.count) throw invalid(`column ${name} has ${count} values for ${struct.count} points`);
        const label = scope.keep(Buffer.from(`${scope.text(name, 'the name of a column')}\0`, 'utf8'));
        data.setUint32(at(i, 'struct_size'), size, little);
        data.setInt32(at(i, 'element_type'), number(type), little);
        data.setBigUint64(at(i, 'name'), koffi.address(label), little);
        data.setBigUint64(at(i, 'data'), address, little);
        data.setBigInt64(at(i, 'stride_bytes'), BigInt(stride), little);
    }
    struct.columns = columns.length === 0 ? null : scope.address(bytes);
    struct.column_count = columns.length;
}

/** The defaults of points. */
function pointsDefaults() {
    const { coordinate_type: type, scale, offset, resolution } = initialised('points');
    const coordinateType = type === constants.GROMA_TYPE_F64 ? 'f64' : 'i32';
    return { coordinateType, scale: [...scale], offset: [...offset], resolution };
}

module.exports = { pointsDefaults, pointsOf };
