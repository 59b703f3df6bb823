package groma

// #include "bridge.h"
import "C"

import "unsafe"

// Output is one of the arrays of a result.
type Output int32

// Arrays of a result.
const (
	OutputClass         Output = C.GROMA_OUTPUT_CLASS
	OutputASPRS         Output = C.GROMA_OUTPUT_ASPRS
	OutputConfidence    Output = C.GROMA_OUTPUT_CONFIDENCE
	OutputEntropy       Output = C.GROMA_OUTPUT_ENTROPY
	OutputProbabilities Output = C.GROMA_OUTPUT_PROBABILITIES
)

// Result is what a model says of every point, in the order of the points. Its slices are views, valid until Close, which alone frees
// what has given one out.
type Result struct {
	handle
}

func newResult(pointer *C.groma_result_t) *Result {
	result := &Result{}
	result.adopt("Result", unsafe.Pointer(pointer), func(p unsafe.Pointer) { C.groma_result_destroy((*C.groma_result_t)(p)) })
	// Class, code, confidence and entropy.
	width := uint64(10)
	if C.groma_result_probabilities(pointer) != nil {
		width += 4 * uint64(C.groma_result_class_count(pointer))
	}
	result.weigh(width * uint64(C.groma_result_count(pointer)))
	return result
}

// Len is the number of points.
func (r *Result) Len() int {
	pointer := (*C.groma_result_t)(r.must())
	defer r.release()
	return int(C.groma_result_count(pointer))
}

// ClassCount is the number of classes, the width of the probabilities.
func (r *Result) ClassCount() int {
	pointer := (*C.groma_result_t)(r.must())
	defer r.release()
	return int(C.groma_result_class_count(pointer))
}

// Classes are the points' classes, indices into the model's.
func (r *Result) Classes() []uint8 {
	pointer := (*C.groma_result_t)(r.must())
	defer r.release()
	return lent[uint8](&r.handle, unsafe.Pointer(C.groma_result_classes(pointer)), uint64(C.groma_result_count(pointer)))
}

// ASPRS are the points' ASPRS codes.
func (r *Result) ASPRS() []uint8 {
	pointer := (*C.groma_result_t)(r.must())
	defer r.release()
	return lent[uint8](&r.handle, unsafe.Pointer(C.groma_result_asprs(pointer)), uint64(C.groma_result_count(pointer)))
}

// Confidence is the probability of each point's class, 0...1.
func (r *Result) Confidence() []float32 {
	pointer := (*C.groma_result_t)(r.must())
	defer r.release()
	return lent[float32](&r.handle, unsafe.Pointer(C.groma_result_confidence(pointer)), uint64(C.groma_result_count(pointer)))
}

// Entropy is that of each point's probabilities, in nats, 0...ln(classes).
func (r *Result) Entropy() []float32 {
	pointer := (*C.groma_result_t)(r.must())
	defer r.release()
	return lent[float32](&r.handle, unsafe.Pointer(C.groma_result_entropy(pointer)), uint64(C.groma_result_count(pointer)))
}

// Probabilities has class c of point i at i*ClassCount() + c; nil if they were not asked for.
func (r *Result) Probabilities() []float32 {
	pointer := (*C.groma_result_t)(r.must())
	defer r.release()
	count := uint64(C.groma_result_count(pointer)) * uint64(C.groma_result_class_count(pointer))
	return lent[float32](&r.handle, unsafe.Pointer(C.groma_result_probabilities(pointer)), count)
}

// Predictions are a result in slices of Go's.
type Predictions struct {
	Classes, ASPRS      []uint8
	Confidence, Entropy []float32
	// Probabilities is nil if they were not asked for.
	Probabilities []float32
}

// Copy gives the arrays as slices that do not need the result.
func (r *Result) Copy() Predictions {
	pointer := (*C.groma_result_t)(r.must())
	defer r.release()
	count := uint64(C.groma_result_count(pointer))
	all := count * uint64(C.groma_result_class_count(pointer))
	return Predictions{
		Classes:       copied(view[uint8](unsafe.Pointer(C.groma_result_classes(pointer)), count)),
		ASPRS:         copied(view[uint8](unsafe.Pointer(C.groma_result_asprs(pointer)), count)),
		Confidence:    copied(view[float32](unsafe.Pointer(C.groma_result_confidence(pointer)), count)),
		Entropy:       copied(view[float32](unsafe.Pointer(C.groma_result_entropy(pointer)), count)),
		Probabilities: copied(view[float32](unsafe.Pointer(C.groma_result_probabilities(pointer)), all)),
	}
}

// Value is one of the arrays as a value that outlives the result, without a copy.
func (r *Result) Value(output Output) (*Value, error) {
	pointer, err := r.acquire()
	if err != nil {
		return nil, err
	}
	defer r.release()
	var value *C.groma_value_t
	var e *C.groma_error_t
	status := C.groma_result_value((*C.groma_result_t)(pointer), C.int32_t(output), &value, &e)
	return made(status, value, e)
}

// Tensor describes one of the arrays as DLPack does, valid until Close.
func (r *Result) Tensor(output Output) (Tensor, error) {
	pointer, err := r.acquire()
	if err != nil {
		return Tensor{}, err
	}
	defer r.release()
	var tensor C.groma_tensor_t
	var e *C.groma_error_t
	err = failure(C.groma_result_tensor((*C.groma_result_t)(pointer), C.int32_t(output), &tensor, &e), e)
	if err != nil {
		return Tensor{}, err
	}
	r.pin()
	return tensorOf(&tensor), nil
}

// Confident finds the points whose confidence is at least `minimum`: a mask (U8, 1 for those) and their rows (U32,
// ascending).
func (r *Result) Confident(minimum float32) (mask, rows *Value, err error) {
	pointer, err := r.acquire()
	if err != nil {
		return nil, nil, err
	}
	defer r.release()
	var rawMask, rawRows *C.groma_value_t
	var e *C.groma_error_t
	status := C.groma_result_confident((*C.groma_result_t)(pointer), C.float(minimum), &rawMask, &rawRows, &e)
	if err := failure(status, e); err != nil {
		return nil, nil, err
	}
	return newValue(rawMask), newValue(rawRows), nil
}
