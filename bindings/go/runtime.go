package groma

// #include "bridge.h"
import "C"

import (
	"encoding/json"
	"unsafe"
)

// LoadRuntime loads ONNX Runtime now. Not needed before opening a model, but the place to name a path and to see what is
// wrong. An empty path looks for it: GROMA_ONNXRUNTIME, the folder of the library, the system.
func LoadRuntime(path string) error {
	a := &arena{}
	defer a.free()
	name := a.optional(path)
	if a.err != nil {
		return a.err
	}
	var e *C.groma_error_t
	return failure(C.groma_runtime_load(name, &e), e)
}

// UseRuntime makes the library use the ONNX Runtime that the host has loaded: a pointer to its OrtApiBase. Call it before
// anything else loads one.
func UseRuntime(ortAPIBase unsafe.Pointer) error {
	var e *C.groma_error_t
	return failure(C.groma_runtime_use(ortAPIBase, &e), e)
}

// RuntimeLoaded says whether ONNX Runtime is loaded.
func RuntimeLoaded() bool { return C.groma_runtime_is_loaded() != 0 }

// DescribeRuntime says which ONNX Runtime is used and how it was found, or why there is none. Loads it if it is there.
func DescribeRuntime() (json.RawMessage, error) {
	var text *C.groma_string_t
	var e *C.groma_error_t
	return taken(C.groma_runtime_describe(&text, &e), text, e)
}

// Doctor says everything about the installation, for reports of problems.
func Doctor() (json.RawMessage, error) {
	var text *C.groma_string_t
	var e *C.groma_error_t
	return taken(C.groma_doctor_json(&text, &e), text, e)
}

// taken is the text of a string that the library made, which is destroyed.
func taken(status C.groma_status_t, text *C.groma_string_t, e *C.groma_error_t) (json.RawMessage, error) {
	if err := failure(status, e); err != nil {
		return nil, err
	}
	defer C.groma_string_destroy(text)
	data := unsafe.Pointer(C.groma_string_data(text))
	return copied(view[byte](data, uint64(C.groma_string_length(text)))), nil
}
