package groma

// #include "bridge.h"
import "C"

import (
	"context"
	"encoding/json"
	"unsafe"
)

// Filter is a way to choose points.
type Filter int32

// Filters.
const (
	// FilterStatistical leaves out points that are far from their nearest others, compared with the rest.
	FilterStatistical Filter = C.GROMA_FILTER_STATISTICAL
	// FilterRadius leaves out points with few others within a distance.
	FilterRadius Filter = C.GROMA_FILTER_RADIUS
	// FilterVoxel chooses one point for each occupied cube.
	FilterVoxel Filter = C.GROMA_FILTER_VOXEL
	// FilterFarthest chooses points each of which is the one farthest from those before it.
	FilterFarthest Filter = C.GROMA_FILTER_FARTHEST
	// FilterRandom chooses points by chance.
	FilterRandom Filter = C.GROMA_FILTER_RANDOM
)

// VoxelKeep is the point that stands for a voxel.
type VoxelKeep int32

// Points of a voxel.
const (
	// VoxelCentroid: the mean position of its points.
	VoxelCentroid VoxelKeep = C.GROMA_VOXEL_CENTROID
	// VoxelCenter: the point nearest to its centre.
	VoxelCenter VoxelKeep = C.GROMA_VOXEL_CENTER
	// VoxelFirst: its first point.
	VoxelFirst VoxelKeep = C.GROMA_VOXEL_FIRST
)

// FilterOptions say how to filter; what another filter than the one asked for would read is ignored. Begin with
// DefaultFilterOptions: the zero value is not the default.
type FilterOptions struct {
	// Threads that work; 0 for one a core. The result does not depend on it.
	Threads int
	// Search, of outliers: the neighbour search.
	Search Search
	// VoxelKeep is the point that stands for each voxel.
	VoxelKeep VoxelKeep
	// Mark, of outliers in files: keep all points and give outliers class 7.
	Mark bool
	// Overwrite an output that exists.
	Overwrite bool
	// Neighbors, of outliers: nearest others that a point is compared with, or others that it needs. 0 for the default.
	Neighbors int
	// Multiplier, of statistical outliers: standard deviations above the mean that are still usual. Default 2.
	Multiplier float64
	// RadiusM, of radius outliers: distance within which others count, in metres. Default 1.
	RadiusM float64
	// VoxelSizeM is the edge of a voxel in metres. Default 0.5.
	VoxelSizeM float64
	// Count, of farthest and random points: how many. 0 to say Fraction instead.
	Count int
	// Fraction, of farthest and random points: which share, 0 to 1. 0 to say Count instead.
	Fraction float64
	// StartRow, of farthest points: row of the first; -1, the default, for the point farthest from the centroid.
	StartRow int64
	// Seed, of random points: equal seeds draw equal rows.
	Seed uint64
	// LinearUnitM is the length of one unit of the coordinates in metres (0.3048 for feet); 0 for that of the file's CRS,
	// and for metres where none is known.
	LinearUnitM float64
	// Device is where points are chosen: cpu, auto, cuda or cuda:0; empty for cpu.
	Device string
	// Cancel may stop the call; nil for none.
	Cancel *Cancel
	// Progress is called while it works; nil for none.
	Progress Progress
}

// DefaultFilterOptions are the defaults of the library.
func DefaultFilterOptions() *FilterOptions {
	var raw C.groma_filter_options_t
	C.groma_filter_options_init(&raw, C.sizeof_groma_filter_options_t)
	return &FilterOptions{
		Threads:     int(raw.threads),
		Search:      Search(raw.search),
		VoxelKeep:   VoxelKeep(raw.voxel_keep),
		Mark:        raw.mark != 0,
		Overwrite:   raw.overwrite != 0,
		Neighbors:   int(raw.neighbors),
		Multiplier:  float64(raw.multiplier),
		RadiusM:     float64(raw.radius_m),
		VoxelSizeM:  float64(raw.voxel_size_m),
		Count:       int(raw.count),
		Fraction:    float64(raw.fraction),
		StartRow:    int64(raw.start_row),
		Seed:        uint64(raw.seed),
		LinearUnitM: float64(raw.linear_unit_m),
	}
}

func (o *FilterOptions) in(ctx context.Context, a *arena) (*C.groma_filter_options_t, *job) {
	if o == nil {
		o = DefaultFilterOptions()
	}
	raw := (*C.groma_filter_options_t)(a.alloc(C.sizeof_groma_filter_options_t))
	C.groma_filter_options_init(raw, C.sizeof_groma_filter_options_t)
	raw.threads = a.count32("Threads", o.Threads)
	raw.search = C.int32_t(o.Search)
	raw.voxel_keep = C.int32_t(o.VoxelKeep)
	raw.mark = flag(o.Mark)
	raw.overwrite = flag(o.Overwrite)
	raw.neighbors = a.count64("Neighbors", o.Neighbors)
	raw.multiplier = C.double(o.Multiplier)
	raw.radius_m = C.double(o.RadiusM)
	raw.voxel_size_m = C.double(o.VoxelSizeM)
	raw.count = a.count64("Count", o.Count)
	raw.fraction = C.double(o.Fraction)
	raw.start_row = C.int64_t(o.StartRow)
	raw.seed = C.uint64_t(o.Seed)
	raw.linear_unit_m = C.double(o.LinearUnitM)
	raw.device = a.optional(o.Device)
	return raw, listen(ctx, o.Cancel, o.Progress, a, &raw.cancel, &raw.progress, &raw.progress_user)
}

// Filtered is the points that a filter has chosen. Its slices are views, valid until Close, which alone frees
// what has given one out.
type Filtered struct {
	handle
	points uint64
}

// FilterPoints filters points in memory; attributes are not read. Nil options are the defaults.
func FilterPoints(ctx context.Context, points *Points, filter Filter, options *FilterOptions) (*Filtered, error) {
	a := &arena{}
	defer a.free()
	c := prepare(C.GROMA_GO_FILTER, points, a)
	c.raw.filter = C.int32_t(filter)
	raw, j := options.in(ctx, a)
	c.raw.options = unsafe.Pointer(raw)
	pointer, err := c.make()
	var filtered *Filtered
	if err == nil {
		filtered = &Filtered{points: uint64(points.Len())}
		filtered.adopt("Filtered", pointer, func(p unsafe.Pointer) { C.groma_filtered_destroy((*C.groma_filtered_t)(p)) })
	}
	return filtered, j.end(err)
}

// Len is the number of points that were chosen.
func (f *Filtered) Len() int {
	pointer := (*C.groma_filtered_t)(f.must())
	defer f.release()
	return int(C.groma_filtered_count(pointer))
}

// Rows are theirs: ascending; of FilterFarthest in the order in which they were taken.
func (f *Filtered) Rows() []uint32 {
	pointer := (*C.groma_filtered_t)(f.must())
	defer f.release()
	return lent[uint32](&f.handle, unsafe.Pointer(C.groma_filtered_rows(pointer)), uint64(C.groma_filtered_count(pointer)))
}

// Mask has a 1 for each of the points that were filtered that was chosen, and a 0 for the others.
func (f *Filtered) Mask() []uint8 {
	pointer := (*C.groma_filtered_t)(f.must())
	defer f.release()
	return lent[uint8](&f.handle, unsafe.Pointer(C.groma_filtered_mask(pointer)), f.points)
}

// Positions are x, y, z of the points that were chosen, one after the other; nil if they stay where they are.
func (f *Filtered) Positions() []float64 {
	pointer := (*C.groma_filtered_t)(f.must())
	defer f.release()
	return lent[float64](&f.handle, unsafe.Pointer(C.groma_filtered_positions(pointer)), 3*uint64(C.groma_filtered_count(pointer)))
}

// CopyRows is Rows as a slice of Go's.
func (f *Filtered) CopyRows() []uint32 {
	pointer := (*C.groma_filtered_t)(f.must())
	defer f.release()
	return copied(view[uint32](unsafe.Pointer(C.groma_filtered_rows(pointer)), uint64(C.groma_filtered_count(pointer))))
}

// ThresholdM is the mean distance above which FilterStatistical has left points out, in metres; 0 for other filters.
func (f *Filtered) ThresholdM() float64 {
	pointer := (*C.groma_filtered_t)(f.must())
	defer f.release()
	return float64(C.groma_filtered_threshold_m(pointer))
}

// FilterSummary is what FilterFile did.
type FilterSummary struct {
	handle
}

// FilterFile filters a LAS, LAZ or COPC file into another; it appears whole or not at all. Nil options are the defaults.
func FilterFile(ctx context.Context, input, output string, filter Filter, options *FilterOptions) (*FilterSummary, error) {
	a := &arena{}
	defer a.free()
	from, to := a.text(input), a.text(output)
	raw, j := options.in(ctx, a)
	if a.err != nil {
		return nil, j.end(a.err)
	}
	var pointer *C.groma_filter_summary_t
	var e *C.groma_error_t
	status := C.groma_filter_file(from, to, C.int32_t(filter), raw, &pointer, &e)
	err := failure(status, e)
	var summary *FilterSummary
	if err == nil {
		summary = &FilterSummary{}
		summary.adopt("FilterSummary", unsafe.Pointer(pointer), func(p unsafe.Pointer) {
			C.groma_filter_summary_destroy((*C.groma_filter_summary_t)(p))
		})
	}
	return summary, j.end(err)
}

// Points is the number of points read.
func (s *FilterSummary) Points() uint64 {
	pointer := (*C.groma_filter_summary_t)(s.must())
	defer s.release()
	return uint64(C.groma_filter_summary_points(pointer))
}

// Written is the number of points written.
func (s *FilterSummary) Written() uint64 {
	pointer := (*C.groma_filter_summary_t)(s.must())
	defer s.release()
	return uint64(C.groma_filter_summary_written(pointer))
}

// Marked is the number of points that were marked as noise.
func (s *FilterSummary) Marked() uint64 {
	pointer := (*C.groma_filter_summary_t)(s.must())
	defer s.release()
	return uint64(C.groma_filter_summary_marked(pointer))
}

// JSON says everything.
func (s *FilterSummary) JSON() json.RawMessage {
	pointer := (*C.groma_filter_summary_t)(s.must())
	defer s.release()
	return json.RawMessage(C.GoString(C.groma_filter_summary_json(pointer)))
}
