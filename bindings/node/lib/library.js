// Finds the library and binds its functions: the path in GROMA_LIBRARY, else `lib/` of this package, else the system's.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const koffi = require('koffi');
const { constants, structs, load } = require('../low.js');

const names = {
    linux: ['libgroma.so.0', 'libgroma.so'],
    darwin: ['libgroma.0.dylib', 'libgroma.dylib'],
    win32: ['groma.dll'],
}[process.platform] ?? ['libgroma.so'];

function candidates() {
    if (process.env.GROMA_LIBRARY) return [path.resolve(process.env.GROMA_LIBRARY)];
    const beside = names.map(name => path.join(__dirname, '..', 'lib', name)).filter(file => fs.existsSync(file));
    return [...beside, ...names];
}

function open() {
    const failures = [];
    for (const file of candidates()) {
        let low;
        try {
            low = load(file);
        } catch (error) {
            failures.push(`${file}: ${error.message.trim()}`);
            continue;
        }
        check(low, file);
        return { low, file };
    }
    throw new Error(`groma: no library was found; name one in GROMA_LIBRARY (${failures.join('; ')})`);
}

function check(low, file) {
    const abi = low.groma_abi_version ? low.groma_abi_version() : 0;
    const [major, minor] = [abi >>> 16, abi & 0xffff];
    const { GROMA_ABI_MAJOR, GROMA_ABI_MINOR } = constants;
    if (major !== GROMA_ABI_MAJOR || minor < GROMA_ABI_MINOR) {
        const needed = `${GROMA_ABI_MAJOR}.${GROMA_ABI_MINOR}`;
        throw new Error(`groma: ${file} has ABI ${major}.${minor}, this package needs ${needed}`);
    }
}

const { low, file } = open();

/** A struct of the header with its defaults, as an object of koffi. */
function initialised(name) {
    const struct = {};
    low[`groma_${name}_init`](struct, koffi.sizeof(structs[`groma_${name}_t`]));
    return struct;
}

module.exports = { constants, file, initialised, koffi, low, structs };
