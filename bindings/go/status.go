package groma

// #include "bridge.h"
import "C"

// Status is the outcome of a call. It is an error too, so that errors.Is(err, StatusNotFound) tells what happened.
type Status int32

// Statuses. Numbers are frozen; treat one that you do not know like the first of its block.
const (
	// StatusOK: the call did what it says.
	StatusOK Status = C.GROMA_STATUS_OK
	// StatusInvalidArgument: an argument is out of its range or contradicts another.
	StatusInvalidArgument Status = C.GROMA_STATUS_INVALID_ARGUMENT
	// StatusMissingColumn: the input lacks a column that is needed; the subject is its name.
	StatusMissingColumn Status = C.GROMA_STATUS_MISSING_COLUMN
	// StatusUnknownFeature: a feature name that the schema does not know; the subject is that name.
	StatusUnknownFeature Status = C.GROMA_STATUS_UNKNOWN_FEATURE
	// StatusSchemaMismatch: two feature schemas differ.
	StatusSchemaMismatch Status = C.GROMA_STATUS_SCHEMA_MISMATCH
	// StatusIO: the operating system refused a file operation; the subject is the path.
	StatusIO Status = C.GROMA_STATUS_IO
	// StatusNotFound: a file or folder does not exist; the subject is the path. Also fs.ErrNotExist.
	StatusNotFound Status = C.GROMA_STATUS_NOT_FOUND
	// StatusMalformed: a damaged file; the subject is the path.
	StatusMalformed Status = C.GROMA_STATUS_MALFORMED
	// StatusUnsupported: a sound file of a kind that is not supported.
	StatusUnsupported Status = C.GROMA_STATUS_UNSUPPORTED
	// StatusClassOutOfRange: a class that the point format cannot hold.
	StatusClassOutOfRange Status = C.GROMA_STATUS_CLASS_OUT_OF_RANGE
	// StatusOutputExists: the output exists and may not be replaced. Also fs.ErrExist.
	StatusOutputExists Status = C.GROMA_STATUS_OUTPUT_EXISTS
	// StatusModelLoad: ONNX Runtime refused a model.
	StatusModelLoad Status = C.GROMA_STATUS_MODEL_LOAD
	// StatusManifest: a model's manifest is missing or says something impossible.
	StatusManifest Status = C.GROMA_STATUS_MANIFEST
	// StatusModelMismatch: tensors are not what is declared; the subject is the tensor.
	StatusModelMismatch Status = C.GROMA_STATUS_MODEL_MISMATCH
	// StatusInference: a run of a model failed.
	StatusInference Status = C.GROMA_STATUS_INFERENCE
	// StatusRuntimeNotFound: no ONNX Runtime was found.
	StatusRuntimeNotFound Status = C.GROMA_STATUS_RUNTIME_NOT_FOUND
	// StatusRuntimeUnusable: the file named as ONNX Runtime cannot serve as one.
	StatusRuntimeUnusable Status = C.GROMA_STATUS_RUNTIME_UNUSABLE
	// StatusRuntimeTooOld: the ONNX Runtime is older than the oldest one supported.
	StatusRuntimeTooOld Status = C.GROMA_STATUS_RUNTIME_TOO_OLD
	// StatusRuntimeConflict: another ONNX Runtime is already in use by this process.
	StatusRuntimeConflict Status = C.GROMA_STATUS_RUNTIME_CONFLICT
	// StatusDeviceUnavailable: a device that was asked for cannot be used; the subject is its name.
	StatusDeviceUnavailable Status = C.GROMA_STATUS_DEVICE_UNAVAILABLE
	// StatusDeviceMemory: a device has too little memory left for what was asked of it; the subject is its name.
	StatusDeviceMemory Status = C.GROMA_STATUS_DEVICE_MEMORY
	// StatusDeviceFailed: a device stopped to work while it was in use; the subject is its name.
	StatusDeviceFailed Status = C.GROMA_STATUS_DEVICE_FAILED
	// StatusCancelled: the caller cancelled, by the context, a Cancel or the progress function.
	StatusCancelled Status = C.GROMA_STATUS_CANCELLED
	// StatusInternal: a promise inside the library does not hold; please report it.
	StatusInternal Status = C.GROMA_STATUS_INTERNAL
	// StatusPanic: a panic was caught at the boundary; please report it, and close the handles that took part.
	StatusPanic Status = C.GROMA_STATUS_PANIC
)

// String is the status's name as the C header has it, NOT_FOUND; UNKNOWN for a number that the library does not know.
func (s Status) String() string { return C.GoString(C.groma_status_name(C.groma_status_t(s))) }

// Error makes a status an error that errors.Is finds.
func (s Status) Error() string { return "groma: " + s.String() }
