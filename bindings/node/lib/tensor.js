// Descriptions of arrays inside the library, as DLPack has them.

'use strict';

const { koffi } = require('./library.js');

const numbers = (address, count) => (address && count ? Array.from(koffi.decode(address, 'int64_t', count), Number) : []);

/** A `groma_tensor_t` in JavaScript. `data` is an address, which lives as long as what was asked. */
function described(raw) {
    return {
        data: (raw.data ?? 0n) + BigInt(raw.byte_offset),
        device: { type: raw.device.device_type, id: raw.device.device_id },
        dtype: { code: raw.dtype.code, bits: raw.dtype.bits, lanes: raw.dtype.lanes },
        shape: numbers(raw.shape, raw.ndim),
        strides: raw.strides ? numbers(raw.strides, raw.ndim) : null,
    };
}

module.exports = { described, numbers };
