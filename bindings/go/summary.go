package groma

// #include "bridge.h"
import "C"

import (
	"encoding/json"
	"time"
	"unsafe"
)

// Summary is what was done to a file.
type Summary struct {
	handle
}

func newSummary(status C.groma_status_t, pointer *C.groma_summary_t, e *C.groma_error_t) (*Summary, error) {
	if err := failure(status, e); err != nil {
		return nil, err
	}
	summary := &Summary{}
	summary.adopt("Summary", unsafe.Pointer(pointer), func(p unsafe.Pointer) {
		C.groma_summary_destroy((*C.groma_summary_t)(p))
	})
	return summary, nil
}

// Points is the number of points read and written.
func (s *Summary) Points() uint64 {
	pointer := (*C.groma_summary_t)(s.must())
	defer s.release()
	return uint64(C.groma_summary_points(pointer))
}

// ClassPoints is the number of points of an ASPRS class in the output; 0 for calls that do not classify.
func (s *Summary) ClassPoints(asprs uint8) uint64 {
	pointer := (*C.groma_summary_t)(s.must())
	defer s.release()
	return uint64(C.groma_summary_class_points(pointer, C.uint8_t(asprs)))
}

// MeanConfidence is the mean probability of the points' classes, 0...1; 0 where no model ran.
func (s *Summary) MeanConfidence() float64 {
	pointer := (*C.groma_summary_t)(s.must())
	defer s.release()
	return float64(C.groma_summary_mean_confidence(pointer))
}

// Total is the wall-clock time of the whole call.
func (s *Summary) Total() time.Duration {
	pointer := (*C.groma_summary_t)(s.must())
	defer s.release()
	return time.Duration(float64(C.groma_summary_total_s(pointer)) * float64(time.Second))
}

// JSON says everything.
func (s *Summary) JSON() json.RawMessage {
	pointer := (*C.groma_summary_t)(s.must())
	defer s.release()
	return json.RawMessage(C.GoString(C.groma_summary_json(pointer)))
}
