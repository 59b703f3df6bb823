// Whole numbers for C: koffi cuts what does not fit into a field, so it is refused here.

'use strict';

const { invalid } = require('./error.js');

const limits = {
    Int8: [-(2n ** 7n), 2n ** 7n - 1n],
    UInt8: [0n, 2n ** 8n - 1n],
    Int16: [-(2n ** 15n), 2n ** 15n - 1n],
    UInt16: [0n, 2n ** 16n - 1n],
    Int32: [-(2n ** 31n), 2n ** 31n - 1n],
    UInt32: [0n, 2n ** 32n - 1n],
    Int64: [-(2n ** 63n), 2n ** 63n - 1n],
    UInt64: [0n, 2n ** 64n - 1n],
};

/** Whether a type of C, as koffi calls it (`UInt32`), holds whole numbers. */
const isWhole = type => type in limits;

/** A whole number that fits into a type of C; numbers beyond 2 ** 53 must be BigInts. */
function whole(value, what, type, lowest = limits[type][0]) {
    const exact = typeof value === 'bigint' || Number.isSafeInteger(value);
    const [, highest] = limits[type];
    if (!exact || BigInt(value) < BigInt(lowest) || BigInt(value) > highest) {
        throw invalid(`${what} is ${String(value)}; it must be a whole number from ${lowest} to ${highest}`);
    }
    return value;
}

/** A number that need not be whole. */
function real(value, what) {
    if (typeof value !== 'number' && typeof value !== 'bigint') throw invalid(`${what} must be a number`);
    return Number(value);
}

module.exports = { isWhole, real, whole };
