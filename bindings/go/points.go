package groma

// #include "bridge.h"
import "C"

import (
	"fmt"
	"math"
	"runtime"
	"sort"
	"strings"
	"unsafe"
)

// Points are coordinates and attributes of the caller. They are read during the calls they are given to.
type Points struct {
	// X, Y and Z are either F64, which are rounded once to steps of Resolution, or I32 as in LAS (position = integer *
	// Scale + Offset), which are taken as they are. Their unit is the metre, unless the options say otherwise.
	X, Y, Z Array
	// Scale is the size of one step along x, y, z, in the unit of the coordinates; only for I32. 0.001 where it is 0.
	Scale [3]float64
	// Offset is the position of integer 0; only for I32.
	Offset [3]float64
	// Resolution is what coordinates are rounded to, in their unit; only for F64. 0.001 where it is 0. With the resolution
	// of the data (0.01 or 0.001 for LAS) nothing moves.
	Resolution float64
	// Columns are attributes by name: return_number, number_of_returns, intensity, scan_angle (degrees), classification,
	// red, green, blue, nir, gps_time, ..., or names of your own. The first 16 in alphabetical order go in without a copy.
	Columns map[string]Array
}

// XYZ are points from three slices, in metres.
func XYZ(x, y, z []float64) *Points {
	return &Points{X: Slice(x), Y: Slice(y), Z: Slice(z)}
}

// InterleavedXYZ are points from one slice of x, y, z, x, y, z, ..., in metres.
func InterleavedXYZ(xyz []float64) *Points {
	return &Points{X: Strided(xyz, 0, 3), Y: Strided(xyz, 1, 3), Z: Strided(xyz, 2, 3)}
}

// Len is the number of points.
func (p *Points) Len() int { return p.X.count }

// call is a call with points: in C memory, with the pointers that have to be arguments beside it.
type call struct {
	raw     *C.groma_go_call_t
	arena   *arena
	xyz     [3]unsafe.Pointer
	columns [C.GROMA_GO_COLUMNS]unsafe.Pointer
	// The arrays behind the arguments, for when Go does not let them into C.
	xyzArrays    [3]Array
	columnArrays [C.GROMA_GO_COLUMNS]Array
}

// prepare puts points into C memory.
func prepare(function C.int32_t, p *Points, a *arena) *call {
	c := &call{raw: (*C.groma_go_call_t)(a.alloc(C.sizeof_groma_go_call_t)), arena: a}
	c.raw.function = function
	points := &c.raw.points
	C.groma_points_init(points, C.sizeof_groma_points_t)
	if p == nil {
		a.refuse("no points were given (nil)")
		return c
	}
	points.count = C.uint64_t(p.X.count)
	points.coordinate_type = C.int32_t(p.X.element)
	axes := [3]Array{p.X, p.Y, p.Z}
	pointers := [3]*unsafe.Pointer{&points.x, &points.y, &points.z}
	strides := [3]*C.int64_t{&points.x_stride_bytes, &points.y_stride_bytes, &points.z_stride_bytes}
	for i, axis := range axes {
		if axis.count != p.X.count || axis.element != p.X.element {
			a.refuse(fmt.Sprintf("x, y and z differ in length or type: %d, %d and %d numbers", p.X.count, p.Y.count, p.Z.count))
		}
		*strides[i] = C.int64_t(axis.stride)
		*pointers[i], c.xyz[i] = c.place(axis)
		c.xyzArrays[i] = axis
		if p.Scale[i] != 0 {
			points.scale[i] = C.double(p.Scale[i])
		}
		points.offset[i] = C.double(p.Offset[i])
	}
	if p.Resolution != 0 {
		points.resolution = C.double(p.Resolution)
	}
	c.addColumns(p)
	return c
}

func (c *call) addColumns(p *Points) {
	names := make([]string, 0, len(p.Columns))
	for name := range p.Columns {
		names = append(names, name)
	}
	sort.Strings(names)
	first := (*C.groma_column_t)(c.arena.alloc(len(names) * C.sizeof_groma_column_t))
	columns := unsafe.Slice(first, len(names))
	c.raw.columns = first
	c.raw.points.column_count = C.uint64_t(len(names))
	for i, name := range names {
		array := p.Columns[name]
		if array.count != p.X.count {
			c.arena.refuse(fmt.Sprintf("column %s has %d values for %d points", name, array.count, p.X.count))
			return
		}
		column := &columns[i]
		column.struct_size = C.sizeof_groma_column_t
		column.element_type = C.int32_t(array.element)
		column.name = c.arena.text(name)
		column.stride_bytes = C.int64_t(array.stride)
		var argument unsafe.Pointer
		column.data, argument = c.place(array)
		if i < len(c.columns) {
			c.columns[i], c.columnArrays[i] = argument, array
		} else if argument != nil {
			column.data, column.stride_bytes = c.arena.bytes(array.bytes()), 0
		}
	}
}

// place says where an array goes: into the struct if it is memory of C, or as an argument if it is Go's.
func (c *call) place(array Array) (field, argument unsafe.Pointer) {
	if array.count == 0 {
		return c.arena.alloc(1), nil
	}
	if array.owner != nil {
		c.arena.use(array.owner)
		return array.first, nil
	}
	return nil, array.first
}

// make makes the call; what it gives is NULL on failure.
func (c *call) make() (unsafe.Pointer, error) {
	if c.arena.err != nil {
		return nil, c.arena.err
	}
	var output unsafe.Pointer
	var e *C.groma_error_t
	var status C.groma_status_t
	k := &c.columns
	run := func() {
		status = C.groma_go_points_call(c.raw, &output, &e, c.xyz[0], c.xyz[1], c.xyz[2],
			k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7], k[8], k[9], k[10], k[11], k[12], k[13], k[14], k[15])
	}
	if !passes(run) {
		c.copyArrays()
		run()
	}
	return output, failure(status, e)
}

// copyArrays puts all that is Go's into C memory.
func (c *call) copyArrays() {
	points := &c.raw.points
	pointers := [3]*unsafe.Pointer{&points.x, &points.y, &points.z}
	strides := [3]*C.int64_t{&points.x_stride_bytes, &points.y_stride_bytes, &points.z_stride_bytes}
	for i, array := range c.xyzArrays {
		if c.xyz[i] != nil {
			*pointers[i], *strides[i], c.xyz[i] = c.arena.bytes(array.bytes()), 0, nil
		}
	}
	columns := unsafe.Slice(c.raw.columns, int(points.column_count))
	for i, array := range c.columnArrays {
		if c.columns[i] != nil {
			columns[i].data, columns[i].stride_bytes, c.columns[i] = c.arena.bytes(array.bytes()), 0, nil
		}
	}
}

// passes makes a call of C; false if Go has refused its arguments before it began, as they lie in an object that holds
// pointers of Go's (an array that is a field of a struct with strings).
func passes(run func()) (passed bool) {
	defer func() {
		if passed {
			return
		}
		thrown := recover()
		if err, ok := thrown.(runtime.Error); !ok || !strings.Contains(err.Error(), "cgo argument has Go pointer") {
			panic(thrown)
		}
	}()
	run()
	return true
}

// refuse makes an argument the error of the call.
func (a *arena) refuse(message string) {
	if a.err == nil {
		a.err = &Error{Status: StatusInvalidArgument, Message: message}
	}
}

// pointsOf are points whose arrays lie in memory of the library.
func pointsOf(raw *C.groma_points_t, owner *handle) *Points {
	count := int(raw.count)
	axis := func(first unsafe.Pointer, stride C.int64_t) Array {
		return Array{element: ElementType(raw.coordinate_type), first: first, count: count, stride: int(stride), owner: owner}
	}
	points := &Points{
		X:          axis(raw.x, raw.x_stride_bytes),
		Y:          axis(raw.y, raw.y_stride_bytes),
		Z:          axis(raw.z, raw.z_stride_bytes),
		Resolution: float64(raw.resolution),
		Columns:    map[string]Array{},
	}
	for i := range points.Scale {
		points.Scale[i], points.Offset[i] = float64(raw.scale[i]), float64(raw.offset[i])
	}
	for _, column := range view[C.groma_column_t](unsafe.Pointer(raw.columns), uint64(raw.column_count)) {
		points.Columns[C.GoString(column.name)] = Array{
			element: ElementType(column.element_type),
			first:   column.data,
			count:   count,
			stride:  int(column.stride_bytes),
			owner:   owner,
		}
	}
	return points
}

// DefaultPoints has the defaults of the library spelled out and no points.
func DefaultPoints() *Points {
	var raw C.groma_points_t
	C.groma_points_init(&raw, C.sizeof_groma_points_t)
	points := pointsOf(&raw, nil)
	points.X.element, points.Y.element, points.Z.element = F64, F64, F64
	return points
}

// count32 fits a count of the caller into a field of 32 bits.
func (a *arena) count32(name string, value int) C.uint32_t {
	if value < 0 || int64(value) > math.MaxUint32 {
		a.refuse(fmt.Sprintf("%s is %d; it must be 0 to 4294967295", name, value))
		return 0
	}
	return C.uint32_t(value)
}

// number32 fits a number of the caller into a field of 32 bits with a sign.
func (a *arena) number32(name string, value int) C.int32_t {
	if int64(value) < math.MinInt32 || int64(value) > math.MaxInt32 {
		a.refuse(fmt.Sprintf("%s is %d; it must be -2147483648 to 2147483647", name, value))
		return 0
	}
	return C.int32_t(value)
}

// count64 fits a count of the caller into a field of 64 bits.
func (a *arena) count64(name string, value int) C.uint64_t {
	if value < 0 {
		a.refuse(fmt.Sprintf("%s is %d; it must not be negative", name, value))
		return 0
	}
	return C.uint64_t(value)
}
