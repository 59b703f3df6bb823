package groma

// #include "bridge.h"
import "C"

import "context"

// FeaturesFileOptions say how to write features of a file. Begin with DefaultFeaturesFileOptions: the zero value is not the
// default.
type FeaturesFileOptions struct {
	// Threads that work; 0 for one a core. The result does not depend on it.
	Threads int
	// Search is the neighbour search.
	Search Search
	// PointFormat of the output file; -1, the default, for that of the input. LAS and LAZ only.
	PointFormat int
	// Overwrite an output that exists.
	Overwrite bool
	// BlockSizeM is the edge length in metres of the blocks that points are worked on in; 0 for blocks of about a million
	// points. The result does not depend on it.
	BlockSizeM float64
	// LinearUnitM is the length of one unit of the coordinates in metres (0.3048 for feet); 0 for that of the file's CRS,
	// and for metres where none is known.
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

// DefaultFeaturesFileOptions are the defaults of the library.
func DefaultFeaturesFileOptions() *FeaturesFileOptions {
	var raw C.groma_features_file_options_t
	C.groma_features_file_options_init(&raw, C.sizeof_groma_features_file_options_t)
	return &FeaturesFileOptions{
		Threads:     int(raw.threads),
		Search:      Search(raw.search),
		PointFormat: int(raw.point_format),
		Overwrite:   raw.overwrite != 0,
		BlockSizeM:  float64(raw.block_size_m),
		LinearUnitM: float64(raw.linear_unit_m),
	}
}

// FeaturesFile computes features of a LAS, LAZ or COPC file and writes them to another, whose name says how: .laz or .las
// for the same points with one dimension a column, .safetensors for a matrix with the schema, .npy for the matrix alone.
// It appears whole or not at all. Nil options are the defaults.
func FeaturesFile(ctx context.Context, schema, input, output string, options *FeaturesFileOptions) (*Summary, error) {
	if options == nil {
		options = DefaultFeaturesFileOptions()
	}
	a := &arena{}
	defer a.free()
	what, from, to := a.text(schema), a.text(input), a.text(output)
	raw := (*C.groma_features_file_options_t)(a.alloc(C.sizeof_groma_features_file_options_t))
	C.groma_features_file_options_init(raw, C.sizeof_groma_features_file_options_t)
	raw.threads = a.count32("Threads", options.Threads)
	raw.search = C.int32_t(options.Search)
	raw.point_format = a.number32("PointFormat", options.PointFormat)
	raw.overwrite = flag(options.Overwrite)
	raw.block_size_m = C.double(options.BlockSizeM)
	raw.linear_unit_m = C.double(options.LinearUnitM)
	raw.dtm = a.optional(options.DTM)
	raw.device = a.optional(options.Device)
	j := listen(ctx, options.Cancel, options.Progress, a, &raw.cancel, &raw.progress, &raw.progress_user)
	if a.err != nil {
		return nil, j.end(a.err)
	}
	var summary *C.groma_summary_t
	var e *C.groma_error_t
	status := C.groma_features_file(what, from, to, raw, &summary, &e)
	done, err := newSummary(status, summary, e)
	return done, j.end(err)
}
