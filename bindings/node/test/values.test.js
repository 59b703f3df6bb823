// Values, networks, checkpoints, devices, messages.

'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { fixture, groma, withRuntime } = require('./support.js');

const { Checkpoint, Network, Value } = groma;

test('tensors', () => {
    const value = Value.tensor(Float32Array.of(1, 2, 3, 4, 5, 6), { shape: [2, 3] });
    assert.deepEqual([value.kind, value.type, value.shape, value.length], ['tensor', 'f32', [2, 3], 6]);
    assert.deepEqual(value.data, Float32Array.of(1, 2, 3, 4, 5, 6));
    assert.equal(value.strings, null);
    const { dtype, shape, strides, device } = value.describe();
    assert.deepEqual([dtype, shape, strides, device], [{ code: 2, bits: 32, lanes: 1 }, [2, 3], strides, { type: 1, id: 0 }]);
    const same = Value.fromDLPack(value.toDLPack());
    assert.equal(same.describe().data, value.describe().data);
    value.close();
    assert.deepEqual(same.data, Float32Array.of(1, 2, 3, 4, 5, 6));
    const own = Float64Array.of(7, 8);
    const borrowed = Value.borrow(own);
    own[0] = 9;
    assert.deepEqual(borrowed.data, Float64Array.of(9, 8));
    for (const options of [{ shape: [4] }, { shape: [-1] }, { shape: [1.5] }, { type: 'f65' }]) {
        assert.throws(() => Value.tensor(new Float32Array(3), options), { code: 'INVALID_ARGUMENT' });
    }
});

test('what is made of a borrowed array keeps it', { skip: !globalThis.gc && 'needs --expose-gc' }, async t => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'groma-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'borrowed.safetensors');
    const freed = new FinalizationRegistry(place => lost.push(place));
    const lost = [];
    const made = (place, make) => {
        const array = new Float64Array(1 << 16).fill(7);
        freed.register(array.buffer, place);
        const borrowed = Value.borrow(array);
        const outcome = make(borrowed);
        borrowed.close();
        return outcome;
    };
    const collected = async () => {
        for (let turn = 0; turn < 6; turn += 1) {
            globalThis.gc();
            await new Promise(resolve => setTimeout(resolve, 5));
        }
    };
    const kept = {
        sequence: made('sequence', value => Value.sequence([value])),
        item: made('item', value => Value.sequence([Value.sequence([value])]).item(0).item(0)),
        checkpoint: made('checkpoint', value => new Checkpoint().add('weights', 'w', value)),
        tensor: made('tensor', value => new Checkpoint().add('weights', 'w', value).value('weights', 'w')),
        dlpack: made('dlpack', value => Value.fromDLPack(value.toDLPack())),
    };
    await collected();
    assert.deepEqual(lost, []);
    const expected = new Float64Array(1 << 16).fill(7);
    assert.deepEqual(kept.sequence.item(0).data, expected);
    for (const place of ['item', 'tensor', 'dlpack']) assert.deepEqual(kept[place].data, expected, place);
    kept.checkpoint.saveSync(file);
    assert.deepEqual(Checkpoint.openSync(file).value('weights', 'w').data, expected);
    // Closed, they let it go: the views above may live on.
    kept.sequence.close();
    kept.checkpoint.close();
    await collected();
    assert.ok(lost.includes('checkpoint'), `${lost}`);
});

test('outputs keep borrowed inputs', { skip: withRuntime.skip ?? (!globalThis.gc && 'needs --expose-gc') }, async () => {
    const network = await Network.open(fixture('good.onnx'));
    let lost = false;
    const freed = new FinalizationRegistry(() => { lost = true; });
    const run = async () => {
        const array = Float32Array.of(0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
        freed.register(array.buffer, 0);
        const features = Value.borrow(array, { shape: [2, 5] });
        const running = network.run({ features });
        features.close();
        return running;
    };
    const { logits } = await run();
    for (let turn = 0; turn < 4; turn += 1) {
        globalThis.gc();
        await new Promise(resolve => setTimeout(resolve, 5));
    }
    assert.equal(lost, false);
    assert.deepEqual(logits.data, Float32Array.of(-1.5, -1, -0.5, -3, -2, -1));
});

test('NUL characters are refused', withRuntime, () => {
    const refused = { code: 'INVALID_ARGUMENT' };
    const weights = Value.tensor(Float64Array.of(1));
    const checkpoint = new Checkpoint().add('weights', 'w', weights);
    assert.throws(() => checkpoint.add('weights', 'v\0', weights), refused);
    assert.throws(() => checkpoint.value('weights', 'w\0x'), refused);
    assert.throws(() => new Checkpoint('{}\0'), refused);
    const network = Network.openSync(fixture('good.onnx'));
    assert.throws(() => network.metadata('groma.manifest\0x'), refused);
    const model = groma.Model.openDefaultSync();
    assert.throws(() => model.metadata('groma.manifest\0x'), refused);
    const data = fs.readFileSync(fixture('no_manifest.onnx'));
    assert.throws(() => groma.Model.openMemorySync('m', data, { manifestJson: `${JSON.stringify(model.manifest)}\0` }), refused);
});

test('element types', () => {
    for (const Type of [Uint8Array, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, Float32Array, Float64Array]) {
        assert.deepEqual(Value.tensor(Type.of(1, 2)).data, Type.of(1, 2));
    }
    for (const Type of [BigUint64Array, BigInt64Array]) assert.deepEqual(Value.tensor(Type.of(1n, 2n)).data, Type.of(1n, 2n));
    const bits = Uint16Array.of(0x3c00);
    assert.equal(Value.tensor(bits, { type: 'bf16' }).type, 'bf16');
    assert.equal(Value.tensor(bits, { type: 'f16' }).data.byteLength, 2);
    assert.equal(Value.tensor(Uint8Array.of(0, 1), { type: 'bool' }).type, 'bool');
    const packed = Value.tensor(Uint8Array.of(0x21, 0x03), { type: 'i4', shape: [3] });
    assert.deepEqual([packed.type, packed.length, packed.data], ['i4', 3, Uint8Array.of(0x21, 0x03)]);
    assert.deepEqual(Value.tensor(new Float32Array(0), { shape: [0, 7] }).shape, [0, 7]);
    assert.deepEqual(Value.tensor(Float64Array.of(5), { shape: [] }).shape, []);
    // A part of an array, and one too small for memory of its own.
    assert.deepEqual(Value.tensor(Uint16Array.of(1, 2, 3, 4).subarray(1, 3)).data, Uint16Array.of(2, 3));
});

test('strings, sequences, nothing', () => {
    const strings = Value.strings(['a', '', 'b\0c', 'ü'], { shape: [2, 2] });
    assert.deepEqual([strings.type, strings.shape, strings.strings], ['string', [2, 2], ['a', '', 'b\0c', 'ü']]);
    assert.equal(strings.data, null);
    assert.throws(() => strings.bytesOf(4), RangeError);
    const sequence = Value.sequence([strings, strings]);
    strings.close();
    assert.deepEqual([sequence.kind, sequence.length, sequence.type], ['sequence', 2, null]);
    const [, second] = sequence.items;
    sequence.close();
    assert.equal(second.strings[3], 'ü');
    assert.throws(() => second.item(0), { name: 'GromaError' });
    assert.equal(Value.none().kind, 'none');
    const mixed = Value.from([Float32Array.of(1), Float32Array.of(2, 3)]);
    assert.deepEqual(mixed.items.map(item => item.length), [1, 2]);
    assert.throws(() => Value.from(7), { code: 'INVALID_ARGUMENT' });
});

test('networks', withRuntime, async () => {
    const network = await Network.open(fixture('good.onnx'));
    assert.deepEqual([network.inputs, network.outputs, network.name], [['features'], ['logits'], 'good.onnx']);
    assert.equal(JSON.parse(network.metadata('groma.manifest')).name, 'fixture');
    assert.equal(network.metadata('nothing'), null);
    assert.equal(typeof network.describe(), 'object');
    const features = { data: Float32Array.of(0, 0, 0, 0, 0, 1, 0, 0, 0, 0), shape: [2, 5] };
    const expected = Float32Array.of(-1.5, -1, -0.5, -3, -2, -1);
    assert.deepEqual((await network.run({ features })).logits.data, expected);
    assert.deepEqual(network.runSync({ features: Value.from(features) }, { outputs: ['logits'] }).logits.data, expected);
    await assert.rejects(network.run({ wrong: features }), { name: 'GromaError' });
    await assert.rejects(network.run({ features }, { outputs: ['wrong'] }), { name: 'GromaError' });
    const again = await Network.openMemory('again', fs.readFileSync(fixture('good.onnx')), { threads: 1, optimization: 'none' });
    assert.equal(again.name, 'again');
    assert.throws(() => Network.openMemorySync('words', new Uint8Array(9)), { code: 'MODEL_LOAD' });
});

test('a signal stops a network', withRuntime, async () => {
    const network = await Network.open(fixture('slow.onnx'));
    const { inputs } = network.describe();
    const [{ name, shape }] = inputs;
    const sizes = shape.map(size => (Number.isInteger(size) && size > 0 ? size : 2));
    const data = new Float32Array(sizes.reduce((product, size) => product * size, 1));
    const begun = performance.now();
    const run = network.run({ [name]: { data, shape: sizes } }, { signal: AbortSignal.timeout(50) });
    await assert.rejects(run, { code: 'CANCELLED' });
    assert.ok(performance.now() - begun < 5000);
});

test('checkpoints', async t => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'groma-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'checkpoint.safetensors');
    const checkpoint = new Checkpoint({ classes: ['a', 'b'], version: '1' });
    const weights = Value.tensor(Float64Array.of(1, 2));
    checkpoint.add('weights', 'w', weights).add('optimizer', 'm', weights);
    await checkpoint.save(file);
    assert.throws(() => checkpoint.saveSync(file), { code: 'OUTPUT_EXISTS' });
    checkpoint.saveSync(file, { overwrite: true });
    const read = await Checkpoint.open(file);
    assert.deepEqual([read.names('weights'), read.names('scheduler')], [['w'], []]);
    assert.deepEqual(read.metadata.classes, ['a', 'b']);
    const value = read.value('optimizer', 'm');
    read.close();
    assert.deepEqual(value.data, Float64Array.of(1, 2));
    assert.throws(() => Checkpoint.openSync(path.join(folder, 'none')), { code: 'NOT_FOUND' });
});

test('the installation', async () => {
    const [{ name, description, memoryTotalBytes }] = groma.devices();
    assert.equal(name, 'cpu');
    assert.ok(description.length > 0 && memoryTotalBytes >= 0);
    assert.equal(typeof groma.doctor(), 'object');
    assert.equal(typeof groma.devicesJson(), 'object');
    await assert.rejects(groma.runtime.load('/nowhere/none.so'), { name: 'GromaError' });
});

test('messages', withRuntime, async () => {
    const messages = [];
    await groma.setLog((level, target, message) => messages.push({ level, target, message }), 'debug');
    await Network.open(fixture('good.onnx'));
    Network.openSync(fixture('good.onnx'));
    const heard = messages.length;
    assert.ok(heard > 0 && messages.every(({ level, target, message }) => level && target && message), `${heard}`);
    await Promise.all([groma.setLog(() => {}), groma.setLog(null)]);
    await Network.open(fixture('good.onnx'));
    assert.equal(messages.length, heard);
    await assert.rejects(groma.setLog(() => {}, 'loud'), { code: 'INVALID_ARGUMENT' });
});
