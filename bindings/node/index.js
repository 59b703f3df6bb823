// Groma turns survey data into predictions: its classes and functions for Node. See index.d.ts and README.md.

'use strict';

const { constants } = require('./lib/library.js');
const { Cancel } = require('./lib/cancel.js');
const { Checkpoint } = require('./lib/checkpoint.js');
const { Cloud, describeLas, describeLasSync, writeLas, writeLasSync } = require('./lib/cloud.js');
const { GromaError } = require('./lib/error.js');
const { Features, describeSchema, featuresFile, featuresFileSync } = require('./lib/features.js');
const { FilterSummary, Filtered, filterFile, filterFileSync } = require('./lib/filter.js');
const { Ground, groundFile, groundFileSync } = require('./lib/ground.js');
const { Model } = require('./lib/model.js');
const { Neighbors } = require('./lib/neighbors.js');
const { Network } = require('./lib/network.js');
const { Result } = require('./lib/result.js');
const { Run } = require('./lib/run.js');
const { Summary } = require('./lib/summary.js');
const { Value } = require('./lib/value.js');
const { defaults } = require('./lib/options.js');
const { pointsDefaults } = require('./lib/points.js');
const { abiVersion, devices, devicesJson, doctor, leastLoaded, runtime, setLog, statusName, version } = require('./lib/runtime.js');

module.exports = {
    Cancel,
    Checkpoint,
    Cloud,
    Features,
    FilterSummary,
    Filtered,
    GromaError,
    Ground,
    Model,
    Neighbors,
    Network,
    Result,
    Run,
    Summary,
    Value,
    abiVersion,
    constants,
    defaults,
    describeLas,
    describeLasSync,
    describeSchema,
    devices,
    devicesJson,
    leastLoaded,
    doctor,
    featuresFile,
    featuresFileSync,
    filterFile,
    filterFileSync,
    groundFile,
    groundFileSync,
    pointsDefaults,
    runtime,
    setLog,
    statusName,
    version,
    writeLas,
    writeLasSync,
};
