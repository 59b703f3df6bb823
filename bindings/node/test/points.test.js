// Points in, arrays out: features, ground, filters, neighbours, files.

'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { groma, survey } = require('./support.js');

const { Cloud, Features, Filtered, Ground, Neighbors } = groma;
const schema = 'planarity@k10, vertical_range@r1.0';

function folder(t) {
    const made = fs.mkdtempSync(path.join(os.tmpdir(), 'groma-'));
    t.after(() => fs.rmSync(made, { recursive: true }));
    return made;
}

test('points may lie anywhere', async () => {
    const points = survey(1000);
    const { x, y, z, resolution } = points;
    const expected = Features.computeSync(points, schema).values;
    const xyz = new Float64Array(3000);
    const records = new Float64Array(7 * 1000 + 2);
    for (let i = 0; i < 1000; i += 1) {
        for (const [axis, array] of [x, y, z].entries()) {
            xyz[3 * i + axis] = array[i];
            records[2 + 7 * i + axis] = array[i];
        }
    }
    const inside = { array: records.subarray(2), step: 7 };
    const steps = [x, y, z].map(array => Int32Array.from(array, one => Math.round(one * 100)));
    const forms = {
        interleaved: { xyz, resolution },
        strided: { x: inside, y: { ...inside, start: 1 }, z: { ...inside, start: 2 }, resolution },
        integers: { x: steps[0], y: steps[1], z: steps[2], scale: 0.01 },
    };
    for (const [form, form_points] of Object.entries(forms)) {
        assert.deepEqual(Features.computeSync(form_points, schema).values, expected, form);
        assert.deepEqual((await Features.compute(form_points, schema)).values, expected, `${form}, later`);
    }
});

test('points that cannot be are refused', () => {
    const { x, y, z } = survey(10);
    const impossible = [
        null,
        {},
        { x, y, z: z.subarray(1) },
        { x, y, z: new Int32Array(10) },
        { x, y, z: [...z] },
        { x, y, z, columns: { intensity: new Uint16Array(9) } },
        { x, y, z, columns: { intensity: [1] } },
        { x, y, z: { array: z, step: 0 } },
        { x: new Uint8Array(1), y: new Uint8Array(1), z: new Uint8Array(1) },
    ];
    for (const points of impossible) {
        assert.throws(() => Features.computeSync(points, schema), { code: 'INVALID_ARGUMENT' });
    }
});

test('features', () => {
    const features = Features.computeSync(survey(500), schema, { threads: 1, search: 'kdTree' });
    assert.equal(features.rows, 500);
    assert.deepEqual(features.columns, ['planarity@k10', 'vertical_range@r1.0']);
    assert.deepEqual(features.row(499), features.values.slice(998));
    assert.deepEqual(features.tensor().shape, [500, 2]);
    const value = features.value();
    assert.deepEqual([value.type, value.shape], ['f32', [500, 2]]);
    assert.deepEqual(value.data, features.values);
    assert.match(features.schemaHash, /^[0-9a-f]{64}$/);
    assert.equal(Features.computeSync(survey(500), features.schema).schemaHash, features.schemaHash);
    assert.equal(groma.describeSchema(schema).hash, features.schemaHash);
});

test('ground and filters', () => {
    const points = survey(5000);
    const ground = Ground.findSync(points, { height: 'tin' });
    assert.equal(ground.found, ground.classes.filter(one => one === 2).length);
    assert.equal(ground.heights.length, 5000);
    assert.equal(Ground.findSync(points).heights, null);
    const filtered = Filtered.chooseSync(points, 'random', { count: 100, seed: 7 });
    assert.equal(filtered.length, 100);
    assert.equal(filtered.mask.reduce((sum, one) => sum + one, 0), 100);
    assert.ok(filtered.rows.every(row => filtered.mask[row] === 1));
    assert.equal(filtered.positions, null);
    const voxels = Filtered.chooseSync(points, 'voxel', { voxelSizeM: 5 });
    assert.equal(voxels.positions.length, 3 * voxels.length);
});

test('neighbours', async () => {
    const points = { x: new Float64Array([0, 1, 5]), y: new Float64Array(3), z: new Float64Array(3) };
    const nearest = await Neighbors.nearest(points, 2);
    assert.deepEqual(nearest.of(2), { rows: new Uint32Array([2, 1]), distances: new Float32Array([0, 4]) });
    assert.deepEqual(Neighbors.withinSync(points, 1.5).offsets, new BigUint64Array([0n, 2n, 4n, 5n]));
    assert.deepEqual(nearest.value('indices').data, nearest.indices);
});

test('files', async t => {
    const file = path.join(folder(t), 'survey.laz');
    const points = survey(1000);
    const own = Uint16Array.from({ length: 1000 }, (_, i) => i);
    await groma.writeLas({ ...points, columns: { ...points.columns, own } }, file);
    await assert.rejects(groma.writeLas(points, file), { code: 'OUTPUT_EXISTS' });
    groma.writeLasSync({ ...points, columns: { ...points.columns, own } }, file, { overwrite: true });

    const cloud = await Cloud.read(file, { columns: ['own', 'return_number'] });
    assert.equal(cloud.length, 1000);
    assert.deepEqual([...cloud.columns].sort(), ['own', 'return_number']);
    const view = cloud.points();
    assert.deepEqual(view.columns.own, own);
    assert.deepEqual(cloud.value('own').data, own);
    const expected = Features.computeSync(points, schema).values;
    cloud.close();
    // The arrays keep what they need.
    assert.deepEqual((await Features.compute(view, schema)).values, expected);
    assert.equal(Cloud.readSync(file, { columns: [] }).columns.length, 0);
    const description = await groma.describeLas(file);
    assert.deepEqual(groma.describeLasSync(file), description);

    const summary = await groma.filterFile(file, file.replace('survey', 'half'), 'random', { fraction: 0.5 });
    assert.deepEqual([summary.points, summary.written], [1000, 500]);
    const ground = await groma.groundFile(file, file.replace('survey', 'ground'));
    assert.equal(ground.points, 1000);
    assert.equal(typeof ground.toJSON(), 'object');
});
