// Structs of the header as the objects that this package takes.

'use strict';

const groma = require('..');
const { initialised } = require('../lib/library.js');

const { constants } = groma;
const camel = name => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

/** Options: an object with the fields that the step sets; the rest are the library's defaults. */
function initOptions(name, step) {
    const options = {};
    for (const [field, value] of Object.entries(step.get('options') ?? {})) {
        options[camel(field)] = optionOf(field, value, step);
    }
    return { gives: { options }, fields: fieldsOf(name) };
}

function optionOf(field, value, step) {
    if (field === 'cancel') return step.named(value);
    if (field === 'progress') {
        return () => {
            step.run.heard += 1;
            return value !== 'stop';
        };
    }
    if (typeof value !== 'string') return typeof value === 'object' && !Array.isArray(value) ? JSON.stringify(value) : value;
    return value in constants ? constants[value] : step.run.resolved(value);
}

/** The fields of a fresh struct, as C has them: what the package's own defaults say, and what only C has. */
function fieldsOf(name) {
    const fields = { ...initialised(name) };
    for (const [option, value] of Object.entries(groma.defaults(name))) {
        const field = option.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
        if (typeof value !== 'string') fields[field] = value;
    }
    return fields;
}

/** Points of the tensors that the step names. */
function initPoints(step) {
    const { coordinateType, ...rest } = groma.pointsDefaults();
    const none = { count: 0, column_count: 0, columns: null, x: null, y: null, z: null };
    const type = constants[`GROMA_TYPE_${coordinateType.toUpperCase()}`];
    const points = { x: new Float64Array(0), y: new Float64Array(0), z: new Float64Array(0) };
    for (const [field, value] of Object.entries(step.get('points') ?? {})) {
        if (['x', 'y', 'z'].includes(field)) {
            points[field] = columnOf(value, step);
        } else if (field === 'columns') {
            points.columns = Object.fromEntries(Object.entries(value).map(([name, place]) => [name, columnOf(place, step)]));
        } else if (!['coordinate_type', 'count'].includes(field)) {
            // Type and count follow from the arrays.
            points[field] = value;
        }
    }
    return { gives: { points }, fields: { ...none, ...rest, coordinate_type: type } };
}

/** `@in:NAME`, or one column of it. */
function columnOf(place, step) {
    if (typeof place === 'string') return step.tensor(place).data;
    const { data, shape } = step.tensor(place.tensor);
    return { array: data, start: place.column, step: shape[1] };
}

module.exports = { initOptions, initPoints };
