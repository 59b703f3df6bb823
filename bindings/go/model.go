package groma

// #include "bridge.h"
import "C"

import (
	"encoding/json"
	"fmt"
	"unsafe"
)

// Combine is how an ensemble makes one answer of those of its members.
type Combine int32

// Ways to combine.
const (
	// EnsembleMean: the weighted mean of the probabilities.
	EnsembleMean Combine = C.GROMA_ENSEMBLE_MEAN
	// EnsembleVote: weighted votes; the confidence is the share of the votes.
	EnsembleVote Combine = C.GROMA_ENSEMBLE_VOTE
	// EnsembleScale: the member whose block size is nearest to that of the call answers alone.
	EnsembleScale Combine = C.GROMA_ENSEMBLE_SCALE
)

// Model is an opened model with its manifest, or an ensemble of models.
type Model struct {
	handle
}

// ModelOptions say how to open a model.
type ModelOptions struct {
	// ManifestJSON replaces the manifest inside; empty for that one.
	ManifestJSON string
	// Checkpoint is the path of a safetensors file whose weights replace those of the model; empty for none.
	Checkpoint string
	// Device is where it runs; empty for auto. See Devices.
	Device string
}

// DefaultModelOptions are the defaults of the library.
func DefaultModelOptions() *ModelOptions { return &ModelOptions{} }

func (o *ModelOptions) in(a *arena) *C.groma_model_options_t {
	if o == nil {
		return nil
	}
	raw := (*C.groma_model_options_t)(a.alloc(C.sizeof_groma_model_options_t))
	C.groma_model_options_init(raw, C.sizeof_groma_model_options_t)
	raw.manifest_json = a.optional(o.ManifestJSON)
	raw.checkpoint = a.optional(o.Checkpoint)
	raw.device = a.optional(o.Device)
	return raw
}

func newModel(status C.groma_status_t, pointer *C.groma_model_t, e *C.groma_error_t) (*Model, error) {
	if err := failure(status, e); err != nil {
		return nil, err
	}
	model := &Model{}
	model.adopt("Model", unsafe.Pointer(pointer), func(p unsafe.Pointer) { C.groma_model_destroy((*C.groma_model_t)(p)) })
	return model, nil
}

// OpenModel opens an ONNX file, whose manifest is in its metadata or in NAME.groma.json beside it.
func OpenModel(path string) (*Model, error) {
	a := &arena{}
	defer a.free()
	name := a.text(path)
	if a.err != nil {
		return nil, a.err
	}
	var model *C.groma_model_t
	var e *C.groma_error_t
	status := C.groma_model_open(name, &model, &e)
	return newModel(status, model, e)
}

// OpenModelWith is OpenModel with options; nil ones are the defaults.
func OpenModelWith(path string, options *ModelOptions) (*Model, error) {
	a := &arena{}
	defer a.free()
	name, raw := a.text(path), options.in(a)
	if a.err != nil {
		return nil, a.err
	}
	var model *C.groma_model_t
	var e *C.groma_error_t
	status := C.groma_model_open_with(name, raw, &model, &e)
	return newModel(status, model, e)
}

// OpenModelMemory opens a model from memory, which is copied. `name` is what to call it in messages; a manifest that is
// not empty replaces the one inside.
func OpenModelMemory(name string, data []byte, manifestJSON string) (*Model, error) {
	a := &arena{}
	defer a.free()
	label, manifest := a.text(name), a.optional(manifestJSON)
	if a.err != nil {
		return nil, a.err
	}
	var model *C.groma_model_t
	var e *C.groma_error_t
	var status C.groma_status_t
	first := start(data)
	run := func() { status = C.groma_model_open_memory(label, first, C.uint64_t(len(data)), manifest, &model, &e) }
	if !passes(run) {
		first = a.bytes(data)
		run()
	}
	return newModel(status, model, e)
}

// OpenModelMemoryWith is OpenModelMemory with options; nil ones are the defaults.
func OpenModelMemoryWith(name string, data []byte, options *ModelOptions) (*Model, error) {
	a := &arena{}
	defer a.free()
	label, raw := a.text(name), options.in(a)
	if a.err != nil {
		return nil, a.err
	}
	var model *C.groma_model_t
	var e *C.groma_error_t
	var status C.groma_status_t
	first := start(data)
	run := func() { status = C.groma_model_open_memory_with(label, first, C.uint64_t(len(data)), raw, &model, &e) }
	if !passes(run) {
		first = a.bytes(data)
		run()
	}
	return newModel(status, model, e)
}

// OpenDefaultModel opens the model that is part of the library.
func OpenDefaultModel() (*Model, error) {
	var model *C.groma_model_t
	var e *C.groma_error_t
	status := C.groma_model_open_default(&model, &e)
	return newModel(status, model, e)
}

// OpenDefaultModelWith is OpenDefaultModel with options, a device for instance; nil ones are the defaults.
func OpenDefaultModelWith(options *ModelOptions) (*Model, error) {
	a := &arena{}
	defer a.free()
	raw := options.in(a)
	if a.err != nil {
		return nil, a.err
	}
	var model *C.groma_model_t
	var e *C.groma_error_t
	status := C.groma_model_open_default_with(raw, &model, &e)
	return newModel(status, model, e)
}

// OpenEnsemble makes a model of models, which stay usable and may be closed. Nil weights are equal ones.
func OpenEnsemble(models []*Model, weights []float64, combine Combine) (*Model, error) {
	a := &arena{}
	defer a.free()
	if weights != nil && len(weights) != len(models) {
		a.refuse(fmt.Sprintf("%d weights for %d models", len(weights), len(models)))
	}
	members := make([]unsafe.Pointer, len(models))
	for i, member := range models {
		if member == nil {
			a.refuse(fmt.Sprintf("model %d is nil", i))
			continue
		}
		members[i] = a.use(&member.handle)
	}
	var shares *C.double
	if len(weights) > 0 {
		own := copied(weights)
		shares = (*C.double)(unsafe.Pointer(&own[0]))
	}
	array := (**C.groma_model_t)(unsafe.Pointer(a.pointers(members)))
	if a.err != nil {
		return nil, a.err
	}
	var model *C.groma_model_t
	var e *C.groma_error_t
	status := C.groma_model_open_ensemble(array, shares, C.uint64_t(len(models)), C.int32_t(combine), &model, &e)
	return newModel(status, model, e)
}

// Name is the model's file name, or the name it was opened with.
func (m *Model) Name() string {
	pointer := (*C.groma_model_t)(m.must())
	defer m.release()
	return C.GoString(C.groma_model_name(pointer))
}

// Classes are the names of the classes that the model tells apart.
func (m *Model) Classes() []string {
	pointer := (*C.groma_model_t)(m.must())
	defer m.release()
	classes := make([]string, uint64(C.groma_model_class_count(pointer)))
	for i := range classes {
		classes[i] = C.GoString(C.groma_model_class_name(pointer, C.uint64_t(i)))
	}
	return classes
}

// Manifest is a JSON object: feature columns, normalisation, classes, ASPRS codes.
func (m *Model) Manifest() json.RawMessage {
	pointer := (*C.groma_model_t)(m.must())
	defer m.release()
	return json.RawMessage(C.GoString(C.groma_model_manifest_json(pointer)))
}

// Describe says all about the model as a JSON object.
func (m *Model) Describe() json.RawMessage {
	pointer := (*C.groma_model_t)(m.must())
	defer m.release()
	return json.RawMessage(C.GoString(C.groma_model_describe_json(pointer)))
}

// Batches says how many rows a call suit the model on each of its devices, as a JSON array; a GPU is measured once, and
// remembered.
func (m *Model) Batches() (json.RawMessage, error) {
	pointer := (*C.groma_model_t)(m.must())
	defer m.release()
	var text *C.groma_string_t
	var e *C.groma_error_t
	status := C.groma_model_batches_json(pointer, &text, &e)
	return taken(status, text, e)
}

// Metadata is a value of the ONNX metadata; false if there is no such key, as none holds a NUL character.
func (m *Model) Metadata(key string) (string, bool) {
	pointer := (*C.groma_model_t)(m.must())
	defer m.release()
	a := &arena{}
	defer a.free()
	name := a.text(key)
	if a.err != nil {
		return "", false
	}
	value := C.groma_model_metadata(pointer, name)
	return C.GoString(value), value != nil
}
