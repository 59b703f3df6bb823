// Values: what networks take and give.

'use strict';

const { koffi, low } = require('./library.js');
const { check, invalid } = require('./error.js');
const { Handle, keep, owner, pointer, view } = require('./handle.js');
const { elements, kinds } = require('./enums.js');
const { arrayOf, number, typeOf } = require('./elements.js');
const { Scope } = require('./call.js');
const { described, numbers } = require('./tensor.js');
const { whole } = require('./whole.js');

/** Memory of JavaScript behind managed tensors that were handed out, by their addresses. */
const handedOut = new Map();

/** Makes a value by a function of C; `build` gives its arguments, `sources` are what it shares memory with. */
function make(name, build, sources = []) {
    const scope = new Scope();
    try {
        const [value, error] = [[null], [null]];
        check(low[name](...build(scope), value, error), error);
        return keep(new Value(value[0]), ...sources);
    } finally {
        scope.free();
    }
}

function shapeArguments(shape, count, scope) {
    const sizes = shape ?? [count];
    for (const size of sizes) whole(size, 'a size of the shape', 'Int64', 0);
    return [scope.address(BigInt64Array.from(sizes, BigInt)), sizes.length];
}

/** The arguments of a tensor: element type, shape, data. */
function tensorArguments(data, { shape, type = typeOf(data, 'the data of a tensor') } = {}, scope) {
    const [sizes, dimensions] = shapeArguments(shape, data.length, scope);
    return [number(type), sizes, dimensions, scope.address(data), data.byteLength];
}

class Value extends Handle {
    constructor(address) {
        super(address, 'groma_value_destroy');
    }

    /** Copies a typed array into a tensor of one dimension, or of a shape; `type` names another element type. */
    static tensor(data, options) {
        return make('groma_value_copy_tensor', scope => tensorArguments(data, options, scope));
    }

    /** A tensor over a typed array, without a copy, which it keeps: it must not be changed, transferred or resized. */
    static borrow(data, options) {
        const value = make('groma_value_borrow_tensor', scope => tensorArguments(data, options, scope));
        value[owner].kept.add(data);
        return value;
    }

    /** A tensor of strings. */
    static strings(strings, { shape } = {}) {
        return make('groma_value_create_strings', scope => {
            const bytes = strings.map(string => scope.keep(Buffer.from(string)));
            const addresses = bytes.map(one => (one.length === 0 ? scope.address(one) : koffi.address(one)));
            const lengths = BigUint64Array.from(bytes, one => BigInt(one.length));
            const [sizes, dimensions] = shapeArguments(shape, strings.length, scope);
            return [scope.address(new BigUint64Array(addresses)), scope.address(lengths), sizes, dimensions];
        });
    }

    /** A sequence of values, which stay usable. */
    static sequence(items) {
        return make('groma_value_create_sequence', scope => [scope.handles(items, Value), items.length], items);
    }

    /** An optional without a value. */
    static none() {
        return make('groma_value_create_none', () => []);
    }

    /** A tensor of a DLManagedTensor, which is taken over, by its address. */
    static fromDLPack(managed) {
        const value = make('groma_value_from_dlpack', () => [managed]);
        for (const memory of handedOut.get(managed) ?? []) value[owner].kept.add(memory);
        handedOut.delete(managed);
        return value;
    }

    /** A value of what JavaScript has: a typed array, strings, `{ data, shape, type }`, null, a list of those. */
    static from(source) {
        if (source instanceof Value) return source;
        if (source === null) return Value.none();
        if (ArrayBuffer.isView(source)) return Value.tensor(source);
        if (Array.isArray(source)) {
            if (source.length > 0 && source.every(item => typeof item === 'string')) return Value.strings(source);
            const items = source.map(Value.from);
            const sequence = Value.sequence(items);
            for (const [i, item] of items.entries()) if (item !== source[i]) item.close();
            return sequence;
        }
        if (typeof source === 'object' && source !== null && source.data !== undefined) {
            return Array.isArray(source.data) ? Value.strings(source.data, source) : Value.tensor(source.data, source);
        }
        throw invalid(`no value can be made of ${String(source)}`);
    }

    /** What it is: `tensor`, `sequence`, `none` or `map`. */
    get kind() {
        return kinds.word(low.groma_value_kind(this[pointer]));
    }

    /** The type of a tensor's elements, as `f32`; null for other values. */
    get type() {
        return elements.word(low.groma_value_element_type(this[pointer])) || null;
    }

    /** The sizes of a tensor's dimensions. */
    get shape() {
        return numbers(low.groma_value_shape(this[pointer]), Number(low.groma_value_ndim(this[pointer])));
    }

    /** Elements of a tensor, items of a sequence, pairs of a map. */
    get length() {
        return Number(low.groma_value_count(this[pointer]));
    }

    /** A tensor's elements, where they lie: read only, valid as long as the array lives. Null for other values. */
    get data() {
        const { type } = this;
        if (type === null || type === 'string') return null;
        const Type = arrayOf(type);
        const bytes = Number(low.groma_value_size_bytes(this[pointer]));
        if (bytes === 0) return new Type(0);
        return view(this, Type, low.groma_value_data(this[pointer]), bytes / Type.BYTES_PER_ELEMENT);
    }

    /** The elements of a tensor of strings; null for other values. Strings that are not UTF-8 have replacement characters. */
    get strings() {
        if (this.type !== 'string') return null;
        return Array.from({ length: this.length }, (_, i) => this.bytesOf(i).toString('utf8'));
    }

    /** The bytes of one string, as a copy. */
    bytesOf(index) {
        const length = [0];
        const address = low.groma_value_string(this[pointer], whole(index, 'the index', 'UInt64'), length);
        if (address === null) throw new RangeError(`there is no string ${index}`);
        return Number(length[0]) === 0 ? Buffer.alloc(0) : Buffer.from(koffi.view(address, Number(length[0])).slice(0));
    }

    /** An item of a sequence; of a map 0 is its keys and 1 its values. */
    item(index) {
        return make('groma_value_item', scope => [scope.use(this, Value), whole(index, 'the index', 'UInt64')], [this]);
    }

    /** All items of a sequence. */
    get items() {
        return Array.from({ length: this.kind === 'map' ? 2 : this.length }, (_, i) => this.item(i));
    }

    /** The tensor as DLPack describes it. */
    describe() {
        const [tensor, error] = [{}, [null]];
        check(low.groma_value_tensor(this[pointer], tensor, error), error);
        return described(tensor);
    }

    /**
     * The tensor as a DLManagedTensor, by its address; whoever takes it calls its deleter. Of a borrowed array `fromDLPack`
     * takes the memory over; handed to others, the array is kept as long as the process.
     */
    toDLPack() {
        const [managed, error] = [[null], [null]];
        check(low.groma_value_to_dlpack(this[pointer], managed, error), error);
        if (this[owner].kept.size > 0) handedOut.set(managed[0], [...this[owner].kept]);
        return managed[0];
    }
}

/** A value by a getter of C that takes a handle and gives one. */
function valueOf(handle, name, ...parameters) {
    const [value, error] = [[null], [null]];
    check(low[name](handle[pointer], ...parameters, value, error), error);
    return keep(new Value(value[0]), handle);
}

module.exports = { Value, valueOf };
