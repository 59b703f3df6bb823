// Features: numbers for every point, as a matrix or as a file.

'use strict';

const { low } = require('./library.js');
const { check } = require('./error.js');
const { Handle, pointer, view } = require('./handle.js');
const { Scope, long, taken } = require('./call.js');
const { structOf } = require('./options.js');
const { pointsOf } = require('./points.js');
const { Summary } = require('./summary.js');
const { described } = require('./tensor.js');
const { valueOf } = require('./value.js');

class Features extends Handle {
    constructor(address) {
        super(address, 'groma_features_destroy');
    }

    /** Computes features of points in memory; the schema is names, or an object as in a manifest. */
    static compute(points, schema, options) {
        return compute.later(points, schema, options);
    }

    static computeSync(points, schema, options) {
        return compute.now(points, schema, options);
    }

    /** Number of points. */
    get rows() {
        return Number(low.groma_features_rows(this[pointer]));
    }

    /** Names of the columns. */
    get columns() {
        const count = Number(low.groma_features_columns(this[pointer]));
        return Array.from({ length: count }, (_, i) => low.groma_features_column_name(this[pointer], i));
    }

    /** The values, column c of point i at `i * columns.length + c`. */
    get values() {
        const count = this.rows * Number(low.groma_features_columns(this[pointer]));
        return view(this, Float32Array, low.groma_features_values(this[pointer]), count);
    }

    /** The values of one point. */
    row(index) {
        const width = Number(low.groma_features_columns(this[pointer]));
        return this.values.subarray(index * width, (index + 1) * width);
    }

    /** The matrix as a value. */
    value() {
        return valueOf(this, 'groma_features_value');
    }

    /** The matrix as DLPack describes it. */
    tensor() {
        const [tensor, error] = [{}, [null]];
        check(low.groma_features_tensor(this[pointer], tensor, error), error);
        return described(tensor);
    }

    /** SHA-256 of the schema: equal hashes mean equal columns. */
    get schemaHash() {
        return low.groma_features_schema_hash(this[pointer]);
    }

    /** The schema as an object, which `compute` takes again. */
    get schema() {
        return JSON.parse(low.groma_features_schema_json(this[pointer]));
    }
}

const schemaText = (scope, schema) => {
    return scope.text(typeof schema === 'object' && schema !== null ? JSON.stringify(schema) : schema, 'schema');
};

const compute = long('groma_features_compute', (scope, points, schema, options) => {
    const features = [null];
    const struct = structOf('features_options', options, scope);
    const args = [pointsOf(points, scope), schemaText(scope, schema), struct, features];
    return { args, give: () => new Features(features[0]) };
});

const file = long('groma_features_file', (scope, schema, input, output, options) => {
    const summary = [null];
    const struct = structOf('features_file_options', options, scope);
    const paths = [scope.text(input, 'input'), scope.text(output, 'output')];
    return { args: [schemaText(scope, schema), ...paths, struct, summary], give: () => new Summary(summary[0]) };
});

/** Computes features of a file and writes them to another. */
const featuresFile = (schema, input, output, options) => file.later(schema, input, output, options);
const featuresFileSync = (schema, input, output, options) => file.now(schema, input, output, options);

/** What a schema holds: columns with definitions, hash, required attributes, receptive radius. */
function describeSchema(schema) {
    const [text, error] = [[null], [null]];
    check(low.groma_schema_describe(schemaText(new Scope(), schema), text, error), error);
    return JSON.parse(taken(text));
}

module.exports = { Features, describeSchema, featuresFile, featuresFileSync };
