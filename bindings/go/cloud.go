package groma

// #include "bridge.h"
import "C"

import (
	"context"
	"encoding/json"
	"strings"
	"unsafe"
)

// LASOptions say how to read and write LAS and LAZ files. Begin with DefaultLASOptions: the zero value is not the default.
type LASOptions struct {
	// Threads that work; 0 for one a core.
	Threads int
	// PointFormat of a file that is written, 0 to 3 or 6 to 8; -1, the default, for 8 with a column `nir`, 7 with colours,
	// else 6.
	PointFormat int
	// Overwrite an output that exists.
	Overwrite bool
	// CRSWKT of a file that is written is its reference system as an OGC WKT; empty for none.
	CRSWKT string
	// LinearUnitM must be 0.
	LinearUnitM float64
	// Cancel may stop the call; nil for none.
	Cancel *Cancel
	// Progress is called while it works; nil for none.
	Progress Progress
}

// DefaultLASOptions are the defaults of the library.
func DefaultLASOptions() *LASOptions {
	var raw C.groma_las_options_t
	C.groma_las_options_init(&raw, C.sizeof_groma_las_options_t)
	return &LASOptions{
		Threads:     int(raw.threads),
		PointFormat: int(raw.point_format),
		Overwrite:   raw.overwrite != 0,
		LinearUnitM: float64(raw.linear_unit_m),
	}
}

func (o *LASOptions) in(ctx context.Context, a *arena) (*C.groma_las_options_t, *job) {
	if o == nil {
		o = DefaultLASOptions()
	}
	raw := (*C.groma_las_options_t)(a.alloc(C.sizeof_groma_las_options_t))
	C.groma_las_options_init(raw, C.sizeof_groma_las_options_t)
	raw.threads = a.count32("Threads", o.Threads)
	raw.point_format = a.number32("PointFormat", o.PointFormat)
	raw.overwrite = flag(o.Overwrite)
	raw.linear_unit_m = C.double(o.LinearUnitM)
	raw.crs_wkt = a.optional(o.CRSWKT)
	return raw, listen(ctx, o.Cancel, o.Progress, a, &raw.cancel, &raw.progress, &raw.progress_user)
}

// Cloud is the points of a file in memory.
type Cloud struct {
	handle
}

// DescribeLAS says what is in a LAS, LAZ or COPC file, without reading its points: header, VLRs, CRS, dimensions.
func DescribeLAS(path string) (json.RawMessage, error) {
	a := &arena{}
	defer a.free()
	name := a.text(path)
	if a.err != nil {
		return nil, a.err
	}
	var text *C.groma_string_t
	var e *C.groma_error_t
	status := C.groma_las_describe(name, &text, &e)
	return taken(status, text, e)
}

// ReadLAS reads coordinates and the named columns of a LAS, LAZ or COPC file: nil for all, empty for none. Nil options are
// the defaults.
func ReadLAS(ctx context.Context, path string, columns []string, options *LASOptions) (*Cloud, error) {
	a := &arena{}
	defer a.free()
	name := a.text(path)
	var names *C.char
	if columns != nil {
		names = a.text(strings.Join(columns, ","))
	}
	raw, j := options.in(ctx, a)
	if a.err != nil {
		return nil, j.end(a.err)
	}
	var pointer *C.groma_cloud_t
	var e *C.groma_error_t
	err := failure(C.groma_las_read(name, names, raw, &pointer, &e), e)
	var cloud *Cloud
	if err == nil {
		cloud = &Cloud{}
		cloud.adopt("Cloud", unsafe.Pointer(pointer), func(p unsafe.Pointer) { C.groma_cloud_destroy((*C.groma_cloud_t)(p)) })
		// Three coordinates of 4 bytes; columns have 1 to 8.
		cloud.weigh((12 + 4*uint64(C.groma_cloud_column_count(pointer))) * uint64(C.groma_cloud_count(pointer)))
	}
	return cloud, j.end(err)
}

// WriteLAS writes points to a .las or .laz file, which appears whole or not at all. Nil options are the defaults.
func WriteLAS(ctx context.Context, points *Points, path string, options *LASOptions) error {
	a := &arena{}
	defer a.free()
	c := prepare(C.GROMA_GO_LAS_WRITE, points, a)
	c.raw.text = a.text(path)
	raw, j := options.in(ctx, a)
	c.raw.options = unsafe.Pointer(raw)
	_, err := c.make()
	return j.end(err)
}

// Len is the number of points.
func (c *Cloud) Len() int {
	pointer := (*C.groma_cloud_t)(c.must())
	defer c.release()
	return int(C.groma_cloud_count(pointer))
}

// Columns are the names of the columns beside x, y and z.
func (c *Cloud) Columns() []string {
	pointer := (*C.groma_cloud_t)(c.must())
	defer c.release()
	names := make([]string, uint64(C.groma_cloud_column_count(pointer)))
	for i := range names {
		names[i] = C.GoString(C.groma_cloud_column_name(pointer, C.uint64_t(i)))
	}
	return names
}

// LinearUnitM is the length of one unit of the coordinates in metres; 0 where it is not known.
func (c *Cloud) LinearUnitM() float64 {
	pointer := (*C.groma_cloud_t)(c.must())
	defer c.release()
	return float64(C.groma_cloud_linear_unit_m(pointer))
}

// CRSWKT is the file's reference system as an OGC WKT; empty if it holds none, or says it with GeoTIFF keys only.
func (c *Cloud) CRSWKT() string {
	pointer := (*C.groma_cloud_t)(c.must())
	defer c.release()
	return C.GoString(C.groma_cloud_crs_wkt(pointer))
}

// Points is a view of everything, for the functions that take points. Calls with it fail once the cloud is closed.
func (c *Cloud) Points() (*Points, error) {
	pointer, err := c.acquire()
	if err != nil {
		return nil, err
	}
	defer c.release()
	var raw C.groma_points_t
	var e *C.groma_error_t
	C.groma_points_init(&raw, C.sizeof_groma_points_t)
	if err := failure(C.groma_cloud_points((*C.groma_cloud_t)(pointer), &raw, &e), e); err != nil {
		return nil, err
	}
	return pointsOf(&raw, &c.handle), nil
}

// Value is a column (x, y and z are integers; see Points for scale and offset) as a value that outlives the cloud, without
// a copy.
func (c *Cloud) Value(column string) (*Value, error) {
	a := &arena{}
	defer a.free()
	pointer, name := (*C.groma_cloud_t)(a.use(&c.handle)), a.text(column)
	if a.err != nil {
		return nil, a.err
	}
	var value *C.groma_value_t
	var e *C.groma_error_t
	status := C.groma_cloud_value(pointer, name, &value, &e)
	return made(status, value, e)
}
