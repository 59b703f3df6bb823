package groma

import (
	"fmt"
	"reflect"
	"unsafe"
)

// Array is numbers that lie at equal distances in memory: a column of points. Slice, Strided and Field make arrays of
// slices of the caller's, without a copy.
type Array struct {
	element ElementType
	first   unsafe.Pointer
	count   int
	// Bytes from one number to the next; 0 if they follow each other.
	stride int
	// Where the memory is the library's: what it belongs to.
	owner *handle
}

// Len is the number of numbers.
func (a Array) Len() int { return a.count }

// ElementType is their type.
func (a Array) ElementType() ElementType { return a.element }

// Slice is the numbers of a slice.
func Slice[T Number](values []T) Array {
	array := Array{element: elementOf[T](), count: len(values)}
	if len(values) > 0 {
		array.first = unsafe.Pointer(&values[0])
	}
	return array
}

// Strided is every step-th number of a slice from `start` on: Strided(xyz, 1, 3) is y of coordinates that lie x, y, z, x,
// y, z. It panics if step is not positive.
func Strided[T Number](values []T, start, step int) Array {
	if step <= 0 {
		panic(fmt.Sprintf("groma: Strided with a step of %d", step))
	}
	var zero T
	array := Array{element: elementOf[T](), stride: step * int(unsafe.Sizeof(zero))}
	if start < len(values) {
		array.count = (len(values) - start + step - 1) / step
		array.first = unsafe.Pointer(&values[start])
	}
	return array
}

// Field is one field of each struct of a slice: Field(points, func(p *Point) *float64 { return &p.X }). Of structs that
// hold pointers, which Go does not let into C, it is a copy.
func Field[S any, T Number](structs []S, field func(*S) *T) Array {
	if len(structs) == 0 {
		return Array{element: elementOf[T]()}
	}
	base, first := uintptr(unsafe.Pointer(&structs[0])), uintptr(unsafe.Pointer(field(&structs[0])))
	size := unsafe.Sizeof(structs[0])
	if hasPointers(reflect.TypeOf(structs[0])) || first < base || first >= base+size {
		values := make([]T, len(structs))
		for i := range structs {
			values[i] = *field(&structs[i])
		}
		return Slice(values)
	}
	return Array{
		element: elementOf[T](),
		first:   unsafe.Pointer(field(&structs[0])),
		count:   len(structs),
		stride:  int(size),
	}
}

func hasPointers(of reflect.Type) bool {
	switch of.Kind() {
	case reflect.Array:
		return of.Len() > 0 && hasPointers(of.Elem())
	case reflect.Struct:
		for i := 0; i < of.NumField(); i++ {
			if hasPointers(of.Field(i).Type) {
				return true
			}
		}
		return false
	default:
		_, plain := kinds[of.Kind()]
		return !plain && of.Kind() != reflect.Int && of.Kind() != reflect.Uint
	}
}

// bytes is the array without gaps, as a copy.
func (a Array) bytes() []byte {
	size := elementSize[a.element]
	stride := a.stride
	if stride == 0 {
		stride = size
	}
	data := make([]byte, 0, a.count*size)
	for i := 0; i < a.count; i++ {
		data = append(data, unsafe.Slice((*byte)(unsafe.Add(a.first, i*stride)), size)...)
	}
	return data
}

var elementSize = map[ElementType]int{U8: 1, I8: 1, U16: 2, I16: 2, U32: 4, I32: 4, U64: 8, I64: 8, F32: 4, F64: 8}
