// Lifetimes, errors, versions.

'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const test = require('node:test');
const { groma, survey, withRuntime } = require('./support.js');

const { Features, GromaError, Model, Value, constants } = groma;

test('versions agree', () => {
    const { major, minor } = groma.abiVersion();
    assert.equal(major, constants.GROMA_ABI_MAJOR);
    assert.ok(minor >= constants.GROMA_ABI_MINOR);
    assert.match(groma.version(), /^\d+\.\d+\.\d+/);
    assert.equal(groma.statusName(201), 'NOT_FOUND');
    assert.equal(groma.statusName(12345), 'UNKNOWN');
});

test('errors say what happened', withRuntime, async () => {
    const wanted = { name: 'GromaError', status: 201, code: 'NOT_FOUND', subject: '/nowhere/none.onnx', message: /none\.onnx/ };
    assert.throws(() => Model.openSync('/nowhere/none.onnx'), wanted);
    await assert.rejects(Model.open('/nowhere/none.onnx'), wanted);
    assert.throws(() => Model.openSync('/nowhere/none.onnx'), error => error instanceof GromaError && error instanceof Error);
});

test('arguments that cannot be are refused before the call', async () => {
    for (const path of [undefined, 7, 'a\0b']) await assert.rejects(Model.open(path), { code: 'INVALID_ARGUMENT' });
    const points = survey(10);
    for (const options of [{ no: 1 }, { block_size_m: 1 }, { structSize: 4 }, { threads: -1 }, { search: 'fast' }, { progress: 3 }]) {
        assert.throws(() => Features.computeSync(points, 'planarity@k10', options), { code: 'INVALID_ARGUMENT' });
    }
    assert.throws(() => Features.computeSync(points, 7), { code: 'INVALID_ARGUMENT' });
});

test('numbers that do not fit are refused', () => {
    const points = survey(100);
    const refused = { code: 'INVALID_ARGUMENT' };
    const wrong = [
        { threads: 2 ** 32 + 1 }, { threads: 1.5 }, { threads: 2n ** 32n }, { threads: NaN }, { threads: null }, { search: 2 ** 32 },
        { search: 0.5 },
    ];
    for (const options of wrong) assert.throws(() => Features.computeSync(points, 'planarity@k10', options), refused);
    for (const k of [2.7, -1, NaN, 2 ** 53, 2n ** 64n, '3', undefined]) {
        assert.throws(() => groma.Neighbors.nearestSync(points, k), refused, String(k));
    }
    assert.throws(() => groma.Neighbors.withinSync(points, '1'), refused);
    for (const more of [{ seed: 2n ** 64n }, { seed: 0.5 }, { seed: 2 ** 60 }, { count: -1 }]) {
        assert.throws(() => groma.Filtered.chooseSync(points, 'random', { count: 5, ...more }), refused);
    }
    for (const startRow of [-2, 0.5, 2n ** 63n]) {
        assert.throws(() => groma.Filtered.chooseSync(points, 'farthest', { count: 5, startRow }), refused);
    }
    assert.equal(groma.Filtered.chooseSync(points, 'random', { count: 5n, seed: 2n ** 64n - 1n }).length, 5);
    for (const shape of [[2n ** 64n + 3n], [1e300], [-1]]) assert.throws(() => Value.tensor(new Float32Array(3), { shape }), refused);
    assert.throws(() => Value.sequence([Value.none()]).item(2 ** 64), refused);
});

test('a library may be named by a relative path', () => {
    const { GROMA_LIBRARY: library } = process.env;
    if (!library) return assert.ok(groma.version());
    const file = path.resolve(library);
    // The name alone, which loaders look for elsewhere.
    const env = { ...process.env, GROMA_LIBRARY: path.basename(file) };
    const text = `console.log(require(${JSON.stringify(path.join(__dirname, '..'))}).version())`;
    const { status, stderr } = spawnSync(process.execPath, ['-e', text], { cwd: path.dirname(file), env, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
});

test('a closed handle is an error', async () => {
    const features = Features.computeSync(survey(50), 'planarity@k10');
    features.close();
    features.close();
    assert.ok(features.closed);
    assert.throws(() => features.rows, { name: 'GromaError', code: 'CLOSED', message: /Features is closed/ });
    assert.throws(() => features.values, { code: 'CLOSED' });
    const value = Value.tensor(new Float32Array(3));
    value.close();
    assert.throws(() => Value.sequence([value]), { code: 'CLOSED' });
});

test('arrays outlive what they came from', async () => {
    const points = survey(1000);
    let features = await Features.compute(points, 'planarity@k10');
    const { values } = features;
    assert.equal(features.values, values);
    const expected = Float32Array.from(values);
    features.close();
    features = null;
    for (let i = 0; i < 5; i += 1) {
        globalThis.gc?.();
        await new Promise(resolve => setTimeout(resolve, 2));
        Features.computeSync(points, 'linearity@k10').close();
    }
    assert.deepEqual(values, expected);
});

test('memory is given back', { skip: !globalThis.gc && 'needs --expose-gc' }, async () => {
    const points = survey(20000);
    const rss = [];
    for (let round = 0; round < 6; round += 1) {
        for (let i = 0; i < 8; i += 1) {
            // 4 MB each: closed, or forgotten with an array that is forgotten too.
            const value = Value.tensor(new Float64Array(500000));
            assert.equal(value.data.length, 500000);
            if (i % 2 === 0) value.close();
        }
        Features.computeSync(points, 'planarity@k10');
        for (let turn = 0; turn < 4; turn += 1) {
            globalThis.gc();
            await new Promise(resolve => setTimeout(resolve, 5));
        }
        rss.push(process.memoryUsage().rss / 1e6);
    }
    assert.ok(rss[5] - rss[1] < 48, `the process grows: ${rss.map(Math.round)} MB`);
});

test('closing while a call runs is safe', withRuntime, async () => {
    const model = Model.openDefaultSync();
    const running = model.classify(survey(20000));
    model.close();
    const result = await running;
    assert.equal(result.length, 20000);
    assert.throws(() => model.name, { code: 'CLOSED' });
});

test('dispose closes', () => {
    const value = Value.tensor(new Uint8Array(1));
    value[Symbol.dispose ?? Symbol.for('nodejs.dispose')]();
    assert.ok(value.closed);
});

test('the ESM entry has the same names', async () => {
    const names = Object.keys(await import('../index.mjs')).filter(name => name !== 'default');
    assert.deepEqual(names.sort(), Object.keys(groma).sort());
});
