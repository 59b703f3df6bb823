package groma

// #include "bridge.h"
import "C"

import (
	"context"
	"unsafe"
)

// Height is how heights above the ground are measured.
type Height int32

// Ways to measure heights.
const (
	// HeightNone: not at all.
	HeightNone Height = C.GROMA_HEIGHT_NONE
	// HeightNearest: above the ground point that is nearest in plan.
	HeightNearest Height = C.GROMA_HEIGHT_NEAREST
	// HeightIDW: above the weighted mean of the 8 ground points nearest in plan.
	HeightIDW Height = C.GROMA_HEIGHT_IDW
	// HeightTIN: above the Delaunay triangles of the ground points.
	HeightTIN Height = C.GROMA_HEIGHT_TIN
)

// GroundOptions say what ground is, and what becomes of it. Begin with DefaultGroundOptions: the zero value is not the
// default.
type GroundOptions struct {
	// Threads that work; 0 for one a core. The result does not depend on it.
	Threads int
	// Height is what heights are measured from; in files they are the extra dimension height_above_ground.
	Height Height
	// KeepOthers: points that are not ground keep their class (2 becomes 1), instead of class 1.
	KeepOthers bool
	// PointFormat of the output file; -1, the default, for that of the input.
	PointFormat int
	// Overwrite outputs that exist.
	Overwrite bool
	// CellM is the edge of the filter's cells in metres; 0 to choose it from the spacing of the points.
	CellM float64
	// WindowM is half the width of the largest opening window in metres. Default 60.
	WindowM float64
	// Slope is rise over run that still counts as ground. Default 0.15.
	Slope float64
	// MaxToleranceM: a larger drop between two openings is an object on any slope, in metres. Default 3.
	MaxToleranceM float64
	// ToleranceM is how far above or below the ground a ground point may lie, in metres. Default 0.15.
	ToleranceM float64
	// ToleranceSlope is what is added to that for a slope of 1, in metres. Default 0.1.
	ToleranceSlope float64
	// LinearUnitM is the length of one unit of the coordinates in metres (0.3048 for feet); 0 for that of the file's CRS,
	// and for metres where none is known.
	LinearUnitM float64
	// IgnoreClasses are left alone and not seen by the filter; nil for 7 and 18, noise; empty for none.
	IgnoreClasses []uint8
	// DTM is the path of a GeoTIFF of the ground to write beside a file; empty for none.
	DTM string
	// DTMCellM is the edge of its cells in metres; 0 for 1.
	DTMCellM float64
	// Cancel may stop the call; nil for none.
	Cancel *Cancel
	// Progress is called while it works; nil for none.
	Progress Progress
}

// DefaultGroundOptions are the defaults of the library.
func DefaultGroundOptions() *GroundOptions {
	var raw C.groma_ground_options_t
	C.groma_ground_options_init(&raw, C.sizeof_groma_ground_options_t)
	return &GroundOptions{
		Threads:        int(raw.threads),
		Height:         Height(raw.height),
		KeepOthers:     raw.keep_others != 0,
		PointFormat:    int(raw.point_format),
		Overwrite:      raw.overwrite != 0,
		CellM:          float64(raw.cell_m),
		WindowM:        float64(raw.window_m),
		Slope:          float64(raw.slope),
		MaxToleranceM:  float64(raw.max_tolerance_m),
		ToleranceM:     float64(raw.tolerance_m),
		ToleranceSlope: float64(raw.tolerance_slope),
		LinearUnitM:    float64(raw.linear_unit_m),
		DTMCellM:       float64(raw.dtm_cell_m),
	}
}

func (o *GroundOptions) in(ctx context.Context, a *arena) (*C.groma_ground_options_t, *job) {
	if o == nil {
		o = DefaultGroundOptions()
	}
	raw := (*C.groma_ground_options_t)(a.alloc(C.sizeof_groma_ground_options_t))
	C.groma_ground_options_init(raw, C.sizeof_groma_ground_options_t)
	raw.threads = a.count32("Threads", o.Threads)
	raw.height = C.int32_t(o.Height)
	raw.keep_others = flag(o.KeepOthers)
	raw.point_format = a.number32("PointFormat", o.PointFormat)
	raw.overwrite = flag(o.Overwrite)
	raw.cell_m = C.double(o.CellM)
	raw.window_m = C.double(o.WindowM)
	raw.slope = C.double(o.Slope)
	raw.max_tolerance_m = C.double(o.MaxToleranceM)
	raw.tolerance_m = C.double(o.ToleranceM)
	raw.tolerance_slope = C.double(o.ToleranceSlope)
	raw.linear_unit_m = C.double(o.LinearUnitM)
	if o.IgnoreClasses != nil {
		raw.ignore_classes = (*C.uint8_t)(a.bytes(o.IgnoreClasses))
		raw.ignore_class_count = C.uint64_t(len(o.IgnoreClasses))
	}
	raw.dtm = a.optional(o.DTM)
	raw.dtm_cell_m = C.double(o.DTMCellM)
	return raw, listen(ctx, o.Cancel, o.Progress, a, &raw.cancel, &raw.progress, &raw.progress_user)
}

// GroundFile finds the ground of a LAS, LAZ or COPC file. The output holds the same points in the same order, ground as
// class 2, and everything but the classes as it was; it appears whole or not at all. Nil options are the defaults.
func GroundFile(ctx context.Context, input, output string, options *GroundOptions) (*Summary, error) {
	a := &arena{}
	defer a.free()
	from, to := a.text(input), a.text(output)
	raw, j := options.in(ctx, a)
	if a.err != nil {
		return nil, j.end(a.err)
	}
	var summary *C.groma_summary_t
	var e *C.groma_error_t
	status := C.groma_ground_file(from, to, raw, &summary, &e)
	done, err := newSummary(status, summary, e)
	return done, j.end(err)
}

// Ground is the ground of points in memory. Its slices are views, valid until Close, which alone frees
// what has given one out.
type Ground struct {
	handle
}

// FindGround finds the ground of points in memory; of their attributes only classification is read. Nil options are the
// defaults; what concerns files is ignored.
func FindGround(ctx context.Context, points *Points, options *GroundOptions) (*Ground, error) {
	a := &arena{}
	defer a.free()
	c := prepare(C.GROMA_GO_GROUND, points, a)
	raw, j := options.in(ctx, a)
	c.raw.options = unsafe.Pointer(raw)
	pointer, err := c.make()
	var ground *Ground
	if err == nil {
		ground = &Ground{}
		ground.adopt("Ground", pointer, func(p unsafe.Pointer) { C.groma_ground_destroy((*C.groma_ground_t)(p)) })
		ground.weigh(5 * uint64(C.groma_ground_count((*C.groma_ground_t)(pointer))))
	}
	return ground, j.end(err)
}

// Len is the number of points.
func (g *Ground) Len() int {
	pointer := (*C.groma_ground_t)(g.must())
	defer g.release()
	return int(C.groma_ground_count(pointer))
}

// Found is the number of ground points.
func (g *Ground) Found() int {
	pointer := (*C.groma_ground_t)(g.must())
	defer g.release()
	return int(C.groma_ground_found(pointer))
}

// OutsideHull is the number of points that lie outside the triangles of HeightTIN.
func (g *Ground) OutsideHull() int {
	pointer := (*C.groma_ground_t)(g.must())
	defer g.release()
	return int(C.groma_ground_outside_hull(pointer))
}

// Classes are the new classes of the points, 2 for ground.
func (g *Ground) Classes() []uint8 {
	pointer := (*C.groma_ground_t)(g.must())
	defer g.release()
	return lent[uint8](&g.handle, unsafe.Pointer(C.groma_ground_classes(pointer)), uint64(C.groma_ground_count(pointer)))
}

// Heights are those of the points above the ground in metres; nil if they were not asked for.
func (g *Ground) Heights() []float32 {
	pointer := (*C.groma_ground_t)(g.must())
	defer g.release()
	return lent[float32](&g.handle, unsafe.Pointer(C.groma_ground_heights(pointer)), uint64(C.groma_ground_count(pointer)))
}

// Copy gives classes and heights as slices of Go's.
func (g *Ground) Copy() (classes []uint8, heights []float32) {
	pointer := (*C.groma_ground_t)(g.must())
	defer g.release()
	count := uint64(C.groma_ground_count(pointer))
	return copied(view[uint8](unsafe.Pointer(C.groma_ground_classes(pointer)), count)),
		copied(view[float32](unsafe.Pointer(C.groma_ground_heights(pointer)), count))
}
