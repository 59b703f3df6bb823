// What stands for each function of the header in this package.

'use strict';

const groma = require('..');
const { koffi } = require('../lib/library.js');
const { elements, filters, kinds, outputs, neighborsOutputs, sections, combines, levels } = require('../lib/enums.js');
const { initOptions, initPoints } = require('./structs.js');
const tensors = require('./tensors.js');

const { Checkpoint, Cloud, Features, Filtered, Ground, Model, Neighbors, Network, Run, Value } = groma;

const says = value => ({ says: value });
const gives = (parameter, thing) => ({ gives: { [parameter]: thing } });
/** A getter of a handle. */
const get = (parameter, read) => step => says(read(step.thing(parameter), step));
/** An item of a list, or null. */
const at = (list, step) => list[step.number('index')] ?? null;

// Codes and bits of DLPack.
const dlpack = {
    '1 8': 'U8', '0 8': 'I8', '1 16': 'U16', '0 16': 'I16', '1 32': 'U32', '0 32': 'I32', '1 64': 'U64', '0 64': 'I64',
    '2 16': 'F16', '2 32': 'F32', '2 64': 'F64', '4 16': 'BF16', '6 8': 'BOOL',
};

/** A tensor that the library describes; what safetensors files have no type for is kept as its bytes. */
function described({ data, dtype: { code, bits }, shape }) {
    const bytes = Math.ceil((shape.reduce((product, size) => product * size, 1) * bits) / 8);
    const buffer = bytes === 0 ? new ArrayBuffer(0) : koffi.view(data, bytes).slice(0);
    const dtype = dlpack[`${code} ${bits}`];
    if (dtype === undefined) return { dtype: 'U8', shape: [bytes], data: new Uint8Array(buffer) };
    return { dtype, shape, data: new tensors.arrays[dtype](buffer) };
}

/** Data, shape and type that a step gives a tensor. */
function tensorOf(step) {
    const type = elements.word(step.number('element_type'));
    const place = step.get('data');
    const data = place === null ? new Uint8Array(0) : step.bytes('data');
    const shape = step.get('shape') ?? (place?.startsWith('@in:') ? step.tensor(place).shape : []);
    return [data, { shape, type }];
}

/** What the library of an ONNX Runtime gives as its OrtApiBase. */
function apiBase(path) {
    return koffi.load(path).func('OrtGetApiBase', 'void *', [])();
}

const valueData = ({ data }) => {
    return data === null ? null : tensors.of(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
};

async function runNetwork(step) {
    const network = step.thing('network');
    const names = step.get('input_names') ?? [];
    const inputs = Object.fromEntries(names.map((name, i) => [name, step.named(step.get('inputs')[i])]));
    const wanted = step.get('output_names');
    const found = await step.long(network, 'run', inputs, { ...step.thing('options'), outputs: wanted });
    // A sequence, as C gives it, of what Node gives by name.
    return gives('outputs', Value.sequence((wanted ?? network.outputs).map(name => found[name])));
}

const basics = {
    groma_abi_version: () => says((groma.abiVersion().major << 16) | groma.abiVersion().minor),
    groma_version: () => says(groma.version()),
    groma_status_name: step => says(groma.statusName(step.number('status'))),
    groma_error_code: get('error', error => error.status),
    groma_error_message: get('error', error => error.message),
    groma_error_subject: get('error', error => error.subject),
    // Strings that hold JSON are objects here.
    groma_string_data: step => says(step.thing('string')),
    groma_string_length: step => says(JSON.stringify(step.thing('string')).length),
    groma_runtime_load: step => step.long(groma.runtime, 'load', step.text('path')),
    groma_runtime_is_loaded: () => says(groma.runtime.isLoaded),
    groma_runtime_use: step => groma.runtime.use(apiBase(step.text('ort_api_base'))),
    groma_runtime_describe: () => gives('json', groma.runtime.describe()),
    groma_doctor_json: () => gives('json', groma.doctor()),
    groma_log_set: step => {
        const record = (_level, target, message) => step.run.log.push(`${target}: ${message}`);
        return groma.setLog(step.get('callback') === null ? null : record, levels.word(step.number('level')));
    },
    groma_cancel_create: () => gives('cancel', new groma.Cancel()),
    groma_cancel_trigger: step => step.thing('cancel').trigger(),
    groma_cancel_is_triggered: get('cancel', cancel => cancel.triggered),
    groma_devices_list: () => gives('devices', { list: groma.devices(), json: groma.devicesJson() }),
    groma_devices_count: get('devices', ({ list }) => list.length),
    groma_devices_name: get('devices', ({ list }, step) => at(list, step)?.name ?? null),
    groma_devices_description: get('devices', ({ list }, step) => at(list, step)?.description ?? null),
    groma_devices_memory_total_bytes: get('devices', ({ list }, step) => at(list, step)?.memoryTotalBytes ?? 0),
    groma_devices_memory_free_bytes: get('devices', ({ list }, step) => at(list, step)?.memoryFreeBytes ?? 0),
    groma_devices_fits: get('devices', ({ list }, step) => Number((at(list, step)?.memoryFreeBytes ?? -1) >= step.number('bytes'))),
    groma_devices_least_loaded: get('devices', () => groma.leastLoaded()),
    groma_devices_json: get('devices', ({ json }) => json),
};

const models = {
    groma_model_open: async step => gives('model', await step.long(Model, 'open', step.text('path'))),
    groma_model_open_with: async step => {
        return gives('model', await step.long(Model, 'open', step.text('path'), step.thing('options') ?? {}));
    },
    groma_model_open_memory: async step => {
        const manifestJson = step.text('manifest_json') ?? null;
        return gives('model', await step.long(Model, 'openMemory', step.text('name'), step.bytes('data'), { manifestJson }));
    },
    groma_model_open_memory_with: async step => {
        const options = { checkpoint: null, ...step.thing('options') };
        return gives('model', await step.long(Model, 'openMemory', step.text('name'), step.bytes('data'), options));
    },
    groma_model_open_default: async step => gives('model', await step.long(Model, 'openDefault')),
    groma_model_open_default_with: async step => {
        return gives('model', await step.long(Model, 'openDefault', step.thing('options') ?? {}));
    },
    groma_model_open_ensemble: step => {
        const members = step.get('models').map(reference => step.named(reference));
        const combine = combines.word(step.number('combine'));
        return gives('model', Model.ensemble(members, { weights: step.get('weights') ?? undefined, combine }));
    },
    groma_model_name: get('model', model => model.name),
    groma_model_class_count: get('model', model => model.classes.length),
    groma_model_class_name: get('model', (model, step) => at(model.classes, step)),
    groma_model_manifest_json: get('model', model => model.manifest),
    groma_model_describe_json: get('model', model => model.describe()),
    groma_model_batches_json: step => gives('json', step.thing('model').batches()),
    groma_model_metadata: get('model', (model, step) => model.metadata(step.text('key'))),
    groma_classify_points: async step => {
        return gives('result', await step.long(step.thing('model'), 'classify', step.thing('points'), step.thing('options')));
    },
    groma_embed_points: async step => {
        const parameters = [step.thing('points'), step.text('tensor'), step.thing('options')];
        return gives('embeddings', await step.long(step.thing('model'), 'embed', ...parameters));
    },
    groma_result_count: get('result', result => result.length),
    groma_result_class_count: get('result', result => result.classCount),
    groma_result_classes: get('result', result => tensors.of(result.classes)),
    groma_result_asprs: get('result', result => tensors.of(result.asprs)),
    groma_result_confidence: get('result', result => tensors.of(result.confidence)),
    groma_result_entropy: get('result', result => tensors.of(result.entropy)),
    groma_result_probabilities: get('result', result => {
        return tensors.of(result.probabilities, [result.length, result.classCount]);
    }),
    groma_result_tensor: get('result', (result, step) => described(result.tensor(outputs.word(step.number('output'))))),
    groma_result_value: step => gives('value', step.thing('result').value(outputs.word(step.number('output')))),
    groma_result_confident: step => ({ gives: step.thing('result').confident(step.number('min_confidence')) }),
};

const work = {
    groma_features_compute: async step => {
        const parameters = [step.thing('points'), step.text('schema'), step.thing('options')];
        return gives('features', await step.long(Features, 'compute', ...parameters));
    },
    groma_features_rows: get('features', features => features.rows),
    groma_features_columns: get('features', features => features.columns.length),
    groma_features_column_name: get('features', (features, step) => at(features.columns, step)),
    groma_features_values: get('features', ({ values, rows, columns }) => tensors.of(values, [rows, columns.length])),
    groma_features_tensor: get('features', features => described(features.tensor())),
    groma_features_value: step => gives('value', step.thing('features').value()),
    groma_features_schema_hash: get('features', features => features.schemaHash),
    groma_features_schema_json: get('features', features => features.schema),
    groma_schema_describe: step => gives('json', groma.describeSchema(step.text('schema'))),
    groma_ground_points: async step => {
        return gives('ground', await step.long(Ground, 'find', step.thing('points'), step.thing('options')));
    },
    groma_ground_count: get('ground', ground => ground.length),
    groma_ground_found: get('ground', ground => ground.found),
    groma_ground_outside_hull: get('ground', ground => ground.outsideHull),
    groma_ground_classes: get('ground', ground => tensors.of(ground.classes)),
    groma_ground_heights: get('ground', ground => tensors.of(ground.heights)),
    groma_filter_points: async step => {
        const parameters = [step.thing('points'), filters.word(step.number('filter')), step.thing('options')];
        return gives('filtered', await step.long(Filtered, 'choose', ...parameters));
    },
    groma_filtered_count: get('filtered', filtered => filtered.length),
    groma_filtered_rows: get('filtered', filtered => tensors.of(filtered.rows)),
    groma_filtered_mask: get('filtered', filtered => tensors.of(filtered.mask)),
    groma_filtered_positions: get('filtered', filtered => tensors.of(filtered.positions, [filtered.length, 3])),
    groma_filtered_threshold_m: get('filtered', filtered => filtered.thresholdM),
    groma_neighbors_nearest: async step => {
        const parameters = [step.thing('points'), step.number('k'), step.thing('options')];
        return gives('neighbors', await step.long(Neighbors, 'nearest', ...parameters));
    },
    groma_neighbors_within: async step => {
        const parameters = [step.thing('points'), step.number('radius_m'), step.thing('options')];
        return gives('neighbors', await step.long(Neighbors, 'within', ...parameters));
    },
    groma_neighbors_count: get('neighbors', neighbors => neighbors.length),
    groma_neighbors_total: get('neighbors', neighbors => neighbors.total),
    groma_neighbors_offsets: get('neighbors', neighbors => tensors.of(neighbors.offsets)),
    groma_neighbors_indices: get('neighbors', neighbors => tensors.of(neighbors.indices)),
    groma_neighbors_distances: get('neighbors', neighbors => tensors.of(neighbors.distances)),
    groma_neighbors_value: step => {
        return gives('value', step.thing('neighbors').value(neighborsOutputs.word(step.number('output'))));
    },
};

const paths = step => [step.text('input'), step.text('output')];

const files = {
    groma_classify_file: async step => {
        return gives('summary', await step.long(step.thing('model'), 'classifyFile', ...paths(step), step.thing('options')));
    },
    groma_features_file: async step => {
        const parameters = [step.text('schema'), ...paths(step), step.thing('options')];
        return gives('summary', await step.long(groma, 'featuresFile', ...parameters));
    },
    groma_ground_file: async step => {
        return gives('summary', await step.long(groma, 'groundFile', ...paths(step), step.thing('options')));
    },
    groma_filter_file: async step => {
        const parameters = [...paths(step), filters.word(step.number('filter')), step.thing('options')];
        return gives('summary', await step.long(groma, 'filterFile', ...parameters));
    },
    groma_run_open: async step => {
        const options = { ...step.thing('options'), classify: step.thing('classify') ?? undefined };
        const parameters = [step.thing('model'), step.text('inputs'), step.text('output'), options];
        return gives('run', await step.long(Run, 'open', ...parameters));
    },
    groma_run_tile_count: get('run', run => run.length),
    groma_run_describe: step => gives('json', step.thing('run').describe()),
    groma_run_index: step => step.long(step.thing('run'), 'index', step.number('tile'), step.thing('options')),
    groma_run_tile: async step => {
        return gives('summary', await step.long(step.thing('run'), 'make', step.number('tile'), step.thing('options')));
    },
    groma_run_finish: step => step.long(step.thing('run'), 'finish'),
    groma_run_execute: async step => {
        return gives('summary', await step.long(step.thing('run'), 'execute', step.thing('options')));
    },
    groma_summary_points: get('summary', summary => summary.points),
    groma_summary_class_points: get('summary', (summary, step) => summary.classPoints(step.number('asprs'))),
    groma_summary_mean_confidence: get('summary', summary => summary.meanConfidence),
    groma_summary_total_s: get('summary', summary => summary.totalS),
    groma_summary_json: get('summary', summary => summary.toJSON()),
    groma_filter_summary_points: get('summary', summary => summary.points),
    groma_filter_summary_written: get('summary', summary => summary.written),
    groma_filter_summary_marked: get('summary', summary => summary.marked),
    groma_filter_summary_json: get('summary', summary => summary.toJSON()),
    groma_las_describe: async step => gives('json', await step.long(groma, 'describeLas', step.text('path'))),
    groma_las_read: async step => {
        const names = step.text('columns');
        const columns = names === undefined ? null : names.split(',').filter(name => name !== '');
        return gives('cloud', await step.long(Cloud, 'read', step.text('path'), { ...step.thing('options'), columns }));
    },
    groma_las_write: step => step.long(groma, 'writeLas', step.thing('points'), step.text('path'), step.thing('options')),
    groma_cloud_count: get('cloud', cloud => cloud.length),
    groma_cloud_column_count: get('cloud', cloud => cloud.columns.length),
    groma_cloud_column_name: get('cloud', (cloud, step) => at(cloud.columns, step)),
    groma_cloud_linear_unit_m: get('cloud', cloud => cloud.linearUnitM),
    groma_cloud_crs_wkt: get('cloud', cloud => cloud.crsWkt),
    groma_cloud_points: step => gives('points', step.thing('cloud').points()),
    groma_cloud_value: step => gives('value', step.thing('cloud').value(step.text('column'))),
};

const values = {
    groma_value_copy_tensor: step => gives('value', Value.tensor(...tensorOf(step))),
    groma_value_borrow_tensor: step => {
        const [data, options] = tensorOf(step);
        const value = Value.borrow(data, options);
        if (data.length > 0 && value.describe().data !== koffi.address(data)) throw new Error('the data were copied');
        return gives('value', value);
    },
    groma_value_create_strings: step => {
        return gives('value', Value.strings(step.get('strings'), { shape: step.get('shape') ?? undefined }));
    },
    groma_value_create_sequence: step => {
        return gives('value', Value.sequence((step.get('items') ?? []).map(reference => step.named(reference))));
    },
    groma_value_create_none: () => gives('value', Value.none()),
    groma_value_to_dlpack: step => gives('managed_tensor', step.thing('value').toDLPack()),
    groma_value_from_dlpack: step => gives('value', Value.fromDLPack(step.thing('managed_tensor'))),
    groma_value_kind: get('value', value => kinds.number(value.kind)),
    groma_value_element_type: get('value', value => (value.type === null ? 0 : elements.number(value.type))),
    groma_value_ndim: get('value', value => value.shape.length),
    groma_value_shape: get('value', value => value.shape),
    groma_value_data: get('value', valueData),
    groma_value_size_bytes: get('value', value => value.data?.byteLength ?? 0),
    groma_value_count: get('value', value => value.length),
    groma_value_string: get('value', (value, step) => {
        const index = step.number('index');
        return value.type === 'string' && index < value.length ? value.bytesOf(index).toString('utf8') : null;
    }),
    groma_value_item: step => gives('item', step.thing('value').item(step.number('index'))),
    groma_value_tensor: get('value', value => described(value.describe())),
};

const section = step => sections.word(step.number('section'));

const networks = {
    groma_network_open: async step => {
        return gives('network', await step.long(Network, 'open', step.text('path'), step.thing('options')));
    },
    groma_network_open_memory: async step => {
        const parameters = [step.text('name'), step.bytes('data'), step.thing('options')];
        return gives('network', await step.long(Network, 'openMemory', ...parameters));
    },
    groma_network_name: get('network', network => network.name),
    groma_network_input_count: get('network', network => network.inputs.length),
    groma_network_input_name: get('network', (network, step) => at(network.inputs, step)),
    groma_network_output_count: get('network', network => network.outputs.length),
    groma_network_output_name: get('network', (network, step) => at(network.outputs, step)),
    groma_network_metadata: get('network', (network, step) => network.metadata(step.text('key'))),
    groma_network_describe_json: get('network', network => network.describe()),
    groma_network_run: runNetwork,
    groma_checkpoint_create: step => gives('checkpoint', new Checkpoint(step.text('metadata_json') ?? null)),
    groma_checkpoint_open: async step => gives('checkpoint', await step.long(Checkpoint, 'open', step.text('path'))),
    groma_checkpoint_add: step => {
        step.thing('checkpoint').add(section(step), step.text('name'), step.thing('value'));
    },
    groma_checkpoint_save: step => {
        const overwrite = step.number('overwrite') !== 0;
        return step.long(step.thing('checkpoint'), 'save', step.text('path'), { overwrite });
    },
    groma_checkpoint_count: get('checkpoint', (checkpoint, step) => checkpoint.names(section(step)).length),
    groma_checkpoint_name: get('checkpoint', (checkpoint, step) => at(checkpoint.names(section(step)), step)),
    groma_checkpoint_value: step => gives('value', step.thing('checkpoint').value(section(step), step.text('name'))),
    groma_checkpoint_metadata_json: get('checkpoint', checkpoint => checkpoint.metadata),
};

/** Closes what C destroys; errors and strings are JavaScript's own. */
function destroying(kind) {
    const parameter = kind === 'filter_summary' ? 'summary' : kind;
    return step => {
        step.thing(parameter)?.close?.();
        step.run.things.delete(step.get(parameter).replace(/^\$/, ''));
    };
}

const calls = { groma_points_init: initPoints, ...basics, ...models, ...work, ...files, ...values, ...networks };
for (const kind of ['classify', 'features', 'features_file', 'ground', 'filter', 'neighbors', 'las', 'model', 'network', 'network_run', 'run']) {
    calls[`groma_${kind}_options_init`] = step => initOptions(`${kind}_options`, step);
}
for (const kind of [
    'error', 'string', 'cancel', 'devices', 'value', 'network', 'model', 'result', 'summary', 'features', 'ground', 'filtered',
    'filter_summary', 'neighbors', 'cloud', 'checkpoint', 'run',
]) {
    calls[`groma_${kind}_destroy`] = destroying(kind);
}

module.exports = { calls };
