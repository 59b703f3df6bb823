// Checkpoints: named tensors with metadata, as safetensors files.

'use strict';

const { low } = require('./library.js');
const { check, textOf } = require('./error.js');
const { Handle, keep, pointer, pointerOf } = require('./handle.js');
const { sections } = require('./enums.js');
const { long } = require('./call.js');
const { Value, valueOf } = require('./value.js');

const number = section => sections.number(section, 'the section');

class Checkpoint extends Handle {
    /** One without tensors. Metadata: `schema_hash`, `classes`, `training_data`, `version`, `step`, `extra`. */
    constructor(metadata = null, address = create(metadata)) {
        super(address, 'groma_checkpoint_destroy');
    }

    /** Opens a safetensors file. */
    static open(path) {
        return open.later(path);
    }

    static openSync(path) {
        return open.now(path);
    }

    /** Adds a tensor to `weights`, `optimizer` or `scheduler`. */
    add(section, name, value) {
        const error = [null];
        const [label, tensor] = [textOf(name, 'the name'), pointerOf(value, Value)];
        check(low.groma_checkpoint_add(this[pointer], number(section), label, tensor, error), error);
        keep(this, value);
        return this;
    }

    /** Writes a safetensors file, which appears whole or not at all. */
    save(path, options) {
        return save.later(this, path, options);
    }

    saveSync(path, options) {
        return save.now(this, path, options);
    }

    /** Names of the tensors of a section. */
    names(section) {
        const count = Number(low.groma_checkpoint_count(this[pointer], number(section)));
        return Array.from({ length: count }, (_, i) => low.groma_checkpoint_name(this[pointer], number(section), i));
    }

    /** A tensor of a section. */
    value(section, name) {
        return valueOf(this, 'groma_checkpoint_value', number(section), textOf(name, 'the name'));
    }

    /** The metadata, as an object. */
    get metadata() {
        return JSON.parse(low.groma_checkpoint_metadata_json(this[pointer]));
    }
}

function create(metadata) {
    const [checkpoint, error] = [[null], [null]];
    const text = metadata === null || typeof metadata === 'string' ? metadata : JSON.stringify(metadata);
    if (text !== null) textOf(text, 'the metadata');
    check(low.groma_checkpoint_create(text, checkpoint, error), error);
    return checkpoint[0];
}

const open = long('groma_checkpoint_open', (scope, path) => {
    const checkpoint = [null];
    return { args: [scope.text(path, 'path'), checkpoint], give: () => new Checkpoint(null, checkpoint[0]) };
});
const save = long('groma_checkpoint_save', (scope, checkpoint, path, { overwrite = false } = {}) => {
    return { args: [scope.use(checkpoint, Checkpoint), scope.text(path, 'path'), overwrite ? 1 : 0] };
});

module.exports = { Checkpoint };
