package groma

// #include "bridge.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// Kind is what a value is.
type Kind int32

// Kinds of values.
const (
	// KindTensor: an array of any number of dimensions.
	KindTensor Kind = C.GROMA_KIND_TENSOR
	// KindSequence: values one after the other.
	KindSequence Kind = C.GROMA_KIND_SEQUENCE
	// KindNone: an optional without a value.
	KindNone Kind = C.GROMA_KIND_NONE
	// KindMap: keys with values.
	KindMap Kind = C.GROMA_KIND_MAP
)

// Value is what networks take and give: a tensor, a sequence of values, nothing, or a map. It never changes, and does not
// depend on what it came from.
type Value struct {
	handle
}

func newValue(pointer *C.groma_value_t) *Value {
	value := &Value{}
	value.adopt("Value", unsafe.Pointer(pointer), func(p unsafe.Pointer) { C.groma_value_destroy((*C.groma_value_t)(p)) })
	value.weigh(uint64(C.groma_value_size_bytes(pointer)))
	return value
}

// made is the value of a call that makes one.
func made(status C.groma_status_t, value *C.groma_value_t, e *C.groma_error_t) (*Value, error) {
	if err := failure(status, e); err != nil {
		return nil, err
	}
	return newValue(value), nil
}

// NewTensor copies a slice into a tensor; without a shape it has one dimension.
func NewTensor[T Element](data []T, shape ...int64) (*Value, error) {
	var zero T
	if len(shape) == 0 {
		shape = []int64{int64(len(data))}
	}
	var first unsafe.Pointer
	if len(data) > 0 {
		first = unsafe.Pointer(&data[0])
	}
	return copyTensor(elementOf[T](), shape, first, len(data)*int(unsafe.Sizeof(zero)))
}

// NewScalar is a tensor without dimensions.
func NewScalar[T Element](value T) (*Value, error) {
	return copyTensor(elementOf[T](), nil, unsafe.Pointer(&value), int(unsafe.Sizeof(value)))
}

// NewTensorBytes copies bytes into a tensor of any type but String: 8-bit and smaller floating-point types, packed ones.
// Without a shape it has no dimensions.
func NewTensorBytes(element ElementType, data []byte, shape ...int64) (*Value, error) {
	var first unsafe.Pointer
	if len(data) > 0 {
		first = unsafe.Pointer(&data[0])
	}
	return copyTensor(element, shape, first, len(data))
}

func copyTensor(element ElementType, shape []int64, data unsafe.Pointer, size int) (*Value, error) {
	if data == nil {
		data = unsafe.Pointer(&[1]byte{})
	}
	var value *C.groma_value_t
	var e *C.groma_error_t
	var status C.groma_status_t
	run := func() {
		status = C.groma_value_copy_tensor(C.int32_t(element), shapePointer(shape), C.uint64_t(len(shape)), data,
			C.uint64_t(size), &value, &e)
	}
	if !passes(run) {
		// Numbers in whole words, which lie as their type has to.
		words := make([]uint64, size/8+1)
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), size), unsafe.Slice((*byte)(data), size))
		data = unsafe.Pointer(&words[0])
		run()
	}
	return made(status, value, e)
}

// BorrowTensor makes a tensor of memory that is not Go's (C's, a mapped file's) without a copy. The memory must stay as it
// is until the value, and every value made of it, is closed.
func BorrowTensor(element ElementType, shape []int64, data unsafe.Pointer, size int) (*Value, error) {
	var value *C.groma_value_t
	var e *C.groma_error_t
	status := C.groma_value_borrow_tensor(C.int32_t(element), shapePointer(shape), C.uint64_t(len(shape)), data,
		C.uint64_t(size), &value, &e)
	return made(status, value, e)
}

// shapePointer points to a copy: the caller's may lie in an object that Go does not let into C.
func shapePointer(shape []int64) *C.int64_t {
	if len(shape) == 0 {
		return nil
	}
	shape = copied(shape)
	return (*C.int64_t)(unsafe.Pointer(&shape[0]))
}

// NewStrings copies strings, which may hold any bytes, into a tensor; without a shape it has one dimension.
func NewStrings(strings []string, shape ...int64) (*Value, error) {
	if len(shape) == 0 {
		shape = []int64{int64(len(strings))}
	}
	a := &arena{}
	defer a.free()
	pointers := make([]unsafe.Pointer, len(strings))
	lengths := make([]C.uint64_t, len(strings)+1)
	for i, text := range strings {
		pointers[i], lengths[i] = a.bytes([]byte(text)), C.uint64_t(len(text))
	}
	var value *C.groma_value_t
	var e *C.groma_error_t
	status := C.groma_value_create_strings((**C.char)(unsafe.Pointer(a.pointers(pointers))), &lengths[0],
		shapePointer(shape), C.uint64_t(len(shape)), &value, &e)
	return made(status, value, e)
}

// NewSequence makes a sequence of values, which stay usable.
func NewSequence(items ...*Value) (*Value, error) {
	a := &arena{}
	defer a.free()
	array := a.values(items)
	if a.err != nil {
		return nil, a.err
	}
	var value *C.groma_value_t
	var e *C.groma_error_t
	status := C.groma_value_create_sequence(array, C.uint64_t(len(items)), &value, &e)
	return made(status, value, e)
}

// values acquires values for a call.
func (a *arena) values(values []*Value) **C.groma_value_t {
	pointers := make([]unsafe.Pointer, len(values))
	for i, value := range values {
		if value == nil {
			a.refuse(fmt.Sprintf("value %d is nil", i))
			continue
		}
		pointers[i] = a.use(&value.handle)
	}
	return (**C.groma_value_t)(unsafe.Pointer(a.pointers(pointers)))
}

// NewNone makes an optional without a value.
func NewNone() (*Value, error) {
	var value *C.groma_value_t
	var e *C.groma_error_t
	return made(C.groma_value_create_none(&value, &e), value, e)
}

// FromDLPack makes a tensor of a DLManagedTensor without a copy, and takes it over if it succeeds.
func FromDLPack(managed unsafe.Pointer) (*Value, error) {
	var value *C.groma_value_t
	var e *C.groma_error_t
	return made(C.groma_value_from_dlpack(managed, &value, &e), value, e)
}

// ToDLPack gives a tensor as a DLManagedTensor without a copy; whoever takes it calls its deleter.
func (v *Value) ToDLPack() (unsafe.Pointer, error) {
	pointer, err := v.acquire()
	if err != nil {
		return nil, err
	}
	defer v.release()
	var managed unsafe.Pointer
	var e *C.groma_error_t
	err = failure(C.groma_value_to_dlpack((*C.groma_value_t)(pointer), &managed, &e), e)
	return managed, err
}

// Kind says what the value is.
func (v *Value) Kind() Kind {
	pointer := (*C.groma_value_t)(v.must())
	defer v.release()
	return Kind(C.groma_value_kind(pointer))
}

// ElementType is the type of a tensor's elements; 0 for other values.
func (v *Value) ElementType() ElementType {
	pointer := (*C.groma_value_t)(v.must())
	defer v.release()
	return ElementType(C.groma_value_element_type(pointer))
}

// Shape is the sizes of a tensor's dimensions; empty for other values.
func (v *Value) Shape() []int64 {
	pointer := (*C.groma_value_t)(v.must())
	defer v.release()
	shape := unsafe.Pointer(C.groma_value_shape(pointer))
	return append([]int64{}, view[int64](shape, uint64(C.groma_value_ndim(pointer)))...)
}

// Len is the number of elements of a tensor, items of a sequence, pairs of a map.
func (v *Value) Len() int {
	pointer := (*C.groma_value_t)(v.must())
	defer v.release()
	return int(C.groma_value_count(pointer))
}

// Bytes is a view of a tensor's memory, valid until Close, which alone frees it then; nil for strings and other values.
func (v *Value) Bytes() []byte {
	pointer := (*C.groma_value_t)(v.must())
	defer v.release()
	return lent[byte](&v.handle, unsafe.Pointer(C.groma_value_data(pointer)), uint64(C.groma_value_size_bytes(pointer)))
}

// Data points to a tensor's memory, valid until Close, which alone frees it then; nil for strings and other values.
func (v *Value) Data() unsafe.Pointer {
	pointer := (*C.groma_value_t)(v.must())
	defer v.release()
	v.pin()
	return unsafe.Pointer(C.groma_value_data(pointer))
}

// Elements is a view of a tensor's elements in row-major order, valid until Close, which alone frees it then; an error if
// they are not T.
func Elements[T Element](v *Value) ([]T, error) {
	elements, err := elementsOf[T](v)
	if elements != nil {
		v.pin()
	}
	return elements, err
}

func elementsOf[T Element](v *Value) ([]T, error) {
	pointer, err := v.acquire()
	if err != nil {
		return nil, err
	}
	defer v.release()
	value := (*C.groma_value_t)(pointer)
	if have, want := ElementType(C.groma_value_element_type(value)), elementOf[T](); have != want {
		var zero T
		return nil, &Error{
			Status:  StatusInvalidArgument,
			Message: fmt.Sprintf("the value holds elements of type %d, not %T (%d)", have, zero, want),
		}
	}
	return view[T](unsafe.Pointer(C.groma_value_data(value)), uint64(C.groma_value_count(value))), nil
}

// CopyElements is Elements as a slice of Go's.
func CopyElements[T Element](v *Value) ([]T, error) {
	if _, err := v.acquire(); err != nil {
		return nil, err
	}
	defer v.release()
	elements, err := elementsOf[T](v)
	return copied(elements), err
}

// StringAt is element `index` of a tensor of strings; empty if there is none.
func (v *Value) StringAt(index int) string {
	pointer := (*C.groma_value_t)(v.must())
	defer v.release()
	var length C.uint64_t
	data := C.groma_value_string(pointer, C.uint64_t(index), &length)
	return string(view[byte](unsafe.Pointer(data), uint64(length)))
}

// Strings are the elements of a tensor of strings; nil for other values.
func (v *Value) Strings() []string {
	if v.ElementType() != String {
		return nil
	}
	strings := make([]string, v.Len())
	for i := range strings {
		strings[i] = v.StringAt(i)
	}
	return strings
}

// Item is item `index` of a sequence; of a map 0 is its keys and 1 its values.
func (v *Value) Item(index int) (*Value, error) {
	pointer, err := v.acquire()
	if err != nil {
		return nil, err
	}
	defer v.release()
	var item *C.groma_value_t
	var e *C.groma_error_t
	status := C.groma_value_item((*C.groma_value_t)(pointer), C.uint64_t(index), &item, &e)
	return made(status, item, e)
}

// Tensor describes a tensor as DLPack does, valid until Close.
func (v *Value) Tensor() (Tensor, error) {
	pointer, err := v.acquire()
	if err != nil {
		return Tensor{}, err
	}
	defer v.release()
	var tensor C.groma_tensor_t
	var e *C.groma_error_t
	if err := failure(C.groma_value_tensor((*C.groma_value_t)(pointer), &tensor, &e), e); err != nil {
		return Tensor{}, err
	}
	v.pin()
	return tensorOf(&tensor), nil
}
