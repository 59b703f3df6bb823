// Models: opened, asked, and made into ensembles.

'use strict';

const { low } = require('./library.js');
const { check, invalid, textOf } = require('./error.js');
const { Handle, pointer } = require('./handle.js');
const { combines } = require('./enums.js');
const { Scope, long, taken } = require('./call.js');
const { structOf } = require('./options.js');
const { pointsOf } = require('./points.js');
const { Result } = require('./result.js');
const { Summary } = require('./summary.js');
const { Value } = require('./value.js');

class Model extends Handle {
    constructor(address) {
        super(address, 'groma_model_destroy');
    }

    /** Opens an ONNX file with a manifest inside or beside it. */
    static open(path, options) {
        return options === undefined ? open.later(path) : openWith.later(path, options);
    }

    static openSync(path, options) {
        return options === undefined ? open.now(path) : openWith.now(path, options);
    }

    /** Opens a model from memory, which is copied; `name` is what to call it in messages. */
    static openMemory(name, data, options) {
        return plain(options) ? openMemory.later(name, data, options) : openMemoryWith.later(name, data, options);
    }

    static openMemorySync(name, data, options) {
        return plain(options) ? openMemory.now(name, data, options) : openMemoryWith.now(name, data, options);
    }

    /** Opens the model that is part of the library. */
    static openDefault(options) {
        return options === undefined ? openDefault.later() : openDefaultWith.later(options);
    }

    static openDefaultSync(options) {
        return options === undefined ? openDefault.now() : openDefaultWith.now(options);
    }

    /** A model of models, which stay usable and may be closed. */
    static ensemble(models, { weights, combine = 'mean' } = {}) {
        if (weights && weights.length !== models.length) {
            throw invalid(`${weights.length} weights for ${models.length} models`);
        }
        const scope = new Scope();
        try {
            const [model, error] = [[null], [null]];
            const members = scope.handles(models, Model);
            const shares = weights ? scope.address(Float64Array.from(weights)) : null;
            const way = combines.number(combine, 'combine');
            check(low.groma_model_open_ensemble(members, shares, models.length, way, model, error), error);
            return new Model(model[0]);
        } finally {
            scope.free();
        }
    }

    /** The file name, or the name it was opened with. */
    get name() {
        return low.groma_model_name(this[pointer]);
    }

    /** Names of the classes that it tells apart. */
    get classes() {
        const count = Number(low.groma_model_class_count(this[pointer]));
        return Array.from({ length: count }, (_, i) => low.groma_model_class_name(this[pointer], i));
    }

    /** The manifest, as an object. */
    get manifest() {
        return JSON.parse(low.groma_model_manifest_json(this[pointer]));
    }

    /** All about the model, as an object. */
    describe() {
        return JSON.parse(low.groma_model_describe_json(this[pointer]));
    }

    /** Rows a call that suit the model on each of its devices; a GPU is measured once, and remembered. */
    batches() {
        const [text, error] = [[null], [null]];
        check(low.groma_model_batches_json(this[pointer], text, error), error);
        return JSON.parse(taken(text));
    }

    /** A value of the ONNX metadata; null if there is no such key. */
    metadata(key) {
        return low.groma_model_metadata(this[pointer], textOf(key, 'the key'));
    }

    /** Classifies a file into another. */
    classifyFile(input, output, options) {
        return classifyFile.later(this, input, output, options);
    }

    classifyFileSync(input, output, options) {
        return classifyFile.now(this, input, output, options);
    }

    /** Classifies points in memory. */
    classify(points, options) {
        return classify.later(this, points, options);
    }

    classifySync(points, options) {
        return classify.now(this, points, options);
    }

    /** A tensor of the network that has one row a point: f32 [points, width]. */
    embed(points, tensor, options) {
        return embed.later(this, points, tensor, options);
    }

    embedSync(points, tensor, options) {
        return embed.now(this, points, tensor, options);
    }
}

/** A long call whose last argument receives a model. */
const opening = (name, build) => long(name, (scope, ...parameters) => {
    const model = [null];
    return { args: [...build(scope, ...parameters), model], give: () => new Model(model[0]) };
});

const bytes = data => {
    if (!ArrayBuffer.isView(data)) throw invalid('a model in memory must be a Uint8Array');
    return data;
};
const manifestOf = ({ manifestJson = null } = {}) => (manifestJson === null ? null : textOf(manifestJson, 'manifestJson'));
/** Whether options need no struct: the manifest has a place of its own. */
const plain = options => Object.keys(options ?? {}).every(option => option === 'manifestJson');

const open = opening('groma_model_open', (scope, path) => [scope.text(path, 'path')]);
const openWith = opening('groma_model_open_with', (scope, path, options) => {
    return [scope.text(path, 'path'), structOf('model_options', options, scope)];
});
const openMemory = opening('groma_model_open_memory', (scope, name, data, options) => {
    return [scope.text(name, 'name'), scope.address(bytes(data)), data.byteLength, manifestOf(options)];
});
const openMemoryWith = opening('groma_model_open_memory_with', (scope, name, data, options) => {
    return [scope.text(name, 'name'), scope.address(bytes(data)), data.byteLength, structOf('model_options', options, scope)];
});
const openDefault = opening('groma_model_open_default', () => []);
const openDefaultWith = opening('groma_model_open_default_with', (scope, options) => [structOf('model_options', options, scope)]);

const classifyFile = long('groma_classify_file', (scope, model, input, output, options) => {
    const summary = [null];
    const struct = structOf('classify_options', options, scope);
    const paths = [scope.text(input, 'input'), scope.text(output, 'output')];
    return { args: [scope.use(model, Model), ...paths, struct, summary], give: () => new Summary(summary[0]) };
});

const classify = long('groma_classify_points', (scope, model, points, options) => {
    const result = [null];
    const struct = structOf('classify_options', options, scope);
    return { args: [scope.use(model, Model), pointsOf(points, scope), struct, result], give: () => new Result(result[0]) };
});

const embed = long('groma_embed_points', (scope, model, points, tensor, options) => {
    const value = [null];
    const struct = structOf('classify_options', options, scope);
    const args = [scope.use(model, Model), pointsOf(points, scope), scope.text(tensor, 'tensor'), struct, value];
    return { args, give: () => new Value(value[0]) };
});

module.exports = { Model };
