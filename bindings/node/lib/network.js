// Networks: any ONNX model, named values in and out.

'use strict';

const { low } = require('./library.js');
const { invalid, textOf } = require('./error.js');
const { Handle, keep, owner, pointer } = require('./handle.js');
const { long } = require('./call.js');
const { structOf } = require('./options.js');
const { Value } = require('./value.js');

class Network extends Handle {
    constructor(address) {
        super(address, 'groma_network_destroy');
    }

    /** Opens an ONNX file. */
    static open(path, options) {
        return open.later(path, options);
    }

    static openSync(path, options) {
        return open.now(path, options);
    }

    /** Opens an ONNX file in memory, which is copied. */
    static openMemory(name, data, options) {
        return openMemory.later(name, data, options);
    }

    static openMemorySync(name, data, options) {
        return openMemory.now(name, data, options);
    }

    /** The file name, or the name it was opened with. */
    get name() {
        return low.groma_network_name(this[pointer]);
    }

    /** Names of the inputs. */
    get inputs() {
        const count = Number(low.groma_network_input_count(this[pointer]));
        return Array.from({ length: count }, (_, i) => low.groma_network_input_name(this[pointer], i));
    }

    /** Names of the outputs. */
    get outputs() {
        const count = Number(low.groma_network_output_count(this[pointer]));
        return Array.from({ length: count }, (_, i) => low.groma_network_output_name(this[pointer], i));
    }

    /** A value of the ONNX metadata; null if there is no such key. */
    metadata(key) {
        return low.groma_network_metadata(this[pointer], textOf(key, 'the key'));
    }

    /** All about the network, as an object: inputs, outputs, metadata, opsets, names of all tensors inside. */
    describe() {
        return JSON.parse(low.groma_network_describe_json(this[pointer]));
    }

    /** Runs it: values (or what `Value.from` takes) by name in, values by name out. */
    run(inputs, options) {
        return run.later(this, inputs, options);
    }

    runSync(inputs, options) {
        return run.now(this, inputs, options);
    }
}

const opening = (name, build) => long(name, (scope, ...parameters) => {
    const network = [null];
    return { args: [...build(scope, ...parameters), network], give: () => new Network(network[0]) };
});

const open = opening('groma_network_open', (scope, path, options) => {
    return [scope.text(path, 'path'), structOf('network_options', options, scope)];
});
const openMemory = opening('groma_network_open_memory', (scope, name, data, options) => {
    if (!ArrayBuffer.isView(data)) throw invalid('a network in memory must be a Uint8Array');
    const struct = structOf('network_options', options, scope);
    return [scope.text(name, 'name'), scope.address(data), data.byteLength, struct];
});

const run = long('groma_network_run', (scope, network, inputs, options) => {
    const sequence = [null];
    const names = Object.keys(inputs ?? {});
    const values = names.map(name => Value.from(inputs[name]));
    const pointers = scope.handles(values, Value);
    // Outputs may share memory with inputs.
    const kept = { [owner]: { kept: new Set(values.flatMap(value => [...value[owner].kept])) } };
    // What was made here is the scope's alone.
    for (const [i, name] of names.entries()) if (values[i] !== inputs[name]) values[i].close();
    const outputs = options?.outputs ?? null;
    const wanted = outputs === null ? network.outputs : [...outputs];
    const args = [
        scope.use(network, Network),
        scope.texts(names, 'the name of an input'),
        pointers,
        names.length,
        outputs === null ? null : scope.texts(wanted, 'the name of an output'),
        outputs === null ? 0 : wanted.length,
        structOf('network_run_options', options, scope, ['outputs']),
        sequence,
    ];
    return { args, give: () => named(wanted, sequence[0], kept) };
});

function named(names, address, kept) {
    const sequence = keep(new Value(address), kept);
    try {
        return Object.fromEntries(names.map((name, i) => [name, sequence.item(i)]));
    } finally {
        sequence.close();
    }
}

module.exports = { Network };
