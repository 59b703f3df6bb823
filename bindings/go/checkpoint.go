package groma

// #include "bridge.h"
import "C"

import (
	"encoding/json"
	"unsafe"
)

// Section is a part of a checkpoint.
type Section int32

// Sections of a checkpoint.
const (
	SectionWeights   Section = C.GROMA_SECTION_WEIGHTS
	SectionOptimizer Section = C.GROMA_SECTION_OPTIMIZER
	SectionScheduler Section = C.GROMA_SECTION_SCHEDULER
)

// Checkpoint is named tensors with metadata: a safetensors file. Add is for one goroutine at a time.
type Checkpoint struct {
	handle
}

func newCheckpoint(status C.groma_status_t, pointer *C.groma_checkpoint_t, e *C.groma_error_t) (*Checkpoint, error) {
	if err := failure(status, e); err != nil {
		return nil, err
	}
	checkpoint := &Checkpoint{}
	checkpoint.adopt("Checkpoint", unsafe.Pointer(pointer), func(p unsafe.Pointer) {
		C.groma_checkpoint_destroy((*C.groma_checkpoint_t)(p))
	})
	return checkpoint, nil
}

// NewCheckpoint makes one without tensors. The metadata is a JSON object with schema_hash, classes, training_data,
// version, step, extra; empty for none.
func NewCheckpoint(metadataJSON string) (*Checkpoint, error) {
	a := &arena{}
	defer a.free()
	metadata := a.optional(metadataJSON)
	if a.err != nil {
		return nil, a.err
	}
	var pointer *C.groma_checkpoint_t
	var e *C.groma_error_t
	status := C.groma_checkpoint_create(metadata, &pointer, &e)
	return newCheckpoint(status, pointer, e)
}

// OpenCheckpoint opens a safetensors file.
func OpenCheckpoint(path string) (*Checkpoint, error) {
	a := &arena{}
	defer a.free()
	name := a.text(path)
	if a.err != nil {
		return nil, a.err
	}
	var pointer *C.groma_checkpoint_t
	var e *C.groma_error_t
	status := C.groma_checkpoint_open(name, &pointer, &e)
	return newCheckpoint(status, pointer, e)
}

// Add adds a tensor, without a copy.
func (c *Checkpoint) Add(section Section, name string, value *Value) error {
	a := &arena{}
	defer a.free()
	pointer, label := (*C.groma_checkpoint_t)(a.use(&c.handle)), a.text(name)
	if value == nil {
		a.refuse("the value is nil")
	} else {
		a.use(&value.handle)
	}
	if a.err != nil {
		return a.err
	}
	var e *C.groma_error_t
	return failure(C.groma_checkpoint_add(pointer, C.int32_t(section), label, (*C.groma_value_t)(value.pointer), &e), e)
}

// Save writes a safetensors file, which appears whole or not at all.
func (c *Checkpoint) Save(path string, overwrite bool) error {
	a := &arena{}
	defer a.free()
	pointer, name := (*C.groma_checkpoint_t)(a.use(&c.handle)), a.text(path)
	if a.err != nil {
		return a.err
	}
	var e *C.groma_error_t
	return failure(C.groma_checkpoint_save(pointer, name, flag(overwrite), &e), e)
}

// Names are those of the tensors of a section.
func (c *Checkpoint) Names(section Section) []string {
	pointer := (*C.groma_checkpoint_t)(c.must())
	defer c.release()
	names := make([]string, uint64(C.groma_checkpoint_count(pointer, C.int32_t(section))))
	for i := range names {
		names[i] = C.GoString(C.groma_checkpoint_name(pointer, C.int32_t(section), C.uint64_t(i)))
	}
	return names
}

// Value is a tensor of a section; it outlives the checkpoint.
func (c *Checkpoint) Value(section Section, name string) (*Value, error) {
	a := &arena{}
	defer a.free()
	pointer, label := (*C.groma_checkpoint_t)(a.use(&c.handle)), a.text(name)
	if a.err != nil {
		return nil, a.err
	}
	var value *C.groma_value_t
	var e *C.groma_error_t
	status := C.groma_checkpoint_value(pointer, C.int32_t(section), label, &value, &e)
	return made(status, value, e)
}

// Metadata is a JSON object.
func (c *Checkpoint) Metadata() json.RawMessage {
	pointer := (*C.groma_checkpoint_t)(c.must())
	defer c.release()
	return json.RawMessage(C.GoString(C.groma_checkpoint_metadata_json(pointer)))
}
