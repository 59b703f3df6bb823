// Types of points and options: what the functions of index.d.ts take.

import type { Cancel } from './index.js';

// ---- points ---------------------------------------------------------------------------------------------------------

export type NumberArray =
    | Uint8Array | Uint8ClampedArray | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array
    | BigUint64Array | BigInt64Array | Float32Array | Float64Array;

/** A typed array, or every `step`-th element of one from `start` on. */
export type Column<A extends NumberArray = NumberArray> = A | { array: A; start?: number; step?: number };
export type Coordinates = Column<Float64Array> | Column<Int32Array>;

/** What all points have beside coordinates. */
export interface Attributes {
    /** Of integers: size of one step along x, y, z, in the unit of the coordinates; 0.001 if absent. */
    scale?: number | readonly [number, number, number] | readonly number[];
    /** Of integers: position of integer 0. */
    offset?: number | readonly [number, number, number] | readonly number[];
    /** Of floating-point coordinates: what they are rounded to, 0.001 if absent; with that of the data nothing moves. */
    resolution?: number;
    /** By name: `return_number`, `number_of_returns`, `intensity`, `scan_angle` (degrees), ..., or names of your own. */
    columns?: Record<string, Column>;
}

/** Points: x, y and z in arrays of their own, or in one after the other. Metres, unless the options say otherwise. */
export type Points =
    | (Attributes & { x: Coordinates; y: Coordinates; z: Coordinates; xyz?: undefined })
    | (Attributes & { xyz: Float64Array | Int32Array });

// ---- options --------------------------------------------------------------------------------------------------------

export type Stage = 'start' | 'read' | 'ground' | 'features' | 'inference' | 'write' | 'filter' | number;

/** What stops a long call, and what it reports to. */
export interface Listeners {
    /** Stops the call within a fraction of a second. */
    signal?: AbortSignal | null;
    cancel?: Cancel | null;
    /**
     * Called about every 50 ms on the main thread, and once at the end: `done` of `total` points, 0 while it is not known.
     * `false` stops the call; so does what it throws, which the call throws then. Off the main thread it may be async: the
     * call waits for its promises.
     */
    progress?: ((stage: Stage, done: number, total: number) => unknown) | null;
}

export interface SearchOptions extends Listeners {
    /** Worker threads; 0 for one a core. The result does not depend on it. */
    threads?: number;
    /** The neighbour search. The result does not depend on it. */
    search?: 'auto' | 'grid' | 'kdTree';
}

/** What features and classification have in common. */
export interface BlockOptions extends SearchOptions {
    /** Edge length in metres of the blocks that points are worked on in; 0 to choose. The result does not depend on it. */
    blockSizeM?: number;
    /** Length of one unit of the coordinates in metres (0.3048 for feet); 0 for that of the file, else metres. */
    linearUnitM?: number;
    /** Path of a terrain model, for features that say `ground: dtm`. */
    dtm?: string | null;
}

/** What functions that write files have in common. */
export interface FileOptions {
    /** Point format of the output; -1 for that of the input. */
    pointFormat?: number;
    /** Replace an output that exists. */
    overwrite?: boolean;
}

export interface ClassifyOptions extends BlockOptions, FileOptions {
    /** Give all probabilities too: in results, and as one extra dimension a class in files. */
    probabilities?: boolean;
    /** Write the extra dimension `confidence` to files. Default true. */
    writeConfidence?: boolean;
    /** Write the extra dimension `entropy` to files. Default true. */
    writeEntropy?: boolean;
    /** ASPRS classes that keep their label. */
    keepClasses?: ArrayLike<number> & Iterable<number>;
}

export interface FeaturesOptions extends BlockOptions {
    /** The devices that compute: `cpu` (the default), `auto`, `cuda`, `cuda:0,2` or `all`. */
    device?: string | null;
}

export interface FeaturesFileOptions extends FeaturesOptions, FileOptions {}

export interface GroundOptions extends Listeners, FileOptions {
    threads?: number;
    /** Heights above ground; in files the extra dimension `height_above_ground`. */
    height?: 'none' | 'nearest' | 'idw' | 'tin';
    /** Points that are not ground keep their class. */
    keepOthers?: boolean;
    /** Edge of the filter's cells in metres; 0 to choose. */
    cellM?: number;
    /** Half the width of the largest opening window in metres. */
    windowM?: number;
    /** Rise over run that still counts as ground. */
    slope?: number;
    /** A larger drop between two openings is an object on any slope, in metres. */
    maxToleranceM?: number;
    /** How far above or below the ground a ground point may lie, in metres. */
    toleranceM?: number;
    /** What is added to that for a slope of 1, in metres. */
    toleranceSlope?: number;
    linearUnitM?: number;
    /** Classes that are left alone and not seen; 7 and 18 if absent. */
    ignoreClasses?: ArrayLike<number> & Iterable<number>;
    /** Path of a GeoTIFF of the ground to write beside a file. */
    dtm?: string | null;
    /** Edge of its cells in metres. */
    dtmCellM?: number;
}

export type FilterKind = 'statistical' | 'radius' | 'voxel' | 'farthest' | 'random';

export interface FilterOptions extends SearchOptions {
    /** The point that stands for a voxel. */
    voxelKeep?: 'centroid' | 'center' | 'first';
    /** Of outliers in files: keep all points and give outliers class 7. */
    mark?: boolean;
    overwrite?: boolean;
    /** Of outliers: nearest others that a point is compared with, or others that it needs; 0 for the default. */
    neighbors?: number;
    /** Of statistical outliers: standard deviations above the mean that are still usual. */
    multiplier?: number;
    /** Of radius outliers: distance within which others count. */
    radiusM?: number;
    voxelSizeM?: number;
    /** Of farthest and random points: how many. */
    count?: number;
    /** Of farthest and random points: which share. */
    fraction?: number;
    /** Of farthest points: row of the first; -1 for the point farthest from the centroid. */
    startRow?: number;
    /** Of random points: equal seeds draw equal rows. */
    seed?: number | bigint;
    linearUnitM?: number;
    /** The device that works: `cpu` (the default), `auto`, `cuda` or `cuda:0`. */
    device?: string | null;
}

export interface NeighborsOptions extends SearchOptions {
    /** Of nearest neighbours: farther ones do not count; 0 for no bound. */
    maxDistanceM?: number;
    linearUnitM?: number;
    /** The device that works: `cpu` (the default), `auto`, `cuda` or `cuda:0`. */
    device?: string | null;
}

export interface LasOptions extends Listeners {
    threads?: number;
    /** Of writing: 0 to 3 or 6 to 8; -1 for 8 with a column `nir`, 7 with colours, else 6. */
    pointFormat?: number;
    overwrite?: boolean;
    /** Must be 0. */
    linearUnitM?: number;
    /** Of writing: the reference system as an OGC WKT. */
    crsWkt?: string | null;
}

export interface ModelOptions {
    /** Replaces the manifest inside. */
    manifestJson?: string | null;
    /** Path of a safetensors file whose weights replace those of the model. */
    checkpoint?: string | null;
    /** Where it runs; see `devices`. */
    device?: string | null;
}

export interface NetworkOptions {
    /** Threads of one run; 0 for one a core. */
    threads?: number;
    /** How much ONNX Runtime may rewrite it. */
    optimization?: 'all' | 'none' | 'basic' | 'extended';
    device?: string | null;
    checkpoint?: string | null;
    /** Tensors inside the network that become outputs too. */
    extraOutputs?: readonly string[];
}
