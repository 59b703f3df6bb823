package groma

// #include "bridge.h"
import "C"

import (
	"context"
	"unsafe"
)

// NeighborsOutput is one of the arrays of neighbours.
type NeighborsOutput int32

// Arrays of neighbours.
const (
	NeighborsOffsets   NeighborsOutput = C.GROMA_NEIGHBORS_OFFSETS
	NeighborsIndices   NeighborsOutput = C.GROMA_NEIGHBORS_INDICES
	NeighborsDistances NeighborsOutput = C.GROMA_NEIGHBORS_DISTANCES
)

// NeighborsOptions say how to search.
type NeighborsOptions struct {
	// Threads that work; 0 for one a core. The result does not depend on it.
	Threads int
	// Search is the neighbour search.
	Search Search
	// MaxDistanceM, of nearest neighbours: farther ones do not count, in metres; 0 for no bound.
	MaxDistanceM float64
	// LinearUnitM is the length of one unit of the coordinates in metres (0.3048 for feet); 0 for metres.
	LinearUnitM float64
	// Device is where they are searched: cpu, auto, cuda or cuda:0; empty for cpu.
	Device string
	// Cancel may stop the call; nil for none.
	Cancel *Cancel
	// Progress is called while it works; nil for none.
	Progress Progress
}

// DefaultNeighborsOptions are the defaults of the library.
func DefaultNeighborsOptions() *NeighborsOptions {
	var raw C.groma_neighbors_options_t
	C.groma_neighbors_options_init(&raw, C.sizeof_groma_neighbors_options_t)
	return &NeighborsOptions{
		Threads:      int(raw.threads),
		Search:       Search(raw.search),
		MaxDistanceM: float64(raw.max_distance_m),
		LinearUnitM:  float64(raw.linear_unit_m),
	}
}

// Neighbors are those of every point, one list after the other (CSR). Slices are views, valid until Close, which alone frees
// what has given one out.
type Neighbors struct {
	handle
}

// Nearest finds the k points nearest to each, itself included. Nil options are the defaults.
func Nearest(ctx context.Context, points *Points, k int, options *NeighborsOptions) (*Neighbors, error) {
	a := &arena{}
	defer a.free()
	c := prepare(C.GROMA_GO_NEAREST, points, a)
	c.raw.k = a.count64("k", k)
	return c.neighbors(ctx, options)
}

// Within finds the points within a radius of each, itself included. Nil options are the defaults.
func Within(ctx context.Context, points *Points, radiusM float64, options *NeighborsOptions) (*Neighbors, error) {
	a := &arena{}
	defer a.free()
	c := prepare(C.GROMA_GO_WITHIN, points, a)
	c.raw.radius_m = C.double(radiusM)
	return c.neighbors(ctx, options)
}

func (c *call) neighbors(ctx context.Context, options *NeighborsOptions) (*Neighbors, error) {
	if options == nil {
		options = DefaultNeighborsOptions()
	}
	raw := (*C.groma_neighbors_options_t)(c.arena.alloc(C.sizeof_groma_neighbors_options_t))
	C.groma_neighbors_options_init(raw, C.sizeof_groma_neighbors_options_t)
	raw.threads = c.arena.count32("Threads", options.Threads)
	raw.search = C.int32_t(options.Search)
	raw.max_distance_m = C.double(options.MaxDistanceM)
	raw.linear_unit_m = C.double(options.LinearUnitM)
	raw.device = c.arena.optional(options.Device)
	c.raw.options = unsafe.Pointer(raw)
	j := listen(ctx, options.Cancel, options.Progress, c.arena, &raw.cancel, &raw.progress, &raw.progress_user)
	pointer, err := c.make()
	var neighbors *Neighbors
	if err == nil {
		neighbors = &Neighbors{}
		neighbors.adopt("Neighbors", pointer, func(p unsafe.Pointer) {
			C.groma_neighbors_destroy((*C.groma_neighbors_t)(p))
		})
		found := (*C.groma_neighbors_t)(pointer)
		neighbors.weigh(8 * (uint64(C.groma_neighbors_count(found)) + uint64(C.groma_neighbors_total(found))))
	}
	return neighbors, j.end(err)
}

// Len is the number of points.
func (n *Neighbors) Len() int {
	pointer := (*C.groma_neighbors_t)(n.must())
	defer n.release()
	return int(C.groma_neighbors_count(pointer))
}

// Total is the number of neighbours of all points.
func (n *Neighbors) Total() int {
	pointer := (*C.groma_neighbors_t)(n.must())
	defer n.release()
	return int(C.groma_neighbors_total(pointer))
}

// Offsets says where the neighbours of each point begin: those of point i are offsets[i] to offsets[i+1].
func (n *Neighbors) Offsets() []uint64 {
	pointer := (*C.groma_neighbors_t)(n.must())
	defer n.release()
	return lent[uint64](&n.handle, unsafe.Pointer(C.groma_neighbors_offsets(pointer)), uint64(C.groma_neighbors_count(pointer))+1)
}

// Indices are the neighbours' rows.
func (n *Neighbors) Indices() []uint32 {
	pointer := (*C.groma_neighbors_t)(n.must())
	defer n.release()
	return lent[uint32](&n.handle, unsafe.Pointer(C.groma_neighbors_indices(pointer)), uint64(C.groma_neighbors_total(pointer)))
}

// Distances are the neighbours' distances in metres.
func (n *Neighbors) Distances() []float32 {
	pointer := (*C.groma_neighbors_t)(n.must())
	defer n.release()
	return lent[float32](&n.handle, unsafe.Pointer(C.groma_neighbors_distances(pointer)), uint64(C.groma_neighbors_total(pointer)))
}

// Of is the rows and distances of the neighbours of one point.
func (n *Neighbors) Of(point int) (rows []uint32, distances []float32) {
	n.must()
	defer n.release()
	offsets := n.Offsets()
	begin, end := offsets[point], offsets[point+1]
	return n.Indices()[begin:end], n.Distances()[begin:end]
}

// Copy gives the arrays as slices of Go's.
func (n *Neighbors) Copy() (offsets []uint64, indices []uint32, distances []float32) {
	pointer := (*C.groma_neighbors_t)(n.must())
	defer n.release()
	count, total := uint64(C.groma_neighbors_count(pointer)), uint64(C.groma_neighbors_total(pointer))
	return copied(view[uint64](unsafe.Pointer(C.groma_neighbors_offsets(pointer)), count+1)),
		copied(view[uint32](unsafe.Pointer(C.groma_neighbors_indices(pointer)), total)),
		copied(view[float32](unsafe.Pointer(C.groma_neighbors_distances(pointer)), total))
}

// Value is one of the arrays as a value that outlives the neighbours, without a copy.
func (n *Neighbors) Value(output NeighborsOutput) (*Value, error) {
	pointer, err := n.acquire()
	if err != nil {
		return nil, err
	}
	defer n.release()
	var value *C.groma_value_t
	var e *C.groma_error_t
	status := C.groma_neighbors_value((*C.groma_neighbors_t)(pointer), C.int32_t(output), &value, &e)
	return made(status, value, e)
}
