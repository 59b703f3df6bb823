package groma

// #include "bridge.h"
import "C"

import (
	"context"
	"unsafe"
)

// Search is how neighbours are found; results do not depend on it.
type Search int32

// Neighbour searches.
const (
	// SearchAuto: chosen from the cloud.
	SearchAuto Search = C.GROMA_SEARCH_AUTO
	// SearchGrid: a row-contiguous grid, for airborne clouds.
	SearchGrid Search = C.GROMA_SEARCH_GRID
	// SearchKDTree: a k-d tree, for terrestrial and very uneven clouds.
	SearchKDTree Search = C.GROMA_SEARCH_KD_TREE
)

// ClassifyOptions say how to classify. Begin with DefaultClassifyOptions: the zero value is not the default.
type ClassifyOptions struct {
	// Threads that work; 0 for one a core. The result does not depend on it.
	Threads int
	// Search is the neighbour search.
	Search Search
	// Probabilities: give all of them too, in results and as one extra dimension a class in files.
	Probabilities bool
	// WriteConfidence and WriteEntropy: write these extra dimensions to files. Default true.
	WriteConfidence, WriteEntropy bool
	// PointFormat of the output file; -1, the default, for that of the input.
	PointFormat int
	// Overwrite an output that exists.
	Overwrite bool
	// BlockSizeM is the edge length of a block in metres; 0 for that of the manifest. The result does not depend on it.
	BlockSizeM float64
	// LinearUnitM is the length of one unit of the coordinates in metres (0.3048 for feet); 0 for that of the file's CRS,
	// and for metres where none is known.
	LinearUnitM float64
	// KeepClasses are ASPRS classes that keep their label.
	KeepClasses []uint8
	// DTM is the path of a terrain model, for models whose features say `ground: dtm`; empty for none.
	DTM string
	// Cancel may stop the call; nil for none.
	Cancel *Cancel
	// Progress is called while it works; nil for none.
	Progress Progress
}

// DefaultClassifyOptions are the defaults of the library.
func DefaultClassifyOptions() *ClassifyOptions {
	var raw C.groma_classify_options_t
	C.groma_classify_options_init(&raw, C.sizeof_groma_classify_options_t)
	return &ClassifyOptions{
		Threads:         int(raw.threads),
		Search:          Search(raw.search),
		Probabilities:   raw.probabilities != 0,
		WriteConfidence: raw.write_confidence != 0,
		WriteEntropy:    raw.write_entropy != 0,
		PointFormat:     int(raw.point_format),
		Overwrite:       raw.overwrite != 0,
		BlockSizeM:      float64(raw.block_size_m),
		LinearUnitM:     float64(raw.linear_unit_m),
	}
}

func (o *ClassifyOptions) in(ctx context.Context, a *arena) (*C.groma_classify_options_t, *job) {
	raw := (*C.groma_classify_options_t)(a.alloc(C.sizeof_groma_classify_options_t))
	C.groma_classify_options_init(raw, C.sizeof_groma_classify_options_t)
	if o == nil {
		return raw, listen(ctx, nil, nil, a, &raw.cancel, &raw.progress, &raw.progress_user)
	}
	raw.threads = a.count32("Threads", o.Threads)
	raw.search = C.int32_t(o.Search)
	raw.probabilities = flag(o.Probabilities)
	raw.write_confidence = flag(o.WriteConfidence)
	raw.write_entropy = flag(o.WriteEntropy)
	raw.point_format = a.number32("PointFormat", o.PointFormat)
	raw.overwrite = flag(o.Overwrite)
	raw.block_size_m = C.double(o.BlockSizeM)
	raw.linear_unit_m = C.double(o.LinearUnitM)
	if o.KeepClasses != nil {
		raw.keep_classes = (*C.uint8_t)(a.bytes(o.KeepClasses))
		raw.keep_class_count = C.uint64_t(len(o.KeepClasses))
	}
	raw.dtm = a.optional(o.DTM)
	return raw, listen(ctx, o.Cancel, o.Progress, a, &raw.cancel, &raw.progress, &raw.progress_user)
}

// ClassifyFile classifies a LAS, LAZ or COPC file. The output (.las or .laz) holds the same points in the same order with
// their classes replaced, and everything else as it was; it appears whole or not at all. Nil options are the defaults.
func (m *Model) ClassifyFile(ctx context.Context, input, output string, options *ClassifyOptions) (*Summary, error) {
	a := &arena{}
	defer a.free()
	model := (*C.groma_model_t)(a.use(&m.handle))
	from, to := a.text(input), a.text(output)
	raw, j := options.in(ctx, a)
	if a.err != nil {
		return nil, j.end(a.err)
	}
	var summary *C.groma_summary_t
	var e *C.groma_error_t
	status := C.groma_classify_file(model, from, to, raw, &summary, &e)
	done, err := newSummary(status, summary, e)
	return done, j.end(err)
}

// Classify classifies points in memory, which need the attributes that the model asks for. Of the options, those about
// files are ignored; nil ones are the defaults.
func (m *Model) Classify(ctx context.Context, points *Points, options *ClassifyOptions) (*Result, error) {
	a := &arena{}
	defer a.free()
	c := prepare(C.GROMA_GO_CLASSIFY, points, a)
	c.raw.model = (*C.groma_model_t)(a.use(&m.handle))
	raw, j := options.in(ctx, a)
	c.raw.options = unsafe.Pointer(raw)
	pointer, err := c.make()
	var result *Result
	if err == nil {
		result = newResult((*C.groma_result_t)(pointer))
	}
	return result, j.end(err)
}

// Embed gives a tensor of the network that has one row a point (see Describe for the names): F32 [points, width].
func (m *Model) Embed(ctx context.Context, points *Points, tensor string, options *ClassifyOptions) (*Value, error) {
	a := &arena{}
	defer a.free()
	c := prepare(C.GROMA_GO_EMBED, points, a)
	c.raw.model = (*C.groma_model_t)(a.use(&m.handle))
	c.raw.text = a.text(tensor)
	raw, j := options.in(ctx, a)
	c.raw.options = unsafe.Pointer(raw)
	pointer, err := c.make()
	var value *Value
	if err == nil {
		value = newValue((*C.groma_value_t)(pointer))
	}
	return value, j.end(err)
}
