// Models, ensembles, embeddings, results.

'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { fixture, groma, survey, withRuntime } = require('./support.js');

const { Model } = groma;

test('models', withRuntime, async () => {
    const model = await Model.openDefault();
    assert.deepEqual([model.name, model.classes.length], ['groma default', 4]);
    assert.equal(model.manifest.manifest_version, 1);
    assert.equal(typeof model.describe(), 'object');
    assert.equal(JSON.parse(model.metadata('groma.manifest')).manifest_version, 1);
    const data = fs.readFileSync(fixture('no_manifest.onnx'));
    const manifestJson = JSON.stringify({ ...Model.openSync(fixture('good.onnx')).manifest, name: 'mine' });
    for (const more of [{}, { device: 'cpu' }]) {
        const opened = await Model.openMemory('memory', data, { manifestJson, ...more });
        assert.deepEqual([opened.name, opened.manifest.name], ['memory', 'mine']);
    }
    await assert.rejects(Model.open(fixture('good.onnx'), { device: 'cuda' }), { code: 'DEVICE_UNAVAILABLE', subject: 'cuda' });
});

test('results', withRuntime, async () => {
    const model = await Model.openDefault();
    const result = await model.classify(survey(2000), { probabilities: true });
    const { classes, confidence, probabilities, classCount: width } = result;
    assert.deepEqual([result.length, probabilities.length, width], [2000, 2000 * width, model.classes.length]);
    assert.ok(classes.every((one, i) => probabilities[i * width + one] === confidence[i]));
    assert.deepEqual(result.tensor('probabilities').shape, [2000, width]);
    const { mask, rows } = result.confident(0.9);
    assert.ok(confidence.every((one, i) => (one >= Math.fround(0.9)) === (mask.data[i] === 1)));
    assert.equal(rows.length, mask.data.reduce((sum, one) => sum + one, 0));
    const value = result.value('asprs');
    result.close();
    assert.equal(value.data.length, 2000);
});

test('a missing column is named', withRuntime, async () => {
    const model = await Model.openDefault();
    const points = survey(10);
    delete points.columns.return_number;
    await assert.rejects(model.classify(points), { code: 'MISSING_COLUMN', subject: 'return_number' });
});

test('ensembles and embeddings', withRuntime, async () => {
    const model = await Model.openDefault();
    const points = survey(500);
    const ensemble = Model.ensemble([model, model], { weights: [1, 3], combine: 'mean' });
    assert.deepEqual((await ensemble.classify(points)).classes, (await model.classify(points)).classes);
    assert.throws(() => Model.ensemble([model], { weights: [1, 2] }), { code: 'INVALID_ARGUMENT' });
    const embeddings = await model.embed(points, 'logits');
    assert.deepEqual(embeddings.shape, [500, 4]);
    await assert.rejects(model.embed(points, 'no such tensor'), { name: 'GromaError' });
});

test('files', withRuntime, async t => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'groma-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const [input, output] = ['in.las', 'out.laz'].map(name => path.join(folder, name));
    const model = await Model.openDefault();
    await groma.writeLas(survey(3000), input);
    const summary = await model.classifyFile(input, output);
    assert.equal(summary.points, 3000);
    assert.ok(summary.meanConfidence > 0 && summary.totalS > 0);
    const counted = Array.from({ length: 256 }, (_, asprs) => summary.classPoints(asprs)).reduce((sum, one) => sum + one);
    assert.equal(counted, 3000);
    assert.equal(JSON.parse(JSON.stringify(summary)).points, 3000);
    assert.throws(() => model.classifyFileSync(input, output), { code: 'OUTPUT_EXISTS', subject: output });
    const matrix = await groma.featuresFile('planarity@k10', input, path.join(folder, 'features.npy'));
    assert.equal(matrix.points, 3000);
});
