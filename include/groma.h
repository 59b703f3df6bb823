/*
 * groma.h: the C interface of Groma, which turns survey data into predictions.
 *
 * Open a model, hand over a LAS/LAZ file or arrays of points, and get a class, a confidence and probabilities for every
 * point. Generated from src/capi; do not edit.
 *
 * Threads. What a function takes through `const T *` may be used by any number of threads at the same time; what it
 * takes through `T *` is used by one thread alone during the call. Models, networks, values and cancel flags are made to
 * be shared. Callbacks come on a thread that is inside a call of this library, never on one of its own; they may call
 * functions of this library, and must return: no exception and no `longjmp` through it. No state is kept per thread.
 *
 * Ownership. What a function gives through `T **` belongs to the caller, who frees it with the destroy function of its
 * type, once, in any order and on any thread: a handle never depends on the one that it was made with, and values share
 * the memory of the handle that they come from beyond its end. Destroy functions take NULL. Pointers that a function
 * returns point into the handle that was asked and live as long as it. Arguments are read during the call and not kept,
 * but for the memory of values that say so (`groma_value_borrow_tensor`, `groma_value_from_dlpack`), the argument of
 * `groma_runtime_use`, and the callback of `groma_log_set`. Nothing is freed by `free`.
 *
 * Errors. A function that can fail gives a `groma_status_t`; on failure its outputs are untouched, and if its last
 * argument `error` is not NULL, an owned error is written there. Whatever the data, the process goes on: damaged files
 * and impossible arguments are errors, and a panic inside is caught. docs/c_abi.md says what hosts should know beside.
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
#define GROMA_ABI_MINOR 2

/**
 * The ABI of the library that was loaded: `major << 16 | minor`. Refuse to go on if its major number is not
 * `GROMA_ABI_MAJOR`, or its minor number is below `GROMA_ABI_MINOR`.
 */
uint32_t groma_abi_version(void);

/**
 * The version of the library, as `1.2.3`.
 *
 * @return @static
 */
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

/** A model's tensors are not what is expected of them; the subject is the tensor. */
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

/** A device has too little memory left for what was asked of it; the subject is its name. */
#define GROMA_STATUS_DEVICE_MEMORY 401

/** A device stopped to work while it was in use, and what it was computing is lost; the subject is its name. */
#define GROMA_STATUS_DEVICE_FAILED 402

/** The caller cancelled, by the progress callback or a `groma_cancel_t`. */
#define GROMA_STATUS_CANCELLED 500

/** A promise inside the library does not hold; please report it. */
#define GROMA_STATUS_INTERNAL 900

/** A panic was caught at the boundary; please report it. Destroy the handles that took part. */
#define GROMA_STATUS_PANIC 901

/**
 * The name of a status without its prefix, as `NOT_FOUND`; `UNKNOWN` for a number that this version does not know.
 *
 * @return @static
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

/**
 * One sentence for people: what is wrong, where, and what to do.
 *
 * @return @borrowed an empty string for NULL
 */
const char *groma_error_message(const groma_error_t *error);

/**
 * The file, column, tensor, model or device concerned, for programs.
 *
 * @return @borrowed @nullable NULL if there is none
 */
const char *groma_error_subject(const groma_error_t *error);

/** Frees an error; takes NULL. */
void groma_error_destroy(groma_error_t *error);

/* -------------------------------------------------------------------------------------------------------------------
 * Strings that the library makes for the caller. All strings of this API, in and out, are UTF-8 and end with NUL.
 */

/** An owned string. */
typedef struct groma_string_t groma_string_t;

/**
 * The characters, with a NUL at the end.
 *
 * @return @borrowed @nullable `groma_string_length` bytes and the NUL; NULL for NULL
 */
const char *groma_string_data(const groma_string_t *string);

/** Number of bytes without the NUL at the end. 0 for NULL. */
uint64_t groma_string_length(const groma_string_t *string);

/** Frees a string; takes NULL. */
void groma_string_destroy(groma_string_t *string);

/* -------------------------------------------------------------------------------------------------------------------
 * Messages of the library and of ONNX Runtime. Nothing is written anywhere unless a callback is set. Messages wait in a
 * queue until a call of this library reports progress or ends, on the thread that made that call: a callback never comes
 * from a thread that the host does not know.
 */

/** Something did not work, and its call says so too. */
#define GROMA_LOG_ERROR 1

/** Something is not as it should be, and work goes on. */
#define GROMA_LOG_WARN 2

/** What the library has chosen and opened. */
#define GROMA_LOG_INFO 3

/** What helps to find out why. */
#define GROMA_LOG_DEBUG 4

/**
 * Called with a message: a `GROMA_LOG_...` level, where it comes from (`groma::runtime`, `onnxruntime`), and one line of
 * text; both strings live during the call. It comes on a thread that is inside a call of this library, and not on two
 * threads at the same time. It may call functions of this library; it must not throw or `longjmp` through it.
 */
typedef void (*groma_log_fn)(void *user, int32_t level, const char *target, const char *message);

/**
 * Sets who gets the messages of the library, for the whole process. When this returns, the callback that was set before is
 * not called any more (unless this is called by it).
 *
 * @param callback  @nullable NULL for silence, as in the beginning
 * @param user      @nullable handed to `callback`
 * @param level     the most detailed level that is wanted, a `GROMA_LOG_...`; ignored without a callback
 */
groma_status_t groma_log_set(groma_log_fn callback,
                             void *user,
                             int32_t level,
                             groma_error_t **error);

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

/**
 * Uses an ONNX Runtime that the host has loaded itself, instead of looking for one: the two share it. To be called before a
 * model is opened. It must be 1.23 or newer and stay loaded until the process ends (which Groma sees to where the system
 * can). Make your own environment (`CreateEnv`) before: there is one in a process, and if Groma makes it, messages of ONNX
 * Runtime go to Groma's log. Its telemetry is left as the host has set it.
 *
 * @param ort_api_base  @borrowed what `OrtGetApiBase()` gives: an `OrtApiBase`
 */
groma_status_t groma_runtime_use(const void *ort_api_base,
                                 groma_error_t **error);

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
 * Devices that models can run on in this process.
 */

/** The devices of this machine as they were when they were listed. */
typedef struct groma_devices_t groma_devices_t;

/**
 * Lists the devices, the CPU first. Loads no runtime. A library that is built for GPUs loads NVIDIA's driver, if there is
 * one, and asks every GPU, which takes a part of a second; processes forked from this one cannot use GPUs after that.
 *
 * @param devices  @owned destroy it with `groma_devices_destroy`
 */
groma_status_t groma_devices_list(groma_devices_t **devices,
                                  groma_error_t **error);

/** Number of devices that can be used. 0 for NULL. */
uint64_t groma_devices_count(const groma_devices_t *devices);

/**
 * What the option `device` takes to ask for this one, as `cpu` or `cuda:0`.
 *
 * @return @borrowed @nullable NULL if there is no such device
 */
const char *groma_devices_name(const groma_devices_t *devices, uint64_t index);

/**
 * The name of the processor or GPU, for people.
 *
 * @return @borrowed @nullable NULL if there is no such device
 */
const char *groma_devices_description(const groma_devices_t *devices, uint64_t index);

/**
 * All memory of a device in bytes; of the CPU, the limit of the container where there is a lower one. 0 if it is not known
 * (on Windows, say) and if there is no such device.
 */
uint64_t groma_devices_memory_total_bytes(const groma_devices_t *devices,
                                          uint64_t index);

/** How much of it could be taken when the devices were listed. 0 if it is not known and if there is no such device. */
uint64_t groma_devices_memory_free_bytes(const groma_devices_t *devices, uint64_t index);

/** 1 if so many bytes of a device's memory were free when the devices were listed, else 0, also where that is not known. */
int32_t groma_devices_fits(const groma_devices_t *devices, uint64_t index, uint64_t bytes);

/**
 * Name of the GPU that was least at work; of equals the one with more free memory. The CPU's, if no GPU can be used.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const char *groma_devices_least_loaded(const groma_devices_t *devices);

/**
 * Everything as a JSON object: `cpu`; `memory`; `devices`, in which those that cannot be used say why, and a GPU has an
 * object `gpu` with its memory, load and what else is known; `least_loaded`; and `cuda`, the driver of GPUs.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const char *groma_devices_json(const groma_devices_t *devices);

/** Frees a list of devices; takes NULL. */
void groma_devices_destroy(groma_devices_t *devices);

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
 * call functions of this library; it must not throw or `longjmp` through it. It is not called any more once the flag of the
 * call was triggered.
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
 * second with `GROMA_STATUS_CANCELLED` and leave no partial file; runs of networks end at the end of the current node.
 */
void groma_cancel_trigger(const groma_cancel_t *cancel);

/** 1 if the flag was triggered, 0 if not or for NULL. */
int32_t groma_cancel_is_triggered(const groma_cancel_t *cancel);

/** Frees a flag; takes NULL. */
void groma_cancel_destroy(groma_cancel_t *cancel);

/* -------------------------------------------------------------------------------------------------------------------
 * Options. An options struct begins with its own size, so that it can grow: fill it with its init function, change what
 * you want, pass it by pointer; NULL means the defaults. A newer program may pass a longer struct to an older library as
 * long as the fields that it does not know are zero. Enumerations are `int32_t` and refused when out of range. Devices are
 * named `cpu`, `auto` (the GPUs if there are any), `cuda`, `cuda:0,2` or `all`; a GPU that is named is used or refused.
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

/** What to open a model with, beside its file. Fill it with `groma_model_options_init`. */
typedef struct groma_model_options_t {
    /** Set by `groma_model_options_init`. */
    uint32_t struct_size;
    /** Leave it 0. */
    int32_t reserved;
    /** A manifest, as JSON, that replaces all others; NULL (the default) for the one inside the file or beside it. */
    const char *manifest_json;
    /**
     * A `.safetensors` file whose weights replace those of the same names in the ONNX file; NULL (the default) for none. A
     * weight that the model has not, or has with another type or shape, is an error, and so are weights that were trained
     * for other classes or features.
     */
    const char *checkpoint;
    /** The devices to run on; `auto` for NULL (the default). */
    const char *device;
} groma_model_options_t;

/**
 * Fills `options` with the defaults.
 *
 * @param struct_size  `sizeof(groma_model_options_t)`
 */
void groma_model_options_init(groma_model_options_t *options, uint32_t struct_size);

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
 * Opens an ONNX file with a manifest, weights or a device of the caller's choice.
 *
 * @param path     the model's file
 * @param options  @nullable NULL for the defaults, which are those of `groma_model_open`
 * @param model    @owned destroy it with `groma_model_destroy`
 */
groma_status_t groma_model_open_with(const char *path,
                                     const groma_model_options_t *options,
                                     groma_model_t **model,
                                     groma_error_t **error);

/**
 * Opens a model from memory, which is copied, with a manifest, weights or a device of the caller's choice.
 *
 * @param name     what to call it in messages
 * @param data     the bytes of an ONNX file
 * @param size     number of bytes
 * @param options  @nullable NULL for the defaults
 * @param model    @owned destroy it with `groma_model_destroy`
 */
groma_status_t groma_model_open_memory_with(const char *name,
                                            const void *data,
                                            uint64_t size,
                                            const groma_model_options_t *options,
                                            groma_model_t **model,
                                            groma_error_t **error);

/**
 * Opens the default model, which is part of the library.
 *
 * @param model  @owned destroy it with `groma_model_destroy`
 */
groma_status_t groma_model_open_default(groma_model_t **model, groma_error_t **error);

/**
 * Opens the default model with a manifest, weights or a device of the caller's choice.
 *
 * @param options  @nullable NULL for the defaults, which are those of `groma_model_open_default`
 * @param model    @owned destroy it with `groma_model_destroy`
 */
groma_status_t groma_model_open_default_with(const groma_model_options_t *options,
                                             groma_model_t **model,
                                             groma_error_t **error);

/** Frees a model; takes NULL. Results that were made with it stay valid. */
void groma_model_destroy(groma_model_t *model);

/**
 * The model's file name, or `groma default`.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const char *groma_model_name(const groma_model_t *model);

/** Number of classes that the model tells apart. 0 for NULL. */
uint64_t groma_model_class_count(const groma_model_t *model);

/**
 * Name of class `index`.
 *
 * @return @borrowed @nullable NULL if there is no such class
 */
const char *groma_model_class_name(const groma_model_t *model, uint64_t index);

/**
 * The manifest as a JSON object: feature columns, normalisation, classes, ASPRS codes.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const char *groma_model_manifest_json(const groma_model_t *model);

/**
 * All there is to know of the model as a JSON object: name, manifest, tensors, metadata with all its keys, feature schema,
 * size, runtime, and of an ensemble its models; lives as long as the model. NULL for NULL.
 *
 * @return @borrowed @nullable the text
 */
const char *groma_model_describe_json(const groma_model_t *model);

/**
 * Rows a call that suit the model on each device, as a JSON array of `device`, `rows` and, where measured, `rows_per_s`. A GPU
 * is measured once for a model and about so much free memory, and remembered, for later processes too (in the folder that
 * `GROMA_CACHE` names, or where the system keeps caches). Of the CPU it is what the manifest says.
 *
 * @param json  @owned destroy it with `groma_string_destroy`
 */
groma_status_t groma_model_batches_json(const groma_model_t *model,
                                        groma_string_t **json,
                                        groma_error_t **error);

/**
 * A value of the ONNX file's own metadata; lives as long as the model. NULL for NULL, and if there is no such key.
 *
 * @param key  the key, as `groma.manifest`
 * @return @borrowed @nullable the value
 */
const char *groma_model_metadata(const groma_model_t *model, const char *key);

/* -------------------------------------------------------------------------------------------------------------------
 * Ensembles: several models that answer as one. An ensemble is a `groma_model_t`, and every function that takes a model
 * takes it, but for `groma_embed_points`.
 */

/** The weighted mean of the probabilities; class, confidence and entropy are those of the mean. */
#define GROMA_ENSEMBLE_MEAN 0

/**
 * Each model gives its weight to its class; the class with most of it wins, and of several the one with the higher mean
 * probability. Probabilities and confidence are shares of the votes.
 */
#define GROMA_ENSEMBLE_VOTE 1

/**
 * The model whose manifest's `block_size_m` is nearest to the scale of the call answers alone: to the block size of its
 * options, or, where none is given, to the longer edge of the points' extent. Of two as near the one with smaller blocks.
 */
#define GROMA_ENSEMBLE_SCALE 2

/**
 * Makes one model of several, which must tell the same classes apart, in one order and with the same ASPRS codes. Their
 * feature columns may differ if the settings of their features agree. The models are shared, and may be destroyed before
 * the ensemble.
 *
 * @param models   `count` models, none of them an ensemble
 * @param weights  @nullable `count` weights, finite, not negative and not all 0; NULL for equal ones, and with
 *                 `GROMA_ENSEMBLE_SCALE`
 * @param count    number of models, 1 to 256
 * @param combine  a `GROMA_ENSEMBLE_...`
 * @param model    @owned destroy it with `groma_model_destroy`
 */
groma_status_t groma_model_open_ensemble(const groma_model_t *const *models,
                                         const double *weights,
                                         uint64_t count,
                                         int32_t combine,
                                         groma_model_t **model,
                                         groma_error_t **error);

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

/** Type of a value's elements, not of columns: `uint8_t`, 0 or 1. */
#define GROMA_TYPE_BOOL 11

/** Type of a value's elements, not of columns: text, any bytes (ONNX means UTF-8). */
#define GROMA_TYPE_STRING 12

/** Type of a value's elements, not of columns: IEEE 754 half precision. */
#define GROMA_TYPE_F16 13

/** Type of a value's elements, not of columns: bfloat16, the upper half of a `float`. */
#define GROMA_TYPE_BF16 14

/** Type of a value's elements, not of columns: complex, two `float`. */
#define GROMA_TYPE_C64 15

/** Type of a value's elements, not of columns: complex, two `double`. */
#define GROMA_TYPE_C128 16

/** Type of a value's elements, not of columns: 8-bit float, 4 bits of exponent and 3 of mantissa, no infinities. */
#define GROMA_TYPE_F8E4M3FN 17

/** Type of a value's elements, not of columns: 8-bit float, 4 bits of exponent and 3 of mantissa, one zero, no infinities. */
#define GROMA_TYPE_F8E4M3FNUZ 18

/** Type of a value's elements, not of columns: 8-bit float, 5 bits of exponent and 2 of mantissa. */
#define GROMA_TYPE_F8E5M2 19

/** Type of a value's elements, not of columns: 8-bit float, 5 bits of exponent and 2 of mantissa, one zero, no infinities. */
#define GROMA_TYPE_F8E5M2FNUZ 20

/** Type of a value's elements, not of columns: 8 bits of exponent: a power of two. */
#define GROMA_TYPE_F8E8M0 21

/** Type of a value's elements, not of columns: 4-bit float, 2 bits of exponent and 1 of mantissa; packed. */
#define GROMA_TYPE_F4E2M1 22

/** Type of a value's elements, not of columns: unsigned, 4 bits; packed, two in a byte, low bits first. */
#define GROMA_TYPE_U4 23

/** Type of a value's elements, not of columns: signed, 4 bits; packed, two in a byte, low bits first. */
#define GROMA_TYPE_I4 24

/** Type of a value's elements, not of columns: unsigned, 2 bits; packed, four in a byte, low bits first. */
#define GROMA_TYPE_U2 25

/** Type of a value's elements, not of columns: signed, 2 bits; packed, four in a byte, low bits first. */
#define GROMA_TYPE_I2 26

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

/** Type code of signed integers, as in DLPack (`kDLInt`). */
#define GROMA_DTYPE_INT 0

/** Type code of unsigned integers, as in DLPack (`kDLUInt`). */
#define GROMA_DTYPE_UINT 1

/** Type code of floating-point numbers, as in DLPack (`kDLFloat`). */
#define GROMA_DTYPE_FLOAT 2

/** Type code of bfloat16, as in DLPack (`kDLBfloat`). */
#define GROMA_DTYPE_BFLOAT 4

/** Type code of complex numbers, as in DLPack (`kDLComplex`). */
#define GROMA_DTYPE_COMPLEX 5

/** Type code of truth values, as in DLPack (`kDLBool`). */
#define GROMA_DTYPE_BOOL 6

/** Type code of 8-bit floats, as in DLPack (`kDLFloat8_e3m4`). */
#define GROMA_DTYPE_FLOAT8_E3M4 7

/** Type code of 8-bit floats, as in DLPack (`kDLFloat8_e4m3`). */
#define GROMA_DTYPE_FLOAT8_E4M3 8

/** Type code of 8-bit floats, as in DLPack (`kDLFloat8_e4m3b11fnuz`). */
#define GROMA_DTYPE_FLOAT8_E4M3B11FNUZ 9

/** Type code of 8-bit floats, as in DLPack (`kDLFloat8_e4m3fn`). */
#define GROMA_DTYPE_FLOAT8_E4M3FN 10

/** Type code of 8-bit floats, as in DLPack (`kDLFloat8_e4m3fnuz`). */
#define GROMA_DTYPE_FLOAT8_E4M3FNUZ 11

/** Type code of 8-bit floats, as in DLPack (`kDLFloat8_e5m2`). */
#define GROMA_DTYPE_FLOAT8_E5M2 12

/** Type code of 8-bit floats, as in DLPack (`kDLFloat8_e5m2fnuz`). */
#define GROMA_DTYPE_FLOAT8_E5M2FNUZ 13

/** Type code of 8-bit powers of two, as in DLPack (`kDLFloat8_e8m0fnu`). */
#define GROMA_DTYPE_FLOAT8_E8M0FNU 14

/** Type code of 6-bit floats, as in DLPack (`kDLFloat6_e2m3fn`). */
#define GROMA_DTYPE_FLOAT6_E2M3FN 15

/** Type code of 6-bit floats, as in DLPack (`kDLFloat6_e3m2fn`). */
#define GROMA_DTYPE_FLOAT6_E3M2FN 16

/** Type code of 4-bit floats, as in DLPack (`kDLFloat4_e2m1fn`). */
#define GROMA_DTYPE_FLOAT4_E2M1FN 17

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
 * Values: what networks take and give. A `groma_value_t` is a tensor of any ONNX element type, a list of values, a map, or
 * nothing. It never changes, any number of threads may use it, and its memory does not depend on the handle that it came
 * from: results, features and networks may be destroyed before their values.
 */

/** An array of numbers or strings. */
#define GROMA_KIND_TENSOR 1

/** A list of values. */
#define GROMA_KIND_SEQUENCE 2

/** An optional without a value. */
#define GROMA_KIND_NONE 3

/** Keys with a value each. */
#define GROMA_KIND_MAP 4

/** A value that a network takes or gives; shared, never changed. */
typedef struct groma_value_t groma_value_t;

/**
 * Makes a tensor of a copy of elements: row-major, without gaps. Those of 4 and 2 bits are packed, the first in the low
 * bits of a byte.
 *
 * @param element_type  a `GROMA_TYPE_...`, but for `GROMA_TYPE_STRING`
 * @param shape         @nullable `ndim` sizes; NULL if `ndim` is 0, a single element
 * @param ndim          number of dimensions, up to 64
 * @param data          @nullable `size_bytes` bytes; NULL if there are none
 * @param size_bytes    bytes of all elements together
 * @param value         @owned destroy it with `groma_value_destroy`
 */
groma_status_t groma_value_copy_tensor(int32_t element_type,
                                       const int64_t *shape,
                                       uint64_t ndim,
                                       const void *data,
                                       uint64_t size_bytes,
                                       groma_value_t **value,
                                       groma_error_t **error);

/**
 * Makes a tensor over memory of the caller, which is not copied (unless it is not aligned for its elements): it must stay
 * as it is until the value, and everything that shares it, is destroyed: sequences and items made of it, checkpoints that it
 * was added to, DLPack tensors made of it (when their deleter is called), and outputs of networks that hand an input
 * through. Otherwise as `groma_value_copy_tensor`.
 *
 * @param element_type  a `GROMA_TYPE_...`, but for `GROMA_TYPE_STRING`
 * @param shape         @nullable `ndim` sizes, which are copied; NULL if `ndim` is 0
 * @param ndim          number of dimensions, up to 64
 * @param data          @borrowed @nullable `size_bytes` bytes; NULL if there are none
 * @param size_bytes    bytes of all elements together
 * @param value         @owned destroy it with `groma_value_destroy`
 */
groma_status_t groma_value_borrow_tensor(int32_t element_type,
                                         const int64_t *shape,
                                         uint64_t ndim,
                                         const void *data,
                                         uint64_t size_bytes,
                                         groma_value_t **value,
                                         groma_error_t **error);

/**
 * Makes a tensor of strings, which are copied.
 *
 * @param strings  @nullable as many strings as the shape holds, row-major; NULL if that is none
 * @param lengths  @nullable the bytes of each string, which may hold any; NULL if all end with NUL
 * @param shape    @nullable `ndim` sizes; NULL if `ndim` is 0, a single string
 * @param ndim     number of dimensions, up to 64
 * @param value    @owned destroy it with `groma_value_destroy`
 */
groma_status_t groma_value_create_strings(const char *const *strings,
                                          const uint64_t *lengths,
                                          const int64_t *shape,
                                          uint64_t ndim,
                                          groma_value_t **value,
                                          groma_error_t **error);

/**
 * Makes a list of values, which shares the memory of the items. Lists and maps may lie 16 deep in each other.
 *
 * @param items  @nullable `count` values; NULL if there are none
 * @param count  number of items
 * @param value  @owned destroy it with `groma_value_destroy`
 */
groma_status_t groma_value_create_sequence(const groma_value_t *const *items,
                                           uint64_t count,
                                           groma_value_t **value,
                                           groma_error_t **error);

/**
 * Makes an optional without a value.
 *
 * @param value  @owned destroy it with `groma_value_destroy`
 */
groma_status_t groma_value_create_none(groma_value_t **value, groma_error_t **error);

/**
 * Takes a tensor of another library over by DLPack, without a copy (unless it is not row-major, or not aligned). On
 * success it belongs to the value: its deleter is called once, on the thread that destroys the last value made of it.
 * Until then its memory must not be written. On failure it still belongs to the caller.
 *
 * @param managed_tensor  a `DLManagedTensor *` in main memory
 * @param value           @owned destroy it with `groma_value_destroy`
 */
groma_status_t groma_value_from_dlpack(void *managed_tensor, groma_value_t **value, groma_error_t **error);

/**
 * Gives a tensor to another library by DLPack, without a copy. The memory lives until the deleter of the managed tensor
 * is called, whatever becomes of the value, and must not be written; so does memory of the caller that the value borrows,
 * which has to stay as long. `data` is NULL where there are no elements. Not for strings, sequences, maps and nothing.
 *
 * @param value           a tensor
 * @param managed_tensor  @owned receives a `DLManagedTensor *`; whoever gets it calls its deleter, once, on any thread
 */
groma_status_t groma_value_to_dlpack(const groma_value_t *value,
                                     void **managed_tensor,
                                     groma_error_t **error);

/** What the value is: a `GROMA_KIND_...`. 0 for NULL. */
int32_t groma_value_kind(const groma_value_t *value);

/** Type of a tensor's elements, a `GROMA_TYPE_...`; 0 for what is no tensor. */
int32_t groma_value_element_type(const groma_value_t *value);

/** Number of a tensor's dimensions; 0 for a single element, and for what is no tensor. */
uint64_t groma_value_ndim(const groma_value_t *value);

/**
 * Sizes of a tensor's dimensions, `groma_value_ndim` numbers.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const int64_t *groma_value_shape(const groma_value_t *value);

/**
 * Elements of a tensor, row-major, `groma_value_size_bytes` bytes.
 *
 * @return @borrowed @nullable NULL for strings, for what is no tensor, and where there are no elements
 */
const void *groma_value_data(const groma_value_t *value);

/** Bytes of a tensor's elements together; of strings without what ends them. 0 for what is no tensor. */
uint64_t groma_value_size_bytes(const groma_value_t *value);

/** Elements of a tensor, items of a sequence, pairs of a map; 0 for nothing and for NULL. */
uint64_t groma_value_count(const groma_value_t *value);

/**
 * String `index` of a tensor of strings, with a NUL at the end. It may hold any bytes, NUL as well.
 *
 * @param index   from 0, row-major
 * @param length  @nullable receives the number of bytes, without the NUL at the end; untouched if there is no such string
 * @return @borrowed @nullable NULL if there is no such string
 */
const char *groma_value_string(const groma_value_t *value,
                               uint64_t index,
                               uint64_t *length);

/**
 * Gives an item of a sequence, or a part of a map: its keys (0) or its values (1). It shares the memory.
 *
 * @param index  from 0
 * @param item   @owned destroy it with `groma_value_destroy`
 */
groma_status_t groma_value_item(const groma_value_t *value,
                                uint64_t index,
                                groma_value_t **item,
                                groma_error_t **error);

/**
 * A tensor as a view, whose `data` is NULL where there are no elements. Not for strings, sequences, maps and nothing.
 *
 * @param tensor  receives the view; @borrowed it lives as long as the value
 */
groma_status_t groma_value_tensor(const groma_value_t *value, groma_tensor_t *tensor, groma_error_t **error);

/** Frees a value; takes NULL. Values that were made of it stay valid. */
void groma_value_destroy(groma_value_t *value);

/* -------------------------------------------------------------------------------------------------------------------
 * Networks: any ONNX file, run on values by name. What an ONNX network takes and gives it takes and gives here; nothing is
 * known of points or classes. A `groma_network_t` is shared: any number of threads may run one at the same time.
 */

/** ONNX Runtime may rewrite a network as far as it can. */
#define GROMA_OPTIMIZATION_ALL 0

/** Every node is run as it stands in the file. */
#define GROMA_OPTIMIZATION_NONE 1

/** Constants are folded, nodes without effect left out. */
#define GROMA_OPTIMIZATION_BASIC 2

/** As `GROMA_OPTIMIZATION_BASIC`, and nodes fused. */
#define GROMA_OPTIMIZATION_EXTENDED 3

/** An opened network. */
typedef struct groma_network_t groma_network_t;

/** How to open a network. Fill it with `groma_network_options_init`. */
typedef struct groma_network_options_t {
    /** Set by `groma_network_options_init`. */
    uint32_t struct_size;
    /**
     * Threads that one run may use, the calling one included; 0 (the default) for one a core, at most 1024. Those beside the
     * calling one are kept, asleep between runs, until the network is destroyed.
     */
    uint32_t threads;
    /** How far ONNX Runtime may rewrite the network: a `GROMA_OPTIMIZATION_...`. Default `GROMA_OPTIMIZATION_ALL`. */
    int32_t optimization;
    /** Must be 0. */
    int32_t reserved;
    /** The device to run on: `auto`, or a name of `groma_devices_name`. NULL (the default) for `auto`. */
    const char *device;
    /** A checkpoint (`.safetensors`) whose weights take the place of those in the file; NULL (the default) for none. */
    const char *checkpoint;
    /** `extra_output_count` names of tensors inside the network, which become outputs behind its own; NULL for none. */
    const char *const *extra_outputs;
    /** Number of extra outputs. */
    uint64_t extra_output_count;
} groma_network_options_t;

/** How to run a network. Fill it with `groma_network_run_options_init`. */
typedef struct groma_network_run_options_t {
    /** Set by `groma_network_run_options_init`. */
    uint32_t struct_size;
    /** Must be 0. */
    int32_t reserved;
    /** A flag that may stop the call; NULL for none. */
    const groma_cancel_t *cancel;
    /** Called while the network runs, with 0 of 1 of `GROMA_STAGE_INFERENCE`, and with 1 of 1 at the end; NULL for none. */
    groma_progress_fn progress;
    /** Handed to `progress`. */
    void *progress_user;
} groma_network_run_options_t;

/**
 * Fills `options` with the defaults.
 *
 * @param options      receives the defaults
 * @param struct_size  `sizeof(groma_network_options_t)`
 */
void groma_network_options_init(groma_network_options_t *options, uint32_t struct_size);

/**
 * Fills `options` with the defaults.
 *
 * @param options      receives the defaults
 * @param struct_size  `sizeof(groma_network_run_options_t)`
 */
void groma_network_run_options_init(groma_network_run_options_t *options, uint32_t struct_size);

/**
 * Opens an ONNX file. Weights that it keeps in other files are looked for beside it.
 *
 * @param path     the network's file
 * @param options  @nullable NULL for the defaults
 * @param network  @owned destroy it with `groma_network_destroy`
 */
groma_status_t groma_network_open(const char *path,
                                  const groma_network_options_t *options,
                                  groma_network_t **network,
                                  groma_error_t **error);

/**
 * Opens a network from memory, which is copied. Its weights must be inside, or replaced by those of `options`.
 *
 * @param name     what to call it in messages
 * @param data     the bytes of an ONNX file
 * @param size     number of bytes
 * @param options  @nullable NULL for the defaults
 * @param network  @owned destroy it with `groma_network_destroy`
 */
groma_status_t groma_network_open_memory(const char *name,
                                         const void *data,
                                         uint64_t size,
                                         const groma_network_options_t *options,
                                         groma_network_t **network,
                                         groma_error_t **error);

/**
 * The network's file name, or the name that it was opened with.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const char *groma_network_name(const groma_network_t *network);

/** Number of inputs, without those that have a default inside the network. 0 for NULL. */
uint64_t groma_network_input_count(const groma_network_t *network);

/**
 * Name of input `index`, in the order of the file.
 *
 * @return @borrowed @nullable NULL if there is no such input
 */
const char *groma_network_input_name(const groma_network_t *network, uint64_t index);

/** Number of outputs, extra ones included. 0 for NULL. */
uint64_t groma_network_output_count(const groma_network_t *network);

/**
 * Name of output `index`, in the order of the file, extra ones last.
 *
 * @return @borrowed @nullable NULL if there is no such output
 */
const char *groma_network_output_name(const groma_network_t *network, uint64_t index);

/**
 * What the file's metadata say under a key.
 *
 * @param key  a key of the ONNX metadata
 * @return @borrowed @nullable NULL if there is no such key
 */
const char *groma_network_metadata(const groma_network_t *network, const char *key);

/**
 * The network as a JSON object: inputs and outputs with kinds, element types and shapes (a name stands for a free size),
 * metadata, operator sets, names of all tensors inside, initializers with types and shapes.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const char *groma_network_describe_json(const groma_network_t *network);

/**
 * Runs a network. Without a flag and a callback it runs on the calling thread; a run that is stopped gives
 * `GROMA_STATUS_CANCELLED` at the end of the current node (ONNX Runtime looks between nodes: of a network that is one large
 * operation the whole run), and the network can be used again.
 *
 * @param input_names   @nullable `input_count` names; NULL if there are none
 * @param inputs        @nullable `input_count` values, one for each name; NULL if there are none. An optional without a value
 *                      may be left out
 * @param input_count   number of inputs
 * @param output_names  @nullable `output_count` names of the outputs that are wanted; NULL for all
 * @param output_count  number of wanted outputs; 0 with NULL
 * @param options       @nullable NULL for the defaults
 * @param outputs       @owned a sequence with one item for each output asked for; destroy it with `groma_value_destroy`
 */
groma_status_t groma_network_run(const groma_network_t *network,
                                 const char *const *input_names,
                                 const groma_value_t *const *inputs,
                                 uint64_t input_count,
                                 const char *const *output_names,
                                 uint64_t output_count,
                                 const groma_network_run_options_t *options,
                                 groma_value_t **outputs,
                                 groma_error_t **error);

/** Frees a network; takes NULL. Values that it gave stay valid. */
void groma_network_destroy(groma_network_t *network);

/* -------------------------------------------------------------------------------------------------------------------
 * Checkpoints: weights, the state of optimizer and scheduler, and what they belong to, in one `.safetensors` file. Weights
 * of a checkpoint go into a model with the options of `groma_model_open_with`. A `groma_checkpoint_t` is exclusive while
 * tensors are added; after that it may be read by any number of threads.
 */

/** The weights of the network, by the names of its initializers. */
#define GROMA_SECTION_WEIGHTS 1

/** The state of the optimizer. */
#define GROMA_SECTION_OPTIMIZER 2

/** The state of the schedule of learning rates. */
#define GROMA_SECTION_SCHEDULER 3

/** Named tensors in three sections, and metadata. */
typedef struct groma_checkpoint_t groma_checkpoint_t;

/**
 * Makes a checkpoint without tensors.
 *
 * @param metadata_json  @nullable a JSON object of `schema_hash`, `classes`, `training_data`, `version`, `step` and `extra`,
 *                       any of which may be left out; NULL for none
 * @param checkpoint     @owned destroy it with `groma_checkpoint_destroy`
 */
groma_status_t groma_checkpoint_create(const char *metadata_json,
                                       groma_checkpoint_t **checkpoint,
                                       groma_error_t **error);

/**
 * Reads a checkpoint, or any other `.safetensors` file, whose tensors are all weights then.
 *
 * @param path        the file
 * @param checkpoint  @owned destroy it with `groma_checkpoint_destroy`
 */
groma_status_t groma_checkpoint_open(const char *path, groma_checkpoint_t **checkpoint, groma_error_t **error);

/**
 * Adds a tensor; its memory is shared with the value, which may be destroyed. Memory of the caller that the value borrows
 * has to stay until the checkpoint is destroyed as well.
 *
 * @param section  a `GROMA_SECTION_...`
 * @param name     a name that the section has not; that of a weight must not begin with `optimizer.` or `scheduler.`
 * @param value    a tensor of numbers of at least 8 bits
 */
groma_status_t groma_checkpoint_add(groma_checkpoint_t *checkpoint,
                                    int32_t section,
                                    const char *name,
                                    const groma_value_t *value,
                                    groma_error_t **error);

/**
 * Writes the checkpoint to a file, which appears whole or not at all.
 *
 * @param path       the file
 * @param overwrite  1 to replace one that exists, 0 to refuse
 */
groma_status_t groma_checkpoint_save(const groma_checkpoint_t *checkpoint,
                                     const char *path,
                                     int32_t overwrite,
                                     groma_error_t **error);

/**
 * Number of tensors of a section. 0 for NULL, and for a section that there is not.
 *
 * @param section  a `GROMA_SECTION_...`
 */
uint64_t groma_checkpoint_count(const groma_checkpoint_t *checkpoint, int32_t section);

/**
 * Name of tensor `index` of a section, in order of the names; lives until a tensor is added or the checkpoint destroyed.
 *
 * @param section  a `GROMA_SECTION_...`
 * @param index    from 0
 * @return @borrowed @nullable NULL if there is none
 */
const char *groma_checkpoint_name(const groma_checkpoint_t *checkpoint,
                                  int32_t section,
                                  uint64_t index);

/**
 * A tensor of a section, which lives on without the checkpoint.
 *
 * @param section  a `GROMA_SECTION_...`
 * @param name     its name
 * @param value    @owned destroy it with `groma_value_destroy`
 */
groma_status_t groma_checkpoint_value(const groma_checkpoint_t *checkpoint,
                                      int32_t section,
                                      const char *name,
                                      groma_value_t **value,
                                      groma_error_t **error);

/**
 * What the checkpoint says of itself, as the JSON object that `groma_checkpoint_create` takes; the metadata of a file that
 * is not Groma's is under `extra`. Lives as long as the checkpoint.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const char *groma_checkpoint_metadata_json(const groma_checkpoint_t *checkpoint);

/** Frees a checkpoint; takes NULL. Values that were made of it stay. */
void groma_checkpoint_destroy(groma_checkpoint_t *checkpoint);

/* -------------------------------------------------------------------------------------------------------------------
 * Results: what a model says of every point, in the order of the points. The arrays belong to the result and live until
 * it is destroyed; they do not need the model or the points. Values of them live on their own.
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

/**
 * The class of each point, an index into the model's classes.
 *
 * @return @borrowed @nullable `groma_result_count` numbers; NULL for NULL
 */
const uint8_t *groma_result_classes(const groma_result_t *result);

/**
 * The ASPRS code of each point.
 *
 * @return @borrowed @nullable `groma_result_count` numbers; NULL for NULL
 */
const uint8_t *groma_result_asprs(const groma_result_t *result);

/**
 * The probability of each point's class, 0...1.
 *
 * @return @borrowed @nullable `groma_result_count` numbers; NULL for NULL
 */
const float *groma_result_confidence(const groma_result_t *result);

/**
 * The entropy of each point's probabilities, in nats, 0...ln(classes).
 *
 * @return @borrowed @nullable `groma_result_count` numbers; NULL for NULL
 */
const float *groma_result_entropy(const groma_result_t *result);

/**
 * All probabilities, row-major: class `c` of point `i` at `i * classes + c`.
 *
 * @return @borrowed @nullable `groma_result_count * groma_result_class_count` numbers; NULL if they were not asked for
 */
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

/**
 * Any of the arrays as a value: the same memory, without a copy, which lives as long as the value, with or without the
 * result.
 *
 * @param output  a `GROMA_OUTPUT_...`
 * @param value   @owned destroy it with `groma_value_destroy`
 */
groma_status_t groma_result_value(const groma_result_t *result,
                                  int32_t output,
                                  groma_value_t **value,
                                  groma_error_t **error);

/**
 * Which points were predicted with at least some confidence, in two forms; the arrays of the result keep their full length.
 *
 * @param min_confidence  0 to 1
 * @param mask            @owned @nullable receives `uint8_t` `[count]`, 1 with enough confidence and 0 without; NULL if it is
 *                        not wanted; destroy it with `groma_value_destroy`
 * @param rows            @owned @nullable receives `uint32_t` `[m]`, the points with enough confidence, ascending; NULL if it
 *                        is not wanted; destroy it with `groma_value_destroy`
 */
groma_status_t groma_result_confident(const groma_result_t *result,
                                      float min_confidence,
                                      groma_value_t **mask,
                                      groma_value_t **rows,
                                      groma_error_t **error);

/** Frees a result; takes NULL. Its arrays go with it, but for those that values hold. */
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

/**
 * Everything, as a JSON object.
 *
 * @return @borrowed @nullable NULL for NULL
 */
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
    /**
     * Edge length of a block in metres; 0 (the default) for that of the manifest. The result does not depend on it, but for an
     * ensemble by `GROMA_ENSEMBLE_SCALE`, of which it chooses the model that answers.
     */
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
 * Runs over many tiles: without seams, in bounded memory, again after a crash; at once, or tile by tile for those who spread
 * them over machines themselves.
 */

/** A run over tiles into a folder. It may be used by several threads; the folder is what processes share. */
typedef struct groma_run_t groma_run_t;

/** How to run. Fill it with `groma_run_options_init`. */
typedef struct groma_run_options_t {
    /** Set by `groma_run_options_init`. */
    uint32_t struct_size;
    /** 1 to go on with an earlier run into the same folder: outputs that are right are kept. Default 0. */
    int32_t resume;
    /** 1 to go on with the other tiles when one fails, 0 (the default) to finish those that were begun and stop. */
    int32_t skip_failed;
    /** 1 to take tiles that state no reference system as being in that of the others. Default 0: they are refused. */
    int32_t assume_crs;
    /** 1 to keep the indices when all tiles are done. Default 0. */
    int32_t keep_index;
    /** Number of the shard, from 1, and how many there are; 0 and 0 (the default) for all tiles. */
    uint32_t shard_number;
    /** See `shard_number`. */
    uint32_t shard_count;
    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    uint32_t threads;
    /** Folder of the indices; NULL (the default) for `.groma` in that of the outputs. */
    const char *work;
    /** A flag that may stop the call; NULL for none. */
    const groma_cancel_t *cancel;
    /** Called with the progress; NULL for none. */
    groma_progress_fn progress;
    /** Handed to `progress`. */
    void *progress_user;
} groma_run_options_t;

/**
 * Fills `options` with the defaults.
 *
 * @param struct_size  `sizeof(groma_run_options_t)`
 */
void groma_run_options_init(groma_run_options_t *options, uint32_t struct_size);

/**
 * Looks at the tiles of a run; none is read yet. Each point gets the class that one file of all tiles would have given it.
 * Outputs have the names of their inputs, and appear whole or not at all. They carry a record of their making, and the
 * folder has a line for each in `groma-run.jsonl`.
 *
 * @param model     from `groma_model_open...`
 * @param inputs    files, folders or patterns (`north_*.laz`), one a line
 * @param output    the folder for the outputs; it is made when the first call needs it
 * @param classify  @nullable what is written and how features are computed; NULL for the defaults. Threads, flag and callback
 *                  are not used
 * @param options   @nullable NULL for the defaults; threads, flag and callback are not used
 * @param run       @owned destroy it with `groma_run_destroy`
 */
groma_status_t groma_run_open(const groma_model_t *model,
                              const char *inputs,
                              const char *output,
                              const groma_classify_options_t *classify,
                              const groma_run_options_t *options,
                              groma_run_t **run,
                              groma_error_t **error);

/** Number of tiles, those of other shards included. 0 for NULL. */
uint64_t groma_run_tile_count(const groma_run_t *run);

/**
 * What is known of the run, as a JSON object: `output`, `model`, `crs`, `linear_unit_m`, `shard`, `remarks`, and `tiles` with
 * `input`, `output`, `bounds` ([lowest x and y, highest x and y] or null), `points`, and `reason` where another shard makes it.
 *
 * @param json  @owned destroy it with `groma_string_destroy`
 */
groma_status_t groma_run_describe(const groma_run_t *run,
                                  groma_string_t **json,
                                  groma_error_t **error);

/**
 * Makes the index of a tile, if it is not there. Processes that share the folder may each make some; when all are there,
 * every tile can be made.
 *
 * @param tile     from 0 to `groma_run_tile_count` less 1
 * @param options  @nullable threads, flag and callback; what else they say was settled by `groma_run_open`. NULL for the
 *                 defaults
 */
groma_status_t groma_run_index(const groma_run_t *run,
                               uint64_t tile,
                               const groma_run_options_t *options,
                               groma_error_t **error);

/**
 * Makes a tile, of whichever shard. If its output is there and right, it is kept. Indices that are missing are made first.
 *
 * @param tile     from 0 to `groma_run_tile_count` less 1
 * @param options  @nullable threads, flag and callback; what else they say was settled by `groma_run_open`. NULL for the
 *                 defaults
 * @param summary  @owned @nullable what was done; destroy it with `groma_summary_destroy`
 */
groma_status_t groma_run_tile(const groma_run_t *run,
                              uint64_t tile,
                              const groma_run_options_t *options,
                              groma_summary_t **summary,
                              groma_error_t **error);

/**
 * Ends a run whose tiles were made by `groma_run_tile`, once nobody is at work on them: removes what makers that were lost left
 * in the folder and, if all outputs are there and `keep_index` was not asked for, the larger part of the indices.
 * `groma_run_execute` does so itself.
 */
groma_status_t groma_run_finish(const groma_run_t *run,
                                groma_error_t **error);

/**
 * Makes all tiles of the run, or of its shard. Tiles that fail are no error of this call: the summary's JSON has `failed` and
 * the reasons in `tiles`.
 *
 * @param options  @nullable threads, flag and callback; what else they say was settled by `groma_run_open`. NULL for the
 *                 defaults
 * @param summary  @owned @nullable what was done, in all: destroy it with `groma_summary_destroy`
 */
groma_status_t groma_run_execute(const groma_run_t *run,
                                 const groma_run_options_t *options,
                                 groma_summary_t **summary,
                                 groma_error_t **error);

/** Frees a run; takes NULL. What it wrote stays. */
void groma_run_destroy(groma_run_t *run);

/* -------------------------------------------------------------------------------------------------------------------
 * Embeddings: what a network computes of points on its way to their classes.
 */

/**
 * Computes a tensor in the middle of the network for points in memory. Threads and blocks change no value.
 *
 * @param model       from `groma_model_open...`; not an ensemble, which has no tensors of its own
 * @param points      the points, with the attributes that the model needs
 * @param tensor      name of any tensor of the network that has one row a point and holds `float`, `double` or 16-bit
 *                    floating point; the message of an error lists the names that there are
 * @param options     @nullable NULL for the defaults; what concerns classes and files is ignored
 * @param embeddings  @owned receives `float` `[count, width]`, in the order of the points; rows of several dimensions are
 *                    laid out one after the other; destroy it with `groma_value_destroy`
 */
groma_status_t groma_embed_points(const groma_model_t *model,
                                  const groma_points_t *points,
                                  const char *tensor,
                                  const groma_classify_options_t *options,
                                  groma_value_t **embeddings,
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
    /**
     * The devices that compute; `cpu` for NULL (the default). Blocks are spread over several. The result does not depend on
     * them, but for the last bits of `slope` and `height_extent_ratio`.
     */
    const char *device;
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

/**
 * Name of column `index`.
 *
 * @return @borrowed @nullable NULL if there is no such column
 */
const char *groma_features_column_name(const groma_features_t *features, uint64_t index);

/**
 * The values, row-major: column `c` of point `i` at `i * columns + c`.
 *
 * @return @borrowed @nullable `groma_features_rows * groma_features_columns` numbers; NULL for NULL
 */
const float *groma_features_values(const groma_features_t *features);

/**
 * The values as a tensor view `[rows, columns]`.
 *
 * @param tensor  receives the view; @borrowed it lives as long as the features
 */
groma_status_t groma_features_tensor(const groma_features_t *features,
                                     groma_tensor_t *tensor,
                                     groma_error_t **error);

/**
 * The values as a value `[rows, columns]`, which shares their memory and outlives the features.
 *
 * @param value  @owned destroy it with `groma_value_destroy`
 */
groma_status_t groma_features_value(const groma_features_t *features,
                                    groma_value_t **value,
                                    groma_error_t **error);

/**
 * SHA-256 of the schema in hexadecimal: equal hashes mean equal columns.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const char *groma_features_schema_hash(const groma_features_t *features);

/**
 * The schema as a JSON object, which `groma_features_compute` takes again.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const char *groma_features_schema_json(const groma_features_t *features);

/**
 * Says what a schema computes and what it needs, as a JSON object: `schema` (as a manifest holds it), `hash`, `columns`
 * with `name`, `definition` and `unit`, `required_columns` of the points, `receptive_radius_m`.
 *
 * @param schema  what to compute, as for `groma_features_compute`
 * @param json    @owned destroy it with `groma_string_destroy`
 */
groma_status_t groma_schema_describe(const char *schema, groma_string_t **json, groma_error_t **error);

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
    /**
     * The devices that compute; `cpu` for NULL (the default). Blocks are spread over several. The result does not depend on
     * them, but for the last bits of `slope` and `height_extent_ratio`.
     */
    const char *device;
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

/**
 * The new class of each point, 2 for ground.
 *
 * @return @borrowed @nullable `groma_ground_count` numbers; NULL for NULL
 */
const uint8_t *groma_ground_classes(const groma_ground_t *ground);

/**
 * The height of each point above the ground in metres.
 *
 * @return @borrowed @nullable `groma_ground_count` numbers; NULL if heights were not asked for
 */
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
    /**
     * The device that works; `cpu` for NULL (the default). Of several GPUs one does all, the first that is named or the one
     * least at work; with `auto`, the CPU does what a GPU could not hold. Random points are for the CPU only.
     */
    const char *device;
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
 * Their rows, from 0: ascending; of `GROMA_FILTER_FARTHEST` in the order in which they were taken.
 *
 * @return @borrowed @nullable `groma_filtered_count` numbers; NULL for NULL
 */
const uint32_t *groma_filtered_rows(const groma_filtered_t *filtered);

/**
 * For each of the points that were filtered, 1 if it was chosen and 0 if not.
 *
 * @return @borrowed @nullable a number for each point that was handed over; NULL for NULL
 */
const uint8_t *groma_filtered_mask(const groma_filtered_t *filtered);

/**
 * New positions of the points that were chosen, x, y, z of one after the other.
 *
 * @return @borrowed @nullable `3 * groma_filtered_count` numbers; NULL if the points stay where they are, as with all filters but
 *          `GROMA_VOXEL_CENTROID`
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

/**
 * Everything, as a JSON object.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const char *groma_filter_summary_json(const groma_filter_summary_t *summary);

/** Frees a summary; takes NULL. */
void groma_filter_summary_destroy(groma_filter_summary_t *summary);

/* -------------------------------------------------------------------------------------------------------------------
 * Neighbours of points, for graphs: compressed sparse rows, in which those of point `i` stand from `offsets[i]` up to, not
 * including, `offsets[i + 1]`, nearest first, equally far ones in the order of the points. A point is its own neighbour;
 * only where more than `k` points share its place, and come before it, is it none of its `k` nearest. The search is exact
 * on the integers of the coordinates, so the answer depends neither on threads nor on the kind of search.
 */

/** Where the neighbours of each point begin: `uint64_t` `[count + 1]`. */
#define GROMA_NEIGHBORS_OFFSETS 0

/** Rows of the neighbours: `uint32_t` `[total]`. */
#define GROMA_NEIGHBORS_INDICES 1

/** Their distances in metres: `float` `[total]`. */
#define GROMA_NEIGHBORS_DISTANCES 2

/** Neighbours of a set of points. */
typedef struct groma_neighbors_t groma_neighbors_t;

/** How to search. Fill it with `groma_neighbors_options_init`. */
typedef struct groma_neighbors_options_t {
    /** Set by `groma_neighbors_options_init`. */
    uint32_t struct_size;
    /** Worker threads; 0 (the default) for one a core. The result does not depend on it. */
    uint32_t threads;
    /** The neighbour search: a `GROMA_SEARCH_...`. Default `GROMA_SEARCH_AUTO`. The result does not depend on it. */
    int32_t search;
    /** Must be 0. */
    int32_t reserved;
    /** Of the nearest: none farther than this, in metres; 0 (the default) for however far. */
    double max_distance_m;
    /** Length of one unit of the coordinates in metres (0.3048 for feet); 0 (the default) for metres. */
    double linear_unit_m;
    /** A flag that may stop the call; NULL for none. */
    const groma_cancel_t *cancel;
    /** Called with the progress; NULL for none. */
    groma_progress_fn progress;
    /** Handed to `progress`. */
    void *progress_user;
    /**
     * The device that works; `cpu` for NULL (the default). Of several GPUs one does all, the first that is named or the one
     * least at work; with `auto`, the CPU does what a GPU could not hold. The result does not depend on it.
     */
    const char *device;
} groma_neighbors_options_t;

/**
 * Fills `options` with the defaults.
 *
 * @param struct_size  `sizeof(groma_neighbors_options_t)`
 */
void groma_neighbors_options_init(groma_neighbors_options_t *options, uint32_t struct_size);

/**
 * The `k` nearest of each point, itself included; all, where there are fewer.
 *
 * @param points     the points; attributes are not read
 * @param k          how many, from 1
 * @param options    @nullable NULL for the defaults
 * @param neighbors  @owned destroy it with `groma_neighbors_destroy`
 */
groma_status_t groma_neighbors_nearest(const groma_points_t *points,
                                       uint64_t k,
                                       const groma_neighbors_options_t *options,
                                       groma_neighbors_t **neighbors,
                                       groma_error_t **error);

/**
 * All within a distance of each point, itself included.
 *
 * @param points     the points; attributes are not read
 * @param radius_m   the distance in metres, 0 or more; what lies exactly that far counts
 * @param options    @nullable NULL for the defaults; `max_distance_m` must be 0
 * @param neighbors  @owned destroy it with `groma_neighbors_destroy`
 */
groma_status_t groma_neighbors_within(const groma_points_t *points,
                                      double radius_m,
                                      const groma_neighbors_options_t *options,
                                      groma_neighbors_t **neighbors,
                                      groma_error_t **error);

/** Number of points. 0 for NULL. */
uint64_t groma_neighbors_count(const groma_neighbors_t *neighbors);

/** Number of neighbours of all points together. 0 for NULL. */
uint64_t groma_neighbors_total(const groma_neighbors_t *neighbors);

/**
 * Where the neighbours of each point begin, and where the last ones end: `groma_neighbors_count + 1` numbers.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const uint64_t *groma_neighbors_offsets(const groma_neighbors_t *neighbors);

/**
 * Rows of the neighbours, from 0: `groma_neighbors_total` numbers.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const uint32_t *groma_neighbors_indices(const groma_neighbors_t *neighbors);

/**
 * Their distances in metres: `groma_neighbors_total` numbers.
 *
 * @return @borrowed @nullable NULL for NULL
 */
const float *groma_neighbors_distances(const groma_neighbors_t *neighbors);

/**
 * One of the arrays as a value, which shares its memory and outlives the neighbours.
 *
 * @param output  a `GROMA_NEIGHBORS_...`
 * @param value   @owned destroy it with `groma_value_destroy`
 */
groma_status_t groma_neighbors_value(const groma_neighbors_t *neighbors,
                                     int32_t output,
                                     groma_value_t **value,
                                     groma_error_t **error);

/** Frees neighbours and their arrays; takes NULL. Values that were made of them stay. */
void groma_neighbors_destroy(groma_neighbors_t *neighbors);

/* -------------------------------------------------------------------------------------------------------------------
 * LAS, LAZ and COPC files as columns in memory, and columns as files. To change a file and keep the rest of it byte for
 * byte, use the functions that make a file of another; these here are for data that is looked at, or made.
 */

/** The points of a file, column by column. */
typedef struct groma_cloud_t groma_cloud_t;

/** How to read and write files. Fill it with `groma_las_options_init`. */
typedef struct groma_las_options_t {
    /** Set by `groma_las_options_init`. */
    uint32_t struct_size;
    /** Worker threads; 0 (the default) for one a core. */
    uint32_t threads;
    /** Of writing: the point format, 0 to 3 or 6 to 8; -1 (the default) for 8 with a column `nir`, 7 with colours, else 6. */
    int32_t point_format;
    /** Of writing: 1 to replace an output that exists. Default 0. */
    int32_t overwrite;
    /** Must be 0. */
    double linear_unit_m;
    /** A flag that may stop the call; NULL for none. */
    const groma_cancel_t *cancel;
    /** Called with the progress; NULL for none. */
    groma_progress_fn progress;
    /** Handed to `progress`. */
    void *progress_user;
    /** Of writing: the reference system as an OGC WKT; NULL (the default) for none. */
    const char *crs_wkt;
} groma_las_options_t;

/**
 * Fills `options` with the defaults.
 *
 * @param struct_size  `sizeof(groma_las_options_t)`
 */
void groma_las_options_init(groma_las_options_t *options, uint32_t struct_size);

/**
 * Says what a file's header holds, as a JSON object: version, point format, number of points, scale, offset, bounds,
 * reference system, records, extra dimensions; what `groma info --header --json` says. The points are not read.
 *
 * @param path  the file
 * @param json  @owned destroy it with `groma_string_destroy`
 */
groma_status_t groma_las_describe(const char *path, groma_string_t **json, groma_error_t **error);

/**
 * Reads the points of a file. Columns have the types of the file; scan angles become `float` degrees, and extra dimensions
 * with a scale or an offset `double` with both applied. No more of a compressed file is decoded than the columns need.
 *
 * @param path     the file
 * @param columns  @nullable names separated by commas (`intensity, classification`), an empty string for the coordinates
 *                 alone, NULL for all columns
 * @param options  @nullable NULL for the defaults; what concerns writing is ignored
 * @param cloud    @owned destroy it with `groma_cloud_destroy`
 */
groma_status_t groma_las_read(const char *path,
                              const char *columns,
                              const groma_las_options_t *options,
                              groma_cloud_t **cloud,
                              groma_error_t **error);

/**
 * Writes points as a new file: LAS 1.4, or LAS 1.2 for point formats 0 to 3 without a reference system. Columns with
 * standard names (`intensity`, `classification`, ...) become attributes and must have the types that `groma_las_read`
 * gives; all others become extra dimensions. The file appears whole or not at all, and equal points give equal bytes.
 *
 * @param points   the points
 * @param path     the file to write: `.las` or `.laz`
 * @param options  @nullable NULL for the defaults
 */
groma_status_t groma_las_write(const groma_points_t *points,
                               const char *path,
                               const groma_las_options_t *options,
                               groma_error_t **error);

/** Number of points. 0 for NULL. */
uint64_t groma_cloud_count(const groma_cloud_t *cloud);

/** Number of columns, without the coordinates. 0 for NULL. */
uint64_t groma_cloud_column_count(const groma_cloud_t *cloud);

/**
 * Name of column `index`.
 *
 * @return @borrowed @nullable NULL if there is no such column
 */
const char *groma_cloud_column_name(const groma_cloud_t *cloud, uint64_t index);

/** Length of one unit of the coordinates in metres, as the file's reference system says. 0 where none is known, and for NULL. */
double groma_cloud_linear_unit_m(const groma_cloud_t *cloud);

/**
 * The file's reference system as an OGC WKT.
 *
 * @return @borrowed @nullable NULL if the file holds none, or says it with GeoTIFF keys only (see `groma_las_describe`)
 */
const char *groma_cloud_crs_wkt(const groma_cloud_t *cloud);

/**
 * A view of all points and columns, for the functions that take points; nothing is copied. It lives as long as the cloud.
 * It does not carry the unit of the CRS: pass `groma_cloud_linear_unit_m` on as the option `linear_unit_m` of those functions,
 * or they take the coordinates for metres.
 * Whoever looks through its columns steps by the `struct_size` that stands in them.
 *
 * @param points  receives the view; its `struct_size` must be set, as `groma_points_init` does
 */
groma_status_t groma_cloud_points(const groma_cloud_t *cloud,
                                  groma_points_t *points,
                                  groma_error_t **error);

/**
 * One column as a value, which shares its memory and outlives the cloud.
 *
 * @param column  `x`, `y` or `z` (the integers of the file, `int32_t`), or the name of a column
 * @param value   @owned `[count]`; destroy it with `groma_value_destroy`
 */
groma_status_t groma_cloud_value(const groma_cloud_t *cloud,
                                 const char *column,
                                 groma_value_t **value,
                                 groma_error_t **error);

/** Frees a cloud and its columns; takes NULL. Values that were made of it stay. */
void groma_cloud_destroy(groma_cloud_t *cloud);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* GROMA_H */
