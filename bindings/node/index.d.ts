// Types of the package. Survey data in, predictions out.
//
// Long calls give promises and run off the main thread; those with `Sync` at the end return when they are done. Typed arrays
// go in without a copy: until a promise has settled, leave them as they are. Arrays that come out lie in memory of the
// library: read only, and valid as long as they live, whatever is closed meanwhile. What fails throws a GromaError.

/// <reference lib="esnext.disposable" />

import type { constants as numbers } from './low.js';
import type {
    BlockOptions,
    FeaturesOptions,
    ClassifyOptions,
    Column,
    FeaturesFileOptions,
    FilterKind,
    FilterOptions,
    GroundOptions,
    LasOptions,
    Listeners,
    ModelOptions,
    NeighborsOptions,
    NetworkOptions,
    NumberArray,
    Points,
} from './options.js';

export * from './options.js';
export {}; // the classes below are what is exported, and nothing else

/** The constants of the C header. */
export const constants: typeof numbers;

// ---- errors and handles ---------------------------------------------------------------------------------------------

/** What a failed call throws, or rejects with. `cause` of a call that a signal stopped is the signal's reason. */
export class GromaError extends Error {
    /** The number of the status, a `GROMA_STATUS_...`. */
    readonly status: number;
    /** Its name, such as `NOT_FOUND`; `CLOSED` for the use of a closed handle. */
    readonly code: string;
    /** The file, column, tensor, model or device concerned. */
    readonly subject: string | null;
}

/** What owns memory of the library. It is freed when the handle is closed, or forgotten, and no call and no array uses it. */
declare abstract class Handle {
    /** Whether it was closed. */
    readonly closed: boolean;
    /** Frees the memory as soon as nothing uses it; a second close does nothing. Other methods of a closed handle throw. */
    close(): void;
    /** `using` closes. */
    [Symbol.dispose](): void;
}

/** A flag that stops the calls that have it in their options; most programs use an AbortSignal instead. */
export class Cancel extends Handle {
    constructor();
    /** Stops the calls; it stays triggered. */
    trigger(): void;
    /** Whether `trigger` was called. */
    readonly triggered: boolean;
}

/** The defaults of an options struct, such as `classify_options`, as an object with names in camelCase. */
export function defaults(struct: string): Record<string, unknown>;
/** The defaults of points. */
export function pointsDefaults(): { coordinateType: 'f64' | 'i32'; scale: number[]; offset: number[]; resolution: number };

// ---- values and networks --------------------------------------------------------------------------------------------

export type ElementType =
    | 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64' | 'f32' | 'f64' | 'bool' | 'string' | 'f16' | 'bf16'
    | 'c64' | 'c128' | 'f8e4m3fn' | 'f8e4m3fnuz' | 'f8e5m2' | 'f8e5m2fnuz' | 'f8e8m0' | 'f4e2m1' | 'u4' | 'i4' | 'u2' | 'i2';

/** An array as DLPack describes it; `data` is an address that lives as long as what was asked. */
export interface TensorDescription {
    data: bigint;
    device: { type: number; id: number };
    dtype: { code: number; bits: number; lanes: number };
    shape: number[];
    /** In elements; null for row-major order without gaps. */
    strides: number[] | null;
}

export interface TensorOptions {
    /** Sizes of the dimensions; one dimension if absent. */
    shape?: readonly (number | bigint)[];
    /** The element type, where it is not that of the array: `bool` in bytes, `bf16` in a Uint16Array, packed types in bytes. */
    type?: ElementType;
}

/** What a value can be made of: a typed array, strings, null for an optional without a value, a list for a sequence. */
export type ValueSource =
    | Value | ArrayBufferView | null | readonly string[] | readonly ValueSource[]
    | (TensorOptions & { data: ArrayBufferView | readonly string[] });

/** What networks take and give. It never changes, and does not depend on what it came from. */
export class Value extends Handle {
    private constructor();
    /** Copies a typed array into a tensor. */
    static tensor(data: ArrayBufferView, options?: TensorOptions): Value;
    /** A tensor over a typed array, without a copy, which all that is made of it keeps: do not change, transfer or resize it. */
    static borrow(data: ArrayBufferView, options?: TensorOptions): Value;
    /** A tensor of strings, or of bytes. */
    static strings(strings: readonly (string | Uint8Array)[], options?: { shape?: readonly (number | bigint)[] }): Value;
    /** A sequence of values, which stay usable. */
    static sequence(items: readonly Value[]): Value;
    /** An optional without a value. */
    static none(): Value;
    /** A tensor of a DLManagedTensor, by its address; it is taken over. */
    static fromDLPack(managed: bigint): Value;
    static from(source: ValueSource): Value;

    readonly kind: 'tensor' | 'sequence' | 'none' | 'map';
    /** The type of a tensor's elements; null for other values. */
    readonly type: ElementType | null;
    /** The sizes of a tensor's dimensions. */
    readonly shape: number[];
    /** Elements of a tensor, items of a sequence, pairs of a map. */
    readonly length: number;
    /** A tensor's elements; f16 and bf16 in a Uint16Array (Float16Array where there is one), small types in bytes. */
    readonly data: NumberArray | null;
    /** The elements of a tensor of strings. */
    readonly strings: string[] | null;
    /** The bytes of one string. */
    bytesOf(index: number): Uint8Array;
    /** An item of a sequence; of a map 0 is its keys and 1 its values. */
    item(index: number): Value;
    /** All items of a sequence; keys and values of a map. */
    readonly items: Value[];
    describe(): TensorDescription;
    /** The tensor as a DLManagedTensor, by its address; whoever takes it calls its deleter. */
    toDLPack(): bigint;
}

export interface NetworkRunOptions extends Listeners {
    /** The outputs that are wanted; all if absent. */
    outputs?: readonly string[] | null;
}

/** Any ONNX model: named values in, named values out. */
export class Network extends Handle {
    private constructor();
    static open(path: string, options?: NetworkOptions): Promise<Network>;
    static openSync(path: string, options?: NetworkOptions): Network;
    /** Opens an ONNX file in memory, which is copied; `name` is what to call it in messages. */
    static openMemory(name: string, data: ArrayBufferView, options?: NetworkOptions): Promise<Network>;
    static openMemorySync(name: string, data: ArrayBufferView, options?: NetworkOptions): Network;
    readonly name: string;
    readonly inputs: string[];
    readonly outputs: string[];
    /** A value of the ONNX metadata. */
    metadata(key: string): string | null;
    /** Inputs, outputs, metadata, opsets, names of all tensors inside. */
    describe(): Record<string, any>;
    run(inputs: Record<string, ValueSource>, options?: NetworkRunOptions): Promise<Record<string, Value>>;
    runSync(inputs: Record<string, ValueSource>, options?: NetworkRunOptions): Record<string, Value>;
}

// ---- models ---------------------------------------------------------------------------------------------------------

/** An opened model with its manifest, or an ensemble of models. */
export class Model extends Handle {
    private constructor();
    /** Opens an ONNX file with a manifest inside or in `NAME.groma.json` beside it. */
    static open(path: string, options?: ModelOptions): Promise<Model>;
    static openSync(path: string, options?: ModelOptions): Model;
    /** Opens a model from memory, which is copied; `name` is what to call it in messages. */
    static openMemory(name: string, data: ArrayBufferView, options?: ModelOptions): Promise<Model>;
    static openMemorySync(name: string, data: ArrayBufferView, options?: ModelOptions): Model;
    /** Opens the model that is part of the library. */
    static openDefault(options?: ModelOptions): Promise<Model>;
    static openDefaultSync(options?: ModelOptions): Model;
    /**
     * A model of models: `mean` of the probabilities, `vote`, or the member whose block size is nearest (`scale`). The
     * members stay usable and may be closed.
     */
    static ensemble(
        models: readonly Model[],
        options?: { weights?: ArrayLike<number> & Iterable<number>; combine?: 'mean' | 'vote' | 'scale' },
    ): Model;
    readonly name: string;
    readonly classes: string[];
    readonly manifest: Record<string, any>;
    describe(): Record<string, any>;
    /** Rows a call that suit it on each of its devices; a GPU is measured once, and remembered. */
    batches(): { device: string; rows: number; rows_per_s?: number }[];
    metadata(key: string): string | null;
    /** Classifies a LAS, LAZ or COPC file into a .las or .laz file, which appears whole or not at all. */
    classifyFile(input: string, output: string, options?: ClassifyOptions): Promise<Summary>;
    classifyFileSync(input: string, output: string, options?: ClassifyOptions): Summary;
    /** Classifies points in memory. */
    classify(points: Points, options?: ClassifyOptions): Promise<Result>;
    classifySync(points: Points, options?: ClassifyOptions): Result;
    /** A tensor of the network that has one row a point: f32 `[points, width]`. */
    embed(points: Points, tensor: string, options?: ClassifyOptions): Promise<Value>;
    embedSync(points: Points, tensor: string, options?: ClassifyOptions): Value;
}

/** How tiles are run; {@link Listeners} and `threads` are those of the call that they are given to. */
export interface RunOptions extends Listeners {
    /** Keep outputs of an earlier run into the folder that are right. */
    resume?: boolean;
    /** Go on with the other tiles when one fails, instead of finishing those that were begun. */
    skipFailed?: boolean;
    /** Take tiles that state no reference system as being in that of the others. */
    assumeCrs?: boolean;
    /** Keep the indices when all tiles are done. */
    keepIndex?: boolean;
    /** Number of the shard, from 1, of `shardCount`; 0 for all tiles. */
    shardNumber?: number;
    shardCount?: number;
    /** Folder of the indices; null for `.groma` in that of the outputs. */
    work?: string | null;
    /** Worker threads; 0 for one a core. The result does not depend on it. */
    threads?: number;
}

/**
 * A run over tiles into a folder: each point gets the class that one file of all tiles would have given it. Processes that
 * share the folder may each make some tiles: `index` all, then `make` any.
 */
export class Run extends Handle {
    private constructor();
    /** Looks at the headers of tiles: files, folders or patterns (`north_*.laz`). `classify` says what is written. */
    static open(
        model: Model, inputs: string | Iterable<string>, output: string, options?: RunOptions & { classify?: ClassifyOptions },
    ): Promise<Run>;
    static openSync(
        model: Model, inputs: string | Iterable<string>, output: string, options?: RunOptions & { classify?: ClassifyOptions },
    ): Run;
    /** Number of tiles, those of other shards included. */
    readonly length: number;
    /** What is known of the run: `crs`, `remarks`, and `tiles` with `input`, `output`, `bounds`, `points`. */
    describe(): Record<string, any>;
    /** Makes the index of a tile (from 0), if it is not there. */
    index(tile: number, options?: RunOptions): Promise<void>;
    indexSync(tile: number, options?: RunOptions): void;
    /** Makes a tile (from 0), if it is not there; indices that are missing are made first. */
    make(tile: number, options?: RunOptions): Promise<Summary>;
    makeSync(tile: number, options?: RunOptions): Summary;
    /**
     * Ends a run whose tiles were made one by one, once nobody is at work on them: removes what makers that were lost left in the
     * folder and, if all outputs are there, the larger part of the indices.
     */
    finish(): Promise<void>;
    finishSync(): void;
    /** Makes all tiles of the run, or of its shard; the summary has those that failed, with their reasons. */
    execute(options?: RunOptions): Promise<Summary>;
    executeSync(options?: RunOptions): Summary;
}

export type Output = 'class' | 'asprs' | 'confidence' | 'entropy' | 'probabilities';

/** What a model says of every point, in the order of the points. */
export class Result extends Handle {
    private constructor();
    readonly length: number;
    readonly classCount: number;
    /** Indices into the model's classes. */
    readonly classes: Uint8Array;
    readonly asprs: Uint8Array;
    /** The probability of each point's class. */
    readonly confidence: Float32Array;
    /** In nats, 0 to ln(classes). */
    readonly entropy: Float32Array;
    /** Class c of point i at `i * classCount + c`; null if they were not asked for. */
    readonly probabilities: Float32Array | null;
    value(output: Output): Value;
    tensor(output: Output): TensorDescription;
    /** The points whose confidence is at least `minimum`: a mask (u8, 1 for those) and their rows (u32, ascending). */
    confident(minimum: number): { mask: Value; rows: Value };
}

/** What was done to a file. */
export class Summary extends Handle {
    private constructor();
    readonly points: number;
    /** Points of an ASPRS class in the output. */
    classPoints(asprs: number): number;
    readonly meanConfidence: number;
    readonly totalS: number;
    toJSON(): Record<string, any>;
}

// ---- features, ground, filters, neighbours --------------------------------------------------------------------------

/** Names of columns and sets separated by commas, or an object as in a model's manifest under `features`. */
export type Schema = string | object;

/** A matrix of numbers for every point, row-major. */
export class Features extends Handle {
    private constructor();
    static compute(points: Points, schema: Schema, options?: FeaturesOptions): Promise<Features>;
    static computeSync(points: Points, schema: Schema, options?: FeaturesOptions): Features;
    readonly rows: number;
    readonly columns: string[];
    /** Column c of point i at `i * columns.length + c`. */
    readonly values: Float32Array;
    row(index: number): Float32Array;
    value(): Value;
    tensor(): TensorDescription;
    /** SHA-256 of the schema: equal hashes mean equal columns. */
    readonly schemaHash: string;
    readonly schema: Record<string, any>;
}

/** Features of a file as a file: .laz or .las with one dimension a column, .safetensors or .npy as a matrix. */
export function featuresFile(schema: Schema, input: string, output: string, options?: FeaturesFileOptions): Promise<Summary>;
export function featuresFileSync(schema: Schema, input: string, output: string, options?: FeaturesFileOptions): Summary;
/** Columns with definitions, hash, required attributes, receptive radius. */
export function describeSchema(schema: Schema): Record<string, any>;

/** The ground of points in memory. */
export class Ground extends Handle {
    private constructor();
    static find(points: Points, options?: GroundOptions): Promise<Ground>;
    static findSync(points: Points, options?: GroundOptions): Ground;
    readonly length: number;
    /** Number of ground points. */
    readonly found: number;
    readonly outsideHull: number;
    /** 2 for ground. */
    readonly classes: Uint8Array;
    /** In metres; null if they were not asked for. */
    readonly heights: Float32Array | null;
}

/** Finds the ground of a file, which becomes another file. */
export function groundFile(input: string, output: string, options?: GroundOptions): Promise<Summary>;
export function groundFileSync(input: string, output: string, options?: GroundOptions): Summary;

/** The points that a filter has chosen. */
export class Filtered extends Handle {
    private constructor();
    static choose(points: Points, filter: FilterKind, options?: FilterOptions): Promise<Filtered>;
    static chooseSync(points: Points, filter: FilterKind, options?: FilterOptions): Filtered;
    readonly length: number;
    readonly rows: Uint32Array;
    /** For each of the points that were filtered, 1 if it was chosen. */
    readonly mask: Uint8Array;
    /** x, y, z of the points that were chosen, one after the other; null if they stay where they are. */
    readonly positions: Float64Array | null;
    readonly thresholdM: number;
}

/** What `filterFile` did. */
export class FilterSummary extends Handle {
    private constructor();
    readonly points: number;
    readonly written: number;
    readonly marked: number;
    toJSON(): Record<string, any>;
}

/** Filters a file into another. */
export function filterFile(input: string, output: string, filter: FilterKind, options?: FilterOptions): Promise<FilterSummary>;
export function filterFileSync(input: string, output: string, filter: FilterKind, options?: FilterOptions): FilterSummary;

/** Neighbours of every point, one list after the other. */
export class Neighbors extends Handle {
    private constructor();
    /** The k points nearest to each, itself included. */
    static nearest(points: Points, k: number, options?: NeighborsOptions): Promise<Neighbors>;
    static nearestSync(points: Points, k: number, options?: NeighborsOptions): Neighbors;
    /** The points within a radius of each, itself included. */
    static within(points: Points, radiusM: number, options?: NeighborsOptions): Promise<Neighbors>;
    static withinSync(points: Points, radiusM: number, options?: NeighborsOptions): Neighbors;
    readonly length: number;
    readonly total: number;
    /** Those of point i are `offsets[i]` to `offsets[i + 1]`. */
    readonly offsets: BigUint64Array;
    readonly indices: Uint32Array;
    /** In metres. */
    readonly distances: Float32Array;
    of(point: number): { rows: Uint32Array; distances: Float32Array };
    value(output: 'offsets' | 'indices' | 'distances'): Value;
}

// ---- files and checkpoints ------------------------------------------------------------------------------------------

/** The points of a file in memory. */
export class Cloud extends Handle {
    private constructor();
    /** Reads coordinates and columns: all if there is no list of them, none if it is empty. */
    static read(path: string, options?: LasOptions & { columns?: string[] | null }): Promise<Cloud>;
    static readSync(path: string, options?: LasOptions & { columns?: string[] | null }): Cloud;
    readonly length: number;
    /** Names of the columns beside x, y and z. */
    readonly columns: string[];
    /** Length of one unit of the coordinates in metres; 0 where it is not known. */
    readonly linearUnitM: number;
    /** The reference system as an OGC WKT. */
    readonly crsWkt: string | null;
    /** Everything as typed arrays, without a copy. */
    points(): Points & { columns: Record<string, Column> };
    /** A column, or x, y, z (integers), as a value. */
    value(column: string): Value;
}

/** Writes points to a .las or .laz file, which appears whole or not at all. */
export function writeLas(points: Points, path: string, options?: LasOptions): Promise<void>;
export function writeLasSync(points: Points, path: string, options?: LasOptions): void;
/** What the header of a file says. */
export function describeLas(path: string): Promise<Record<string, any>>;
export function describeLasSync(path: string): Record<string, any>;

export type Section = 'weights' | 'optimizer' | 'scheduler';

/** Named tensors with metadata, as a safetensors file. */
export class Checkpoint extends Handle {
    /** One without tensors; an object with `schema_hash`, `classes`, `training_data`, `version`, `step`, `extra`. */
    constructor(metadata?: object | string | null);
    static open(path: string): Promise<Checkpoint>;
    static openSync(path: string): Checkpoint;
    add(section: Section, name: string, value: Value): this;
    save(path: string, options?: { overwrite?: boolean }): Promise<void>;
    saveSync(path: string, options?: { overwrite?: boolean }): void;
    names(section: Section): string[];
    value(section: Section, name: string): Value;
    readonly metadata: Record<string, any>;
}

// ---- the installation -----------------------------------------------------------------------------------------------

/** The version of the library. */
export function version(): string;
export function abiVersion(): { major: number; minor: number };
/** The name of a status, as `NOT_FOUND`. */
export function statusName(status: number): string;

/** ONNX Runtime, which runs the models. */
export const runtime: {
    /** Loads it now, from a path or from where it is found. */
    load(path?: string | null): Promise<void>;
    loadSync(path?: string | null): void;
    /** Uses the one that the host has loaded: the address of its OrtApiBase. */
    use(ortApiBase: bigint): void;
    readonly isLoaded: boolean;
    describe(): Record<string, any>;
};

/** Everything about the installation, for reports of problems. */
export function doctor(): Record<string, any>;

export interface Device {
    /** What the option `device` takes. */
    name: string;
    description: string;
    /** 0 where it is not known. */
    memoryTotalBytes: number;
    memoryFreeBytes: number;
}

/** The processors that models can run on. */
export function devices(): Device[];
/** Name of the GPU that is least at work, as the option `device` takes it; `cpu` if no GPU can be used. */
export function leastLoaded(): string;
/** The list with all that is known. */
export function devicesJson(): Record<string, any>;

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Gives the library's messages up to a level (`info` if absent) to a function; null makes it silent again. */
export function setLog(
    log: ((level: LogLevel | number, target: string, message: string) => void) | null,
    level?: LogLevel,
): Promise<void>;
