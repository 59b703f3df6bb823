// Element types and the typed arrays that hold them.

'use strict';

const { elements } = require('./enums.js');
const { invalid } = require('./error.js');

// Types that JavaScript has no array for lie in arrays of their bits: f16 and bf16 in Uint16Array, complex numbers as pairs,
// what is smaller than a byte packed in bytes.
const arrays = {
    u8: Uint8Array,
    i8: Int8Array,
    u16: Uint16Array,
    i16: Int16Array,
    u32: Uint32Array,
    i32: Int32Array,
    u64: BigUint64Array,
    i64: BigInt64Array,
    f32: Float32Array,
    f64: Float64Array,
    bool: Uint8Array,
    f16: globalThis.Float16Array ?? Uint16Array,
    bf16: Uint16Array,
    c64: Float32Array,
    c128: Float64Array,
};

const types = new Map([
    [Uint8Array, 'u8'],
    [Uint8ClampedArray, 'u8'],
    [Int8Array, 'i8'],
    [Uint16Array, 'u16'],
    [Int16Array, 'i16'],
    [Uint32Array, 'u32'],
    [Int32Array, 'i32'],
    [BigUint64Array, 'u64'],
    [BigInt64Array, 'i64'],
    [Float32Array, 'f32'],
    [Float64Array, 'f64'],
]);
if (globalThis.Float16Array) types.set(globalThis.Float16Array, 'f16');

/** The element type of a typed array, as a word. */
function typeOf(array, what) {
    for (const [Type, word] of types) if (array instanceof Type) return word;
    throw invalid(`${what} must be a typed array`);
}

/** The class of array for an element type; bytes for the small ones. */
const arrayOf = word => arrays[word] ?? Uint8Array;

module.exports = { arrayOf, number: word => elements.number(word, 'the element type'), typeOf };
