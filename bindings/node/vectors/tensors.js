// Tensors of safetensors files, and how two are compared.

'use strict';

const fs = require('node:fs');

const arrays = {
    U8: Uint8Array,
    I8: Int8Array,
    U16: Uint16Array,
    I16: Int16Array,
    U32: Uint32Array,
    I32: Int32Array,
    U64: BigUint64Array,
    I64: BigInt64Array,
    F32: Float32Array,
    F64: Float64Array,
    F16: Uint16Array,
    BF16: Uint16Array,
    BOOL: Uint8Array,
};

/** The tensors of a file by name; none if there is no such file. */
function read(path) {
    if (!fs.existsSync(path)) return {};
    const data = fs.readFileSync(path);
    const end = 8 + Number(data.readBigUInt64LE(0));
    const header = JSON.parse(data.subarray(8, end).toString('utf8'));
    delete header.__metadata__;
    return Object.fromEntries(Object.entries(header).map(([name, { dtype, shape, data_offsets: [from, to] }]) => {
        // A copy, so that elements lie where their type wants them.
        const bytes = Uint8Array.from(data.subarray(end + from, end + to));
        return [name, { dtype, shape, data: new arrays[dtype](bytes.buffer) }];
    }));
}

/** A tensor of a typed array; null for null. */
function of(array, shape = [array?.length]) {
    if (array === null) return null;
    const dtype = Object.keys(arrays).find(key => array instanceof arrays[key]);
    return { dtype, shape, data: array };
}

/** Throws if a tensor differs from what is expected by more than a tolerance. */
function compare(found, expected, tolerance) {
    const say = ({ dtype, shape }) => `${dtype}[${shape.join(', ')}]`;
    if (say(found) !== say(expected)) throw new Error(`a tensor is ${say(found)}, expected ${say(expected)}`);
    const float = expected.dtype === 'F32' || expected.dtype === 'F64';
    const bytes = array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    const [have, want] = float ? [found.data, expected.data] : [bytes(found.data), bytes(expected.data)];
    for (let i = 0; i < want.length; i += 1) {
        if (Object.is(have[i], want[i]) || have[i] === want[i] || (float && Math.abs(have[i] - want[i]) <= tolerance)) continue;
        throw new Error(`${float ? 'number' : 'byte'} ${i} is ${have[i]}, expected ${want[i]} (± ${tolerance})`);
    }
}

module.exports = { arrays, compare, of, read };
