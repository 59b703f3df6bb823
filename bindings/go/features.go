package groma

// #include "bridge.h"
import "C"

import (
	"context"
	"encoding/json"
	"unsafe"
)

// Features is a matrix of numbers for every point, row-major. Its slices are views, valid until Close, which alone frees
// what has given one out.
type Features struct {
	handle
}

// FeaturesOptions say how to compute features.
type FeaturesOptions struct {
	// Threads that work; 0 for one a core. The result does not depend on it.
	Threads int
	// Search is the neighbour search.
	Search Search
	// BlockSizeM is the edge length in metres of the blocks that points are worked on in, which bounds the memory; 0 for
	// all points at once. The result does not depend on it.
	BlockSizeM float64
	// LinearUnitM is the length of one unit of the coordinates in metres (0.3048 for feet); 0 for metres.
	LinearUnitM float64
	// DTM is the path of a terrain model, for schemas that say `ground: dtm`; empty for none.
	DTM string
	// Device is where they are computed: cpu, auto, cuda, cuda:0,2 or all; empty for cpu.
	Device string
	// Cancel may stop the call; nil for none.
	Cancel *Cancel
	// Progress is called while it works; nil for none.
	Progress Progress
}

// DefaultFeaturesOptions are the defaults of the library.
func DefaultFeaturesOptions() *FeaturesOptions {
	var raw C.groma_features_options_t
	C.groma_features_options_init(&raw, C.sizeof_groma_features_options_t)
	return &FeaturesOptions{
		Threads:     int(raw.threads),
		Search:      Search(raw.search),
		BlockSizeM:  float64(raw.block_size_m),
		LinearUnitM: float64(raw.linear_unit_m),
	}
}

// ComputeFeatures computes features of points in memory. The schema is names of columns and sets separated by commas
// (`lod2`, or `planarity@k20, height_above_ground`), or a JSON object as in a model's manifest under `features`. Nil
// options are the defaults.
func ComputeFeatures(ctx context.Context, points *Points, schema string, options *FeaturesOptions) (*Features, error) {
	a := &arena{}
	defer a.free()
	c := prepare(C.GROMA_GO_FEATURES, points, a)
	c.raw.text = a.text(schema)
	raw := (*C.groma_features_options_t)(a.alloc(C.sizeof_groma_features_options_t))
	C.groma_features_options_init(raw, C.sizeof_groma_features_options_t)
	if options == nil {
		options = DefaultFeaturesOptions()
	}
	raw.threads = a.count32("Threads", options.Threads)
	raw.search = C.int32_t(options.Search)
	raw.block_size_m = C.double(options.BlockSizeM)
	raw.linear_unit_m = C.double(options.LinearUnitM)
	raw.dtm = a.optional(options.DTM)
	raw.device = a.optional(options.Device)
	c.raw.options = unsafe.Pointer(raw)
	j := listen(ctx, options.Cancel, options.Progress, a, &raw.cancel, &raw.progress, &raw.progress_user)
	pointer, err := c.make()
	var features *Features
	if err == nil {
		features = &Features{}
		features.adopt("Features", pointer, func(p unsafe.Pointer) { C.groma_features_destroy((*C.groma_features_t)(p)) })
		made := (*C.groma_features_t)(pointer)
		features.weigh(4 * uint64(C.groma_features_rows(made)) * uint64(C.groma_features_columns(made)))
	}
	return features, j.end(err)
}

// Rows is the number of points.
func (f *Features) Rows() int {
	pointer := (*C.groma_features_t)(f.must())
	defer f.release()
	return int(C.groma_features_rows(pointer))
}

// Columns are the names of the columns.
func (f *Features) Columns() []string {
	pointer := (*C.groma_features_t)(f.must())
	defer f.release()
	names := make([]string, uint64(C.groma_features_columns(pointer)))
	for i := range names {
		names[i] = C.GoString(C.groma_features_column_name(pointer, C.uint64_t(i)))
	}
	return names
}

// Values has column c of point i at i*len(Columns()) + c.
func (f *Features) Values() []float32 {
	pointer := (*C.groma_features_t)(f.must())
	defer f.release()
	count := uint64(C.groma_features_rows(pointer)) * uint64(C.groma_features_columns(pointer))
	return lent[float32](&f.handle, unsafe.Pointer(C.groma_features_values(pointer)), count)
}

// Row is the values of one point.
func (f *Features) Row(point int) []float32 {
	pointer := (*C.groma_features_t)(f.must())
	defer f.release()
	width := int(C.groma_features_columns(pointer))
	return f.Values()[point*width : (point+1)*width]
}

// CopyValues is Values as a slice of Go's.
func (f *Features) CopyValues() []float32 {
	pointer := (*C.groma_features_t)(f.must())
	defer f.release()
	count := uint64(C.groma_features_rows(pointer)) * uint64(C.groma_features_columns(pointer))
	return copied(view[float32](unsafe.Pointer(C.groma_features_values(pointer)), count))
}

// Value is the matrix as a value that outlives the features, without a copy.
func (f *Features) Value() (*Value, error) {
	pointer, err := f.acquire()
	if err != nil {
		return nil, err
	}
	defer f.release()
	var value *C.groma_value_t
	var e *C.groma_error_t
	status := C.groma_features_value((*C.groma_features_t)(pointer), &value, &e)
	return made(status, value, e)
}

// Tensor describes the matrix as DLPack does, valid until Close.
func (f *Features) Tensor() (Tensor, error) {
	pointer, err := f.acquire()
	if err != nil {
		return Tensor{}, err
	}
	defer f.release()
	var tensor C.groma_tensor_t
	var e *C.groma_error_t
	if err := failure(C.groma_features_tensor((*C.groma_features_t)(pointer), &tensor, &e), e); err != nil {
		return Tensor{}, err
	}
	f.pin()
	return tensorOf(&tensor), nil
}

// SchemaHash is the SHA-256 of the schema in hexadecimal: equal hashes mean equal columns.
func (f *Features) SchemaHash() string {
	pointer := (*C.groma_features_t)(f.must())
	defer f.release()
	return C.GoString(C.groma_features_schema_hash(pointer))
}

// Schema is a JSON object, which ComputeFeatures takes again.
func (f *Features) Schema() json.RawMessage {
	pointer := (*C.groma_features_t)(f.must())
	defer f.release()
	return json.RawMessage(C.GoString(C.groma_features_schema_json(pointer)))
}

// DescribeSchema says what a schema holds: columns with definitions, hash, required attributes, receptive radius.
func DescribeSchema(schema string) (json.RawMessage, error) {
	a := &arena{}
	defer a.free()
	name := a.text(schema)
	if a.err != nil {
		return nil, a.err
	}
	var text *C.groma_string_t
	var e *C.groma_error_t
	status := C.groma_schema_describe(name, &text, &e)
	return taken(status, text, e)
}
