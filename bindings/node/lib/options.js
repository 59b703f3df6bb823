// Options: objects with names in camelCase, defaults of the library, and no name that it does not know.

'use strict';

const { initialised, koffi, structs } = require('./library.js');
const { invalid } = require('./error.js');
const { isWhole, real, whole } = require('./whole.js');
const { heights, optimizations, searches, voxels } = require('./enums.js');

const enumerations = { search: searches, height: heights, voxelKeep: voxels, optimization: optimizations };
// What JavaScript says otherwise than C: lists know their lengths, and listeners are no fields.
const lists = { keepClasses: 'keep_class_count', ignoreClasses: 'ignore_class_count' };
const nameLists = { extraOutputs: 'extra_output_count' };
const listeners = new Set(['signal', 'cancel', 'progress']);
const flags = new Set([
    'probabilities', 'write_confidence', 'write_entropy', 'overwrite', 'keep_others', 'mark', 'resume', 'skip_failed',
    'assume_crs', 'keep_index',
]);
const hidden = new Set(['struct_size', 'reserved', 'progress_user', ...Object.values(lists), ...Object.values(nameLists)]);

// Signed numbers that mean something from -1 on.
const least = { pointFormat: -1, startRow: -1 };

const snake = name => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
const camel = name => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

/** An options struct for a call. `extra` names options that are not fields of it. */
function structOf(name, given, scope, extra = []) {
    const struct = initialised(name);
    const options = given ?? {};
    const { members } = koffi.type(structs[`groma_${name}_t`]);
    if (typeof options !== 'object') throw invalid(`options must be an object, not ${String(options)}`);
    for (const [option, value] of Object.entries(options)) {
        if (value === undefined || extra.includes(option)) continue;
        const field = snake(option);
        const known = field in struct ? !hidden.has(field) : option === 'signal' && 'cancel' in struct;
        if (!known || option !== camel(field)) throw invalid(`there is no option ${option}`);
        if (!listeners.has(option)) set(struct, field, option, value, scope, members[field].type.primitive);
    }
    if ('cancel' in struct) scope.listen(struct, options);
    return struct;
}

function set(struct, field, option, value, scope, type) {
    if (value === null) {
        if (struct[field] !== null) throw invalid(`${option} must not be null`);
        struct[field] = null;
    } else if (option in lists) {
        const bytes = Uint8Array.from(value);
        if (bytes.some((byte, i) => byte !== value[i])) throw invalid(`${option} must be numbers from 0 to 255`);
        struct[field] = scope.address(bytes);
        struct[lists[option]] = bytes.length;
    } else if (option in nameLists) {
        struct[field] = scope.texts([...value], option);
        struct[nameLists[option]] = value.length;
    } else if (option in enumerations) {
        struct[field] = enumerations[option].number(value, option);
    } else if (flags.has(field)) {
        struct[field] = value ? 1 : 0;
    } else if (struct[field] === null) {
        struct[field] = scope.text(value, option);
    } else {
        struct[field] = isWhole(type) ? whole(value, option, type, least[option]) : real(value, option);
    }
}

/** The defaults of an options struct, as an object with names in camelCase. */
function defaults(name) {
    const fields = Object.entries(initialised(name)).filter(([field, value]) => value !== null && !hidden.has(field));
    return Object.fromEntries(fields.map(([field, value]) => {
        const option = camel(field);
        if (flags.has(field)) return [option, value !== 0];
        return [option, option in enumerations ? enumerations[option].word(value) : value];
    }));
}

module.exports = { defaults, structOf };
