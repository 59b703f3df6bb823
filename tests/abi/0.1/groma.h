/*
 * groma.h: the C interface of Groma, which turns survey data into predictions.
 *
 * Open a model, hand over a LAS/LAZ file or arrays of points, and get a class, a confidence and probabilities for every
 * point. Generated from src/capi; do not edit.
 *
 * Threads. What a function takes through `const T *` may be used by any number of threads at the same time; what it
 * takes through `T *` is used by one thread alone during the call. Models and cancel flags are made to be shared.
 * Callbacks come on the thread that made the call. No state is kept per thread.
 *
 * Ownership. What a function gives through `T **` belongs to the caller, who frees it with the destroy function of its
 * type, once, in any order and on any thread: a handle never depends on the one that it was made with. Destroy
 * functions take NULL. Pointers that a function returns point into the handle that was asked and live as long as it.
 * Arguments are read during the call and never kept. Nothing is freed by `free`.
 *
 * Errors. A function that can fail gives a `groma_status_t`; on failure its outputs are untouched, and if its last
 * argument `error` is not NULL, an owned error is written there. Whatever the data, the process goes on: damaged files
 * and impossible arguments are errors, and a panic inside is caught.
 *
 * Reading this header: @owned marks what the caller destroys, @borrowed what lives inside another object, @nullable what
 * may be NULL; all else must not be. Strings are UTF-8 and end with NUL. Units stand in the names.
 */
#ifndef GROMA_H
#define GROMA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -------------------------------------------------------------------------------------------------------------------
 * Versions. The ABI has a number of its own: within one major number, programs that were compiled with an older header
 * run with a newer library.
 */

/** Major number of the ABI that this header describes; the soname carries it. */
#define GROMA_ABI_MAJOR 0

/** Minor number of the ABI that this header describes. */
#define GROMA_ABI_MINOR 1

/**
 * The ABI of the library that was loaded: `major << 16 | minor`. Refuse to go on if its major number is not
 * `GROMA_ABI_MAJOR`, or its minor number is below `GROMA_ABI_MINOR`.
 */
uint32_t groma_abi_version(void);

/** The version of the library, as `1.2.3`. The string is static. */
const char *groma_version(void);

/* -------------------------------------------------------------------------------------------------------------------
 * Status numbers. They are frozen: a number is never given to another meaning, and new ones are only added. Blocks:
 * argument 1xx, file 2xx, model and runtime 3xx, device 4xx, cancelled 500, internal 9xx. Treat a number that you do
 * not know like the first of its block.
 */

/** The outcome of a call: `GROMA_STATUS_OK` or the number of an error. */
typedef int32_t groma_status_t;

/** The call did what it says. */
#define GROMA_STATUS_OK 0

/** An argument is out of its range or contradicts another. */
#define GROMA_STATUS_INVALID_ARGUMENT 100

/** The input lacks a column that is needed; the subject is its name. */
#define GROMA_STATUS_MISSING_COLUMN 101

/** A feature name that the schema does not know; the subject is that name. */
#define GROMA_STATUS_UNKNOWN_FEATURE 102

/** Two feature schemas differ. */
#define GROMA_STATUS_SCHEMA_MISMATCH 103

/** The operating system refused a file operation; the subject is the path. */
#define GROMA_STATUS_IO 200

/** A file or folder does not exist; the subject is the path. */
#define GROMA_STATUS_NOT_FOUND 201

/** A damaged file; the subject is the path, the message says where. */
#define GROMA_STATUS_MALFORMED 202

/** A sound file of a kind that is not supported. */
#define GROMA_STATUS_UNSUPPORTED 203

/** A class that the point format cannot hold; the message names the upgrade. */
#define GROMA_STATUS_CLASS_OUT_OF_RANGE 204

/** The output exists and may not be replaced. */
#define GROMA_STATUS_OUTPUT_EXISTS 205

/** ONNX Runtime refused a model. */
#define GROMA_STATUS_MODEL_LOAD 300

/** A model's manifest is missing or says something impossible. */
#define GROMA_STATUS_MANIFEST 301

/** A model's tensors are not what its manifest declares; the subject is the tensor. */
#define GROMA_STATUS_MODEL_MISMATCH 302

/** A run of a model failed. */
#define GROMA_STATUS_INFERENCE 303

/** No ONNX Runtime was found; the message lists where it was looked for. */
#define GROMA_STATUS_RUNTIME_NOT_FOUND 310

/** The file named as ONNX Runtime cannot serve as one. */
#define GROMA_STATUS_RUNTIME_UNUSABLE 311

/** The ONNX Runtime is older than the oldest one supported. */
#define GROMA_STATUS_RUNTIME_TOO_OLD 312

/** Another ONNX Runtime is already in use by this process. */
#define GROMA_STATUS_RUNTIME_CONFLICT 313

/** A device that was asked for cannot be used; the subject is its name. */
#define GROMA_STATUS_DEVICE_UNAVAILABLE 400

/** The caller cancelled, by the progress callback or a `groma_cancel_t`. */
#define GROMA_STATUS_CANCELLED 500

/** A promise inside the library does not hold; please report it. */
#define GROMA_STATUS_INTERNAL 900

/** A panic was caught at the boundary; please report it. Destroy the handles that took part. */
#define GROMA_STATUS_PANIC 901

/**
 * The name of a status without its prefix, as `NOT_FOUND`; `UNKNOWN` for a number that this version does not know.
 * The string is static.
 */
const char *groma_status_name(groma_status_t status);

/* -------------------------------------------------------------------------------------------------------------------
 * Errors. A failed call gives a status; if its last argument `error` is not NULL, it also gives an owned error there,
 * with the same status, a sentence that says what to do, and the file, column or tensor concerned.
 */

/** What went wrong; owned by the caller. */
typedef struct groma_error_t groma_error_t;

/** The status that the failed call gave. `GROMA_STATUS_OK` for NULL. */
groma_status_t groma_error_code(const groma_error_t *error);

/** One sentence for people: what is wrong, where, and what to do; lives as long as the error. An empty string for NULL. */
const char *groma_error_message(const groma_error_t *error);

/** The file, column, tensor, model or device concerned, for programs; NULL if there is none; lives as long as the error. */
const char *groma_error_subject(const groma_error_t *error);

/** Frees an error; takes NULL. */
void groma_error_destroy(groma_error_t *error);

/* -------------------------------------------------------------------------------------------------------------------
 * Strings that the library makes for the caller. All strings of this API, in and out, are UTF-8 and end with NUL.
 */

/** An owned string. */
typedef struct groma_string_t groma_string_t;

/** The characters, with a NUL at the end; they live as long as the string. NULL for NULL. */
const char *groma_string_data(const groma_string_t *string);

/** Number of bytes without the NUL at the end. 0 for NULL. */
uint64_t groma_string_length(const groma_string_t *string);

/** Frees a string; takes NULL. */
void groma_string_destroy(groma_string_t *string);

/* -------------------------------------------------------------------------------------------------------------------
 * ONNX Runtime, which runs the models. It is loaded when a model is first opened, once in a process, and never
 * unloaded. Looked for in this order: the path given here, the environment variable `GROMA_ONNXRUNTIME`, the folder of
 * this library, the Python package `onnxruntime` if the caller is Python, the system. A process forked after the load gets
 * errors instead of hangs: open models in the process that uses them.
 */

/**
 * Loads ONNX Runtime now. Not needed before opening a model, but the place to name a path and to see what is wrong.
 *
 * @param path  @nullable the library's file; NULL looks for it
 */
groma_status_t groma_runtime_load(const char *path, groma_error_t **error);

/** 1 if ONNX Runtime is loaded, else 0. */
int32_t groma_runtime_is_loaded(void);

/**
 * Says which ONNX Runtime is used and how it was found, or why there is none, as a JSON object. Loads it if it is there.
 *
 * @param json  @owned destroy it with `groma_string_destroy`
 */
groma_status_t groma_runtime_describe(groma_string_t **json,
                                      groma_error_t **error);

/**
 * Says everything about the installation as a JSON object: versions, ONNX Runtime, CPU, devices, the default model, and
 * for everything absent the reason. For reports of problems.
 *
 * @param json  @owned destroy it with `groma_string_destroy`
 */
groma_status_t groma_doctor_json(groma_string_t **json, groma_error_t **error);

/* -------------------------------------------------------------------------------------------------------------------
 * Long calls: worker threads, progress, cancellation. A long call returns when its work is done; meanwhile it reports
 * progress on the thread that made it, and stops early when the callback says so or a `groma_cancel_t` is triggered
 * from any thread.
 */

/** Nothing has begun. */
#define GROMA_STAGE_START 0

/** Reading and decoding points. */
#define GROMA_STAGE_READ 1

/** Building the ground surfaces. */
#define GROMA_STAGE_GROUND 2

/** Searching neighbours and computing features that other features need. */
#define GROMA_STAGE_FEATURES 3

/** Computing the remaining features and running the model. */
#define GROMA_STAGE_INFERENCE 4

/** Encoding and writing points. */
#define GROMA_STAGE_WRITE 5

/** Choosing which points stay. */
#define GROMA_STAGE_FILTER 6

/** A flag that stops the calls it was given to. It stays triggered; make a new one for new work. */
typedef struct groma_cancel_t groma_cancel_t;

/**
 * Called about every 50 ms, on the thread that made the long call, and once at its end: `done` of `total` points of
 * `stage` (a `GROMA_STAGE_...`); `total` is 0 while it is not known. Return 0 to go on, anything else to cancel. It may
 * call functions of this library; it must not throw or `longjmp` through it.
 */
typedef int32_t (*groma_progress_fn)(void *user, int32_t stage, uint64_t done, uint64_t total);

/**
 * Makes a flag that is not triggered.
 *
 * @param cancel  @owned destroy it with `groma_cancel_destroy`, after the calls that use it have returned
 */
groma_status_t groma_cancel_create(groma_cancel_t **cancel, groma_error_t **error);

/**
 * Triggers the flag, from any thread; does nothing for NULL. The calls it was given to end within a fraction of a
 * second with `GROMA_STATUS_CANCELLED` and leave no partial file.
 */
void groma_cancel_trigger(const groma_cancel_t *cancel);

/** 1 if the flag was triggered, 0 if not or for NULL. */
int32_t groma_cancel_is_triggered(const groma_cancel_t *cancel);

/** Frees a flag; takes NULL. */
void groma_cancel_destroy(groma_cancel_t *cancel);

/* -------------------------------------------------------------------------------------------------------------------
 * Options. An options struct begins with its own size, so that it can grow: fill it with its init function, change what
 * you want, pass it by pointer; NULL means the defaults. A newer program may pass a longer struct to an older library as
 * long as the fields that it does not know are zero. Enumerations are `int32_t` and refused when out of range.
 */

/** The neighbour search is chosen from the cloud. */
#define GROMA_SEARCH_AUTO 0

/** A row-contiguous grid: airborne clouds. */
#define GROMA_SEARCH_GRID 1

/** A k-d tree: terrestrial and very uneven clouds. */
#define GROMA_SEARCH_KD_TREE 2

/* -------------------------------------------------------------------------------------------------------------------
 * Models. A `groma_model_t` is shared: any number of threads may use one at the same time through `const` pointers.
 * Opening loads ONNX Runtime if that has not happened yet.
 */

/** An opened model with its manifest. */
typedef struct groma_model_t groma_model_t;

/**
 * Opens an ONNX file. Its manifest is in the ONNX metadata under `groma.manifest`, or in `NAME.groma.json` beside it.
 *
 * @param path   the model's file
 * @param model  @owned destroy it with `groma_model_destroy`
 */
groma_status_t groma_model_open(const char *path, groma_model_t **model, groma_error_t **error);

/**
 * Opens a model from memory, which is copied.
 *
 * @param name           what to call it in messages
 * @param data           the bytes of an ONNX file
 * @param size           number of bytes
 * @param manifest_json  @nullable a manifest that replaces the one inside
 * @param model          @owned destroy it with `groma_model_destroy`
 */
groma_status_t groma_model_open_memory(const char *name,
                                       const void *data,
                                       uint64_t size,
                                       const char *manifest_json,
                                       groma_model_t **model,
                                       groma_error_t **error);

/**
 * Opens the default model, which is part of the library.
 *
 * @param model  @owned destroy it with `groma_model_destroy`
 */
groma_status_t groma_model_open_default(groma_model_t **model, groma_error_t **error);

/** Frees a model; takes NULL. Results that were made with it stay valid. */
void groma_model_destroy(groma_model_t *model);

/** The model's file name, or `groma default`; lives as long as the model. NULL for NULL. */
const char *groma_model_name(const groma_model_t *model);

/** Number of classes that the model tells apart. 0 for NULL. */
uint64_t groma_model_class_count(const groma_model_t *model);

/** Name of class `index`; lives as long as the model. NULL if there is no such class. */
const char *groma_model_class_name(const groma_model_t *model, uint64_t index);

/**
 * The manifest as a JSON object: feature columns, normalisation, classes, ASPRS codes; lives as long as the model.
 * NULL for NULL.
 */
const char *groma_model_manifest_json(const groma_model_t *model);

/* -------------------------------------------------------------------------------------------------------------------
 * Points from arrays of the caller: coordinates and attributes, each anywhere in memory with a stride of its own, so that
 * columns and arrays of structs both work without a copy on the caller's side. They are read during the call only.
 */

/** Type of an array's elements: `uint8_t`. */
#define GROMA_TYPE_U8 1

/** Type of an array's elements: `int8_t`. */
#define GROMA_TYPE_I8 2

/** Type of an array's elements: `uint16_t`. */
#define GROMA_TYPE_U16 3

/** Type of an array's elements: `int16_t`. */
#define GROMA_TYPE_I16 4

/** Type of an array's elements: `uint32_t`. */
#define GROMA_TYPE_U32 5

/** Type of an array's elements: `int32_t`. */
#define GROMA_TYPE_I32 6

/** Type of an array's elements: `uint64_t`. */
#define GROMA_TYPE_U64 7

/** Type of an array's elements: `int64_t`. */
#define GROMA_TYPE_I64 8

/** Type of an array's elements: `float`. */
#define GROMA_TYPE_F32 9

/** Type of an array's elements: `double`. */
#define GROMA_TYPE_F64 10

/** One attribute: a value for each point. Zero it, then set all fields. */
typedef struct groma_column_t {
    /** `sizeof(groma_column_t)`, the same in all columns of an array. */
    uint32_t struct_size;
    /** Type of the values: a `GROMA_TYPE_...`. */
    int32_t element_type;
    /**
     * The attribute's name: `return_number`, `number_of_returns`, `intensity`, `scan_angle` (degrees),
     * `classification`, `red`, `green`, `blue`, `nir`, `gps_time`, ..., or a name of your own.
     */
    const char *name;
    /** The value of the first point. */
    const void *data;
    /** Bytes from one value to the next; 0 if they follow each other without gaps. */
    int64_t stride_bytes;
} groma_column_t;

/**
 * Points. Coordinates are either `double`, which are rounded once to steps of `resolution`, or `int32_t` as in LAS
 * (`position = integer * scale + offset`), which are taken as they are. Their unit is the metre, unless the options of the
 * call say otherwise; z has the same.
 */
typedef struct groma_points_t {
    /** Set by `groma_points_init`. */
    uint32_t struct_size;
    /** `GROMA_TYPE_F64` (the default) or `GROMA_TYPE_I32`. */
    int32_t coordinate_type;
    /** Number of points, up to 4,294,967,295. */
    uint64_t count;
    /** The x of the first point. */
    const void *x;
    /** The y of the first point. */
    const void *y;
    /** The z of the first point, up. */
    const void *z;
    /** Bytes from one x to the next; 0 if they follow each other without gaps. */
    int64_t x_stride_bytes;
    /** Bytes from one y to the next; 0 if they follow each other without gaps. */
    int64_t y_stride_bytes;
    /** Bytes from one z to the next; 0 if they follow each other without gaps. */
    int64_t z_stride_bytes;
    /** Size of one step along x, y, z, in the unit of the coordinates; only for `GROMA_TYPE_I32`. Default 0.001. */
    double scale[3];
    /** Position of integer 0; only for `GROMA_TYPE_I32`. Default 0. */
    double offset[3];
    /**
     * Steps that coordinates are rounded to, in their unit; only for `GROMA_TYPE_F64`. Default 0.001. With the resolution
     * of the data (0.01 or 0.001 for LAS) nothing moves.
     */
    double resolution;
    /** `column_count` attributes. */
    const groma_column_t *columns;
    /** Number of attributes. */
    uint64_t column_count;
} groma_points_t;

/**
 * Fills `points` with the defaults: no points, no columns.
 *
 * @param struct_size  `sizeof(groma_points_t)`
 */
void groma_points_init(groma_points_t *points, uint32_t struct_size);

/* -------------------------------------------------------------------------------------------------------------------
 * Tensors: views of arrays inside the library, field for field a `DLTensor` of DLPack, so that a view can be cast to one
 * and handed to NumPy, PyTorch and others without a copy.
 */

/** Device type of main memory, as in DLPack (`kDLCPU`). */
#define GROMA_DEVICE_CPU 1

/** Type code of unsigned integers, as in DLPack (`kDLUInt`). */
#define GROMA_DTYPE_UINT 1

/** Type code of floating-point numbers, as in DLPack (`kDLFloat`). */
#define GROMA_DTYPE_FLOAT 2

/** Where a tensor lies; a `DLDevice`. */
typedef struct groma_device_t {
    /** Kind of device: a `GROMA_DEVICE_...`. */
    int32_t device_type;
    /** Which one of its kind, from 0. */
    int32_t device_id;
} groma_device_t;

/** Type of a tensor's elements; a `DLDataType`. */
typedef struct groma_dtype_t {
    /** Kind of number: a `GROMA_DTYPE_...`. */
    uint8_t code;
    /** Bits of one number. */
    uint8_t bits;
    /** Numbers of one element; 1. */
    uint16_t lanes;
} groma_dtype_t;

/** A view of an array that belongs to another object; a `DLTensor`. Read only; it lives as long as that object. */
typedef struct groma_tensor_t {
    /** The first element. */
    void *data;
    /** Where `data` points to. */
    groma_device_t device;
    /** Number of dimensions. */
    int32_t ndim;
    /** Type of the elements. */
    groma_dtype_t dtype;
    /** `ndim` sizes. */
    int64_t *shape;
    /** `ndim` distances, in elements; NULL for row-major order without gaps. */
    int64_t *strides;
    /** Distance from `data` to the first element, in bytes; 0. */
    uint64_t byte_offset;
} groma_tensor_t;

/* -------------------------------------------------------------------------------------------------------------------
 * Results: what a model says of every point, in the order of the points. The arrays belong to the result and live until
 * it is destroyed; they do not need the model or the points.
 */

/** The class of each point, an index into the model's classes: `uint8_t` `[count]`. */
#define GROMA_OUTPUT_CLASS 0

/** The ASPRS code of each point: `uint8_t` `[count]`. */
#define GROMA_OUTPUT_ASPRS 1

/** The probability of each point's class, 0...1: `float` `[count]`. */
#define GROMA_OUTPUT_CONFIDENCE 2

/** The entropy of each point's probabilities, in nats: `float` `[count]`. */
#define GROMA_OUTPUT_ENTROPY 3

/** All probabilities, if they were asked for: `float` `[count, classes]`. */
#define GROMA_OUTPUT_PROBABILITIES 4

/** Predictions for a set of points. */
typedef struct groma_result_t groma_result_t;

/** Number of points. 0 for NULL. */
uint64_t groma_result_count(const groma_result_t *result);

/** Number of classes, the width of the probabilities. 0 for NULL. */
uint64_t groma_result_class_count(const groma_result_t *result);

/** The class of each point, an index into the model's classes. NULL for NULL. */
const uint8_t *groma_result_classes(const groma_result_t *result);

/** The ASPRS code of each point. NULL for NULL. */
const uint8_t *groma_result_asprs(const groma_result_t *result);

/** The probability of each point's class, 0...1. NULL for NULL. */
const float *groma_result_confidence(const groma_result_t *result);

/** The entropy of each point's probabilities, in nats, 0...ln(classes). NULL for NULL. */
const float *groma_result_entropy(const groma_result_t *result);

/** All probabilities, row-major: class `c` of point `i` at `i * classes + c`. NULL if they were not asked for. */
const float *groma_result_probabilities(const groma_result_t *result);

/**
 * Any of the arrays as a tensor view.
 *
 * @param output  a `GROMA_OUTPUT_...`
 * @param tensor  receives the view; @borrowed it lives as long as the result
 */
groma_status_t groma_result_tensor(const groma_result_t *result,
                                   int32_t output,
                                   groma_tensor_t *tensor,
                                   groma_error_t **error);

/** Frees a result and its arrays; takes NULL. */
void groma_result_destroy(groma_result_t *result);

/* -------------------------------------------------------------------------------------------------------------------
 * Summaries: what was done to a file.
 */

/** What a call did that made a file of another. */
typedef struct groma_summary_t groma_summary_t;

/** Number of points read and written. 0 for NULL. */
uint64_t groma_summary_points(const groma_summary_t *summary);

/** Number of points of an ASPRS class in the output. 0 for NULL, and for calls that do not classify. */
uint64_t groma_summary_class_points(const groma_summary_t *summary, uint8_t asprs);

/** Mean probability of the points' classes, 0...1. 0 for NULL, and where no model ran. */
double groma_summary_mean_confidence(const groma_summary_t *summary);

/** Wall-clock time of the whole call in seconds. 0 for NULL. */
double groma_summary_total_s(const groma_summary_t *summary);

/** Everything, as a JSON object; lives as long as the summary. NULL for NULL. */
const char *groma_summary_json(const groma_summary_t *summary);

/** Frees a summary; takes NULL. */
void groma_summary_destroy(groma_summary_t *summary);

/* -------------------------------------------------------------------------------------------------------------------
 * Classification: a file into another file, or points in memory into a result.
 */

/** How to classify. Fill it with `groma_classify_options_init`. */
typedef struct groma_classify_options_t {
    /** Set by `groma_classify_options_init`. */
    uint32_t struct_size;
    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    uint32_t threads;
    /** The neighbour search: a `GROMA_SEARCH_...`. Default `GROMA_SEARCH_AUTO`. */
    int32_t search;
    /** 1 to give all probabilities too: in results, and as one extra dimension a class in files. Default 0. */
    int32_t probabilities;
    /** 1 (the default) to write the extra dimension `confidence` (`uint8_t`, 0...255 for 0...1) to files. */
    int32_t write_confidence;
    /** 1 (the default) to write the extra dimension `entropy` (`float`, nats) to files. */
    int32_t write_entropy;
    /** Point format of the output file; -1 (the default) for that of the input. */
    int32_t point_format;
    /** 1 to replace an output that exists. Default 0. */
    int32_t overwrite;
    /** Edge length of a block in metres; 0 (the default) for that of the manifest. The result does not depend on it. */
    double block_size_m;
    /**
     * Length of one unit of the coordinates in metres (0.3048 for feet); 0 (the default) for that of the file's CRS, and
     * for metres where none is known.
     */
    double linear_unit_m;
    /** ASPRS classes that keep their label (noise, say); NULL for none. */
    const uint8_t *keep_classes;
    /** Number of `keep_classes`. */
    uint64_t keep_class_count;
    /** A flag that may stop the call; NULL for none. */
    const groma_cancel_t *cancel;
    /** Called with the progress; NULL for none. */
    groma_progress_fn progress;
    /** Handed to `progress`. */
    void *progress_user;
    /**
     * A terrain model for a model whose features say `ground: dtm`: path of a GeoTIFF or an ESRI ASCII grid in the CRS and
     * the vertical unit of the points, which covers them all. NULL (the default) for none; refused for other models.
     */
    const char *dtm;
} groma_classify_options_t;

/**
 * Fills `options` with the defaults.
 *
 * @param struct_size  `sizeof(groma_classify_options_t)`
 */
void groma_classify_options_init(groma_classify_options_t *options, uint32_t struct_size);

/**
 * Classifies a LAS, LAZ or COPC file. The output holds the same points in the same order with their classes replaced,
 * and everything else as it was; it appears whole or not at all.
 *
 * @param model    from `groma_model_open...`
 * @param input    the file to read
 * @param output   the file to write: `.las` or `.laz`
 * @param options  @nullable NULL for the defaults
 * @param summary  @owned @nullable what was done; destroy it with `groma_summary_destroy`
 */
groma_status_t groma_classify_file(const groma_model_t *model,
                                   const char *input,
                                   const char *output,
                                   const groma_classify_options_t *options,
                                   groma_summary_t **summary,
                                   groma_error_t **error);

/**
 * Classifies points in memory.
 *
 * @param model    from `groma_model_open...`
 * @param points   the points, with the attributes that the model needs
 * @param options  @nullable NULL for the defaults; what concerns files is ignored
 * @param result   @owned destroy it with `groma_result_destroy`
 */
groma_status_t groma_classify_points(const groma_model_t *model,
                                     const groma_points_t *points,
                                     const groma_classify_options_t *options,
                                     groma_result_t **result,
                                     groma_error_t **error);

/* -------------------------------------------------------------------------------------------------------------------
 * Features: the numbers that models read, for every point, as a matrix.
 */

/** A matrix of features, row-major, one row a point. */
typedef struct groma_features_t groma_features_t;

/** How to compute features. Fill it with `groma_features_options_init`. */
typedef struct groma_features_options_t {
    /** Set by `groma_features_options_init`. */
    uint32_t struct_size;
    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    uint32_t threads;
    /** The neighbour search: a `GROMA_SEARCH_...`. Default `GROMA_SEARCH_AUTO`. */
    int32_t search;
    /** Must be 0. */
    int32_t reserved;
    /**
     * Edge length in metres of the blocks that points are worked on in, which bounds the memory; 0 (the default) for all
     * points at once. The result does not depend on it.
     */
    double block_size_m;
    /** Length of one unit of the coordinates in metres (0.3048 for feet); 0 (the default) for metres. */
    double linear_unit_m;
    /** A flag that may stop the call; NULL for none. */
    const groma_cancel_t *cancel;
    /** Called with the progress; NULL for none. */
    groma_progress_fn progress;
    /** Handed to `progress`. */
    void *progress_user;
    /**
     * A terrain model for a schema that says `ground: dtm`: path of a GeoTIFF or an ESRI ASCII grid in the CRS and
     * the vertical unit of the points, which covers them all. NULL (the default) for none; refused for other schemas.
     */
    const char *dtm;
} groma_features_options_t;

/**
 * Fills `options` with the defaults.
 *
 * @param struct_size  `sizeof(groma_features_options_t)`
 */
void groma_features_options_init(groma_features_options_t *options, uint32_t struct_size);

/**
 * Computes features of points in memory.
 *
 * @param points    the points, with the attributes that the features need
 * @param schema    what to compute: names of columns and sets separated by commas (`lod2`, or
 *                  `planarity@k20, height_above_ground`), or a JSON object as in a model's manifest under `features`
 * @param options   @nullable NULL for the defaults
 * @param features  @owned destroy it with `groma_features_destroy`
 */
groma_status_t groma_features_compute(const groma_points_t *points,
                                      const char *schema,
                                      const groma_features_options_t *options,
                                      groma_features_t **features,
                                      groma_error_t **error);

/** Number of rows: points. 0 for NULL. */
uint64_t groma_features_rows(const groma_features_t *features);

/** Number of columns. 0 for NULL. */
uint64_t groma_features_columns(const groma_features_t *features);

/** Name of column `index`; lives as long as the features. NULL if there is no such column. */
const char *groma_features_column_name(const groma_features_t *features, uint64_t index);

/** The values, row-major: column `c` of point `i` at `i * columns + c`; they live as long as the features. NULL for NULL. */
const float *groma_features_values(const groma_features_t *features);

/**
 * The values as a tensor view `[rows, columns]`.
 *
 * @param tensor  receives the view; @borrowed it lives as long as the features
 */
groma_status_t groma_features_tensor(const groma_features_t *features,
                                     groma_tensor_t *tensor,
                                     groma_error_t **error);

/** SHA-256 of the schema in hexadecimal: equal hashes mean equal columns; lives as long as the features. NULL for NULL. */
const char *groma_features_schema_hash(const groma_features_t *features);

/** The schema as a JSON object, which `groma_features_compute` takes again; lives as long as the features. NULL for NULL. */
const char *groma_features_schema_json(const groma_features_t *features);

/** Frees features and their arrays; takes NULL. */
void groma_features_destroy(groma_features_t *features);

/* -------------------------------------------------------------------------------------------------------------------
 * Features of a file, as a file: added to the same points, or as a matrix.
 */

/** How to write features of a file. Fill it with `groma_features_file_options_init`. */
typedef struct groma_features_file_options_t {
    /** Set by `groma_features_file_options_init`. */
    uint32_t struct_size;
    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    uint32_t threads;
    /** The neighbour search: a `GROMA_SEARCH_...`. Default `GROMA_SEARCH_AUTO`. */
    int32_t search;
    /** Point format of the output file; -1 (the default) for that of the input. LAS and LAZ only. */
    int32_t point_format;
    /** 1 to replace an output that exists. Default 0. */
    int32_t overwrite;
    /** Must be 0. */
    int32_t reserved;
    /**
     * Edge length in metres of the blocks that points are worked on in; 0 (the default) for blocks of about a million
     * points, and for all at once where there are less than two million. The result does not depend on it.
     */
    double block_size_m;
    /**
     * Length of one unit of the coordinates in metres (0.3048 for feet); 0 (the default) for that of the file's CRS, and
     * for metres where none is known.
     */
    double linear_unit_m;
    /** A flag that may stop the call; NULL for none. */
    const groma_cancel_t *cancel;
    /** Called with the progress; NULL for none. */
    groma_progress_fn progress;
    /** Handed to `progress`. */
    void *progress_user;
    /**
     * A terrain model for a schema that says `ground: dtm`: path of a GeoTIFF or an ESRI ASCII grid in the CRS and
     * the vertical unit of the points, which covers them all. NULL (the default) for none; refused for other schemas.
     */
    const char *dtm;
} groma_features_file_options_t;

/**
 * Fills `options` with the defaults.
 *
 * @param struct_size  `sizeof(groma_features_file_options_t)`
 */
void groma_features_file_options_init(groma_features_file_options_t *options, uint32_t struct_size);

/**
 * Computes features of a LAS, LAZ or COPC file and writes them to another, as the command `groma features` does. The name
 * of the output says how: `.laz` or `.las` for the same points with one `float` dimension a column, `.safetensors` for a
 * matrix with the schema in its metadata, `.npy` for the matrix alone. It appears whole or not at all.
 *
 * @param schema   what to compute, as for `groma_features_compute`
 * @param input    the file to read
 * @param output   the file to write
 * @param options  @nullable NULL for the defaults
 * @param summary  @owned @nullable what was done; destroy it with `groma_summary_destroy`
 */
groma_status_t groma_features_file(const char *schema,
                                   const char *input,
                                   const char *output,
                                   const groma_features_file_options_t *options,
                                   groma_summary_t **summary,
                                   groma_error_t **error);

/* -------------------------------------------------------------------------------------------------------------------
 * Ground: its points in a file that becomes another file, or among points in memory.
 */

/** No heights. */
#define GROMA_HEIGHT_NONE 0

/** Heights above the ground point that is nearest in plan; of several equally near ones the lowest. */
#define GROMA_HEIGHT_NEAREST 1

/** Heights above the mean of the 8 ground points nearest in plan, weighted by the inverse of their squared distances. */
#define GROMA_HEIGHT_IDW 2

/** Heights above the Delaunay triangles of the ground points; above the nearest ground point outside their hull. */
#define GROMA_HEIGHT_TIN 3

/** The ground of points in memory. */
typedef struct groma_ground_t groma_ground_t;

/**
 * What ground is, and what becomes of it. Fill it with `groma_ground_options_init`. Parameters are those of SMRF (Pingel,
 * Clarke and McBride 2013) with a bound on its slope tolerance.
 */
typedef struct groma_ground_options_t {
    /** Set by `groma_ground_options_init`. */
    uint32_t struct_size;
    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    uint32_t threads;
    /**
     * Heights above ground: a `GROMA_HEIGHT_...`; in files the extra dimension `height_above_ground` (`float`, metres).
     * Default `GROMA_HEIGHT_NONE`.
     */
    int32_t height;
    /** 1 if points that are not ground keep their class (2 becomes 1); 0 (the default) if all become class 1. */
    int32_t keep_others;
    /** Point format of the output file; -1 (the default) for that of the input. */
    int32_t point_format;
    /** 1 to replace outputs that exist. Default 0. */
    int32_t overwrite;
    /** Edge of the filter's cells in metres; 0 (the default) for two mean point spacings, raised to 0.5, 1, 2 or 4 m. */
    double cell_m;
    /** Half-width of the largest opening window in metres: roofs wider than twice this become ground. Default 60. */
    double window_m;
    /** Rise over run that still counts as ground, after the general slope is taken out. Default 0.15. */
    double slope;
    /** A drop of more than this between two openings is an object on any slope, in metres. Default 3. */
    double max_tolerance_m;
    /** How far above or below the ground a ground point may lie, in metres. Default 0.15. */
    double tolerance_m;
    /** What is added to that for a slope of 1, in metres. Default 0.1. */
    double tolerance_slope;
    /**
     * Length of one unit of the coordinates in metres (0.3048 for feet); 0 (the default) for that of the file's CRS, and
     * for metres where none is known.
     */
    double linear_unit_m;
    /** Points of these classes keep them, and the filter does not see them; NULL (the default) for 7 and 18, noise. */
    const uint8_t *ignore_classes;
    /** Number of `ignore_classes`; 0 with an array that is not NULL for none. */
    uint64_t ignore_class_count;
    /** Path of a GeoTIFF of the ground to write beside a file; NULL (the default) for none. */
    const char *dtm;
    /** Edge of its cells in metres; 0 (the default) for 1. */
    double dtm_cell_m;
    /** A flag that may stop the call; NULL for none. */
    const groma_cancel_t *cancel;
    /** Called with the progress; NULL for none. */
    groma_progress_fn progress;
    /** Handed to `progress`. */
    void *progress_user;
} groma_ground_options_t;

/**
 * Fills `options` with the defaults.
 *
 * @param struct_size  `sizeof(groma_ground_options_t)`
 */
void groma_ground_options_init(groma_ground_options_t *options, uint32_t struct_size);

/**
 * Finds the ground of a LAS, LAZ or COPC file. The output holds the same points in the same order, ground as class 2, and
 * everything but the classes as it was; it appears whole or not at all.
 *
 * @param input    the file to read
 * @param output   the file to write: `.las` or `.laz`
 * @param options  @nullable NULL for the defaults
 * @param summary  @owned @nullable what was done; destroy it with `groma_summary_destroy`
 */
groma_status_t groma_ground_file(const char *input,
                                 const char *output,
                                 const groma_ground_options_t *options,
                                 groma_summary_t **summary,
                                 groma_error_t **error);

/**
 * Finds the ground of points in memory.
 *
 * @param points   the points; of their attributes only `classification` is read, for what is ignored and kept
 * @param options  @nullable NULL for the defaults; what concerns files is ignored
 * @param ground   @owned destroy it with `groma_ground_destroy`
 */
groma_status_t groma_ground_points(const groma_points_t *points,
                                   const groma_ground_options_t *options,
                                   groma_ground_t **ground,
                                   groma_error_t **error);

/** Number of points. 0 for NULL. */
uint64_t groma_ground_count(const groma_ground_t *ground);

/** Number of ground points. 0 for NULL. */
uint64_t groma_ground_found(const groma_ground_t *ground);

/**
 * Points whose height is measured from the nearest ground point, as they lie outside the triangles of
 * `GROMA_HEIGHT_TIN`. 0 for NULL.
 */
uint64_t groma_ground_outside_hull(const groma_ground_t *ground);

/** The new class of each point, 2 for ground; lives as long as the ground. NULL for NULL. */
const uint8_t *groma_ground_classes(const groma_ground_t *ground);

/** The height of each point above the ground in metres; lives as long as the ground. NULL if heights were not asked for. */
const float *groma_ground_heights(const groma_ground_t *ground);

/** Frees the ground and its arrays; takes NULL. */
void groma_ground_destroy(groma_ground_t *ground);

/* -------------------------------------------------------------------------------------------------------------------
 * Filters: noise left out or marked, and samples of the points, from arrays or from file to file.
 */

/**
 * Statistical outliers are left out: points whose mean distance to their nearest others is more than so many standard
 * deviations above that of the cloud.
 */
#define GROMA_FILTER_STATISTICAL 1

/** Radius outliers are left out: points with few others within a distance. */
#define GROMA_FILTER_RADIUS 2

/** One point for each occupied cube, whose edges lie at whole multiples of its size. */
#define GROMA_FILTER_VOXEL 3

/** Points each of which is the one farthest from those before it. */
#define GROMA_FILTER_FARTHEST 4

/** Points by chance, each as likely as any other. */
#define GROMA_FILTER_RANDOM 5

/**
 * The mean position of a voxel's points, rounded to the steps of the coordinates, with the attributes of the point nearest
 * to it.
 */
#define GROMA_VOXEL_CENTROID 0

/** The point nearest to the centre of the voxel. */
#define GROMA_VOXEL_CENTER 1

/** The first point of the voxel. */
#define GROMA_VOXEL_FIRST 2

/** What `groma_filter_file` did. */
typedef struct groma_filter_summary_t groma_filter_summary_t;

/** The points that a filter has chosen. The arrays live until it is destroyed. */
typedef struct groma_filtered_t groma_filtered_t;

/** How to filter. Fill it with `groma_filter_options_init`; what another filter than the one asked for would read is ignored. */
typedef struct groma_filter_options_t {
    /** Set by `groma_filter_options_init`. */
    uint32_t struct_size;
    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    uint32_t threads;
    /** Of outliers: the neighbour search, a `GROMA_SEARCH_...`. Default `GROMA_SEARCH_AUTO`. */
    int32_t search;
    /** Of voxels: the point that stands for each, a `GROMA_VOXEL_...`. Default `GROMA_VOXEL_CENTROID`. */
    int32_t voxel_keep;
    /** Of outliers in files: 1 to keep all points and give outliers class 7, low noise. Default 0. */
    int32_t mark;
    /** 1 to replace an output that exists. Default 0. */
    int32_t overwrite;
    /**
     * Of statistical outliers: nearest others that a point is compared with, 20 by default. Of radius outliers: others that
     * a point needs, 2 by default. 0 for the default.
     */
    uint64_t neighbors;
    /** Of statistical outliers: standard deviations above the mean that are still usual. Default 2. */
    double multiplier;
    /** Of radius outliers: distance within which others count, in metres. Default 1. */
    double radius_m;
    /** Edge of a voxel in metres. Default 0.5. */
    double voxel_size_m;
    /** Of farthest and random points: how many; all, if there are fewer. 0 (the default) to say `fraction` instead. */
    uint64_t count;
    /** Of farthest and random points: which share, 0 to 1. 0 (the default) to say `count` instead. */
    double fraction;
    /** Of farthest points: row of the first; -1 (the default) for the point farthest from the centroid. */
    int64_t start_row;
    /** Of random points: equal seeds draw equal rows from equal numbers of points. Default 0. */
    uint64_t seed;
    /**
     * Length of one unit of the coordinates in metres (0.3048 for feet); 0 (the default) for that of the file's CRS, and
     * for metres where none is known.
     */
    double linear_unit_m;
    /** A flag that may stop the call; NULL for none. */
    const groma_cancel_t *cancel;
    /** Called with the progress; NULL for none. */
    groma_progress_fn progress;
    /** Handed to `progress`. */
    void *progress_user;
} groma_filter_options_t;

/**
 * Fills `options` with the defaults.
 *
 * @param struct_size  `sizeof(groma_filter_options_t)`
 */
void groma_filter_options_init(groma_filter_options_t *options, uint32_t struct_size);

/**
 * Filters points in memory.
 *
 * @param points    the points; attributes are not read
 * @param filter    a `GROMA_FILTER_...`
 * @param options   @nullable NULL for the defaults; what concerns files is ignored
 * @param filtered  @owned destroy it with `groma_filtered_destroy`
 */
groma_status_t groma_filter_points(const groma_points_t *points,
                                   int32_t filter,
                                   const groma_filter_options_t *options,
                                   groma_filtered_t **filtered,
                                   groma_error_t **error);

/** Number of points that were chosen. 0 for NULL. */
uint64_t groma_filtered_count(const groma_filtered_t *filtered);

/**
 * Their rows, from 0: ascending; of `GROMA_FILTER_FARTHEST` in the order in which they were taken. `groma_filtered_count`
 * numbers. NULL for NULL.
 */
const uint32_t *groma_filtered_rows(const groma_filtered_t *filtered);

/** For each of the points that were filtered, 1 if it was chosen and 0 if not. NULL for NULL. */
const uint8_t *groma_filtered_mask(const groma_filtered_t *filtered);

/**
 * New positions of the points that were chosen, x, y, z of one after the other; NULL if they stay where they are, as with all
 * filters but `GROMA_VOXEL_CENTROID`. NULL for NULL.
 */
const double *groma_filtered_positions(const groma_filtered_t *filtered);

/**
 * The mean distance to neighbours, in metres, above which `GROMA_FILTER_STATISTICAL` has left points out. 0 for other filters
 * and for NULL.
 */
double groma_filtered_threshold_m(const groma_filtered_t *filtered);

/** Frees what was chosen and its arrays; takes NULL. */
void groma_filtered_destroy(groma_filtered_t *filtered);

/**
 * Filters a LAS, LAZ or COPC file into another. Points that stay keep their order and every byte, but for the positions of
 * `GROMA_VOXEL_CENTROID` and the class of what is marked; the output appears whole or not at all.
 *
 * @param input    the file to read
 * @param output   the file to write: `.las` or `.laz`
 * @param filter   a `GROMA_FILTER_...`
 * @param options  @nullable NULL for the defaults
 * @param summary  @owned @nullable what was done; destroy it with `groma_filter_summary_destroy`
 */
groma_status_t groma_filter_file(const char *input,
                                 const char *output,
                                 int32_t filter,
                                 const groma_filter_options_t *options,
                                 groma_filter_summary_t **summary,
                                 groma_error_t **error);

/** Number of points read. 0 for NULL. */
uint64_t groma_filter_summary_points(const groma_filter_summary_t *summary);

/** Number of points written. 0 for NULL. */
uint64_t groma_filter_summary_written(const groma_filter_summary_t *summary);

/** Number of points that were marked as noise. 0 for NULL. */
uint64_t groma_filter_summary_marked(const groma_filter_summary_t *summary);

/** Everything, as a JSON object; lives as long as the summary. NULL for NULL. */
const char *groma_filter_summary_json(const groma_filter_summary_t *summary);

/** Frees a summary; takes NULL. */
void groma_filter_summary_destroy(groma_filter_summary_t *summary);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* GROMA_H */
