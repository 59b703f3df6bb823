// What owns memory of the library: closed by hand, by `using`, or when nobody refers to it any more.
//
// Arrays over the library's memory keep that memory: it is freed when the handle is closed and the last of its arrays is
// gone. So an array is never left without its memory, whatever is closed first.

'use strict';

const { koffi, low } = require('./library.js');
const { closed, invalid } = require('./error.js');

/** An object of the library and the number of those that need it. */
class Owner {
    constructor(pointer, destroy) {
        this.pointer = pointer;
        this.destroy = destroy;
        this.users = 1;
        /** Memory of JavaScript that the object reads. */
        this.kept = new Set();
    }

    ref() {
        this.users += 1;
    }

    unref() {
        this.users -= 1;
        if (this.users > 0) return;
        this.destroy(this.pointer);
        this.kept.clear();
    }
}

const forgotten = new FinalizationRegistry(owner => owner.unref());

/** The pointer of a handle; throws if it is closed. */
const pointer = Symbol('pointer');
/** What a handle shares with its arrays and calls. */
const owner = Symbol('owner');
const views = Symbol('views');

class Handle {
    constructor(address, destroy) {
        this[owner] = new Owner(address, low[destroy]);
        this[views] = new Map();
        forgotten.register(this, this[owner], this);
    }

    get [pointer]() {
        if (!this[owner]) throw closed(this.constructor.name);
        return this[owner].pointer;
    }

    /** Whether it was closed. */
    get closed() {
        return !this[owner];
    }

    /** Frees the memory as soon as no call and no array uses it; a second close does nothing. */
    close() {
        if (!this[owner]) return;
        forgotten.unregister(this);
        this[owner].unref();
        this[owner] = null;
        this[views].clear();
    }

    [Symbol.dispose ?? Symbol.for('nodejs.dispose')]() {
        this.close();
    }
}

/** A typed array over memory of a handle, made once; null for NULL. */
function view(handle, Type, address, count) {
    if (address === null || address === 0n) return null;
    if (count === 0) return new Type(0);
    const cache = handle[views];
    const key = `${Type.name} ${address} ${count}`;
    if (!cache.has(key)) {
        const buffer = koffi.view(address, count * Type.BYTES_PER_ELEMENT);
        handle[owner].ref();
        forgotten.register(buffer, handle[owner]);
        cache.set(key, new Type(buffer));
    }
    return cache.get(key);
}

/** Has an object keep the memory of JavaScript that those read which it is made of. */
function keep(handle, ...sources) {
    for (const source of sources) for (const memory of source[owner].kept) handle[owner].kept.add(memory);
    return handle;
}

/** The pointer of an argument that has to be a handle of a class. */
function pointerOf(handle, Class) {
    if (!(handle instanceof Class)) throw invalid(`a ${Class.name} is needed, not ${handle}`);
    return handle[pointer];
}

module.exports = { Handle, keep, owner, pointer, pointerOf, view };
