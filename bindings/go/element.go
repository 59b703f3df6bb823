package groma

// #include "bridge.h"
import "C"

import (
	"math"
	"reflect"
)

// ElementType is the type of an array's elements.
type ElementType int32

// Types of elements. Points take U8 to F64; values take all. Types of 4 and 2 bits are packed, low bits first.
const (
	U8         ElementType = C.GROMA_TYPE_U8
	I8         ElementType = C.GROMA_TYPE_I8
	U16        ElementType = C.GROMA_TYPE_U16
	I16        ElementType = C.GROMA_TYPE_I16
	U32        ElementType = C.GROMA_TYPE_U32
	I32        ElementType = C.GROMA_TYPE_I32
	U64        ElementType = C.GROMA_TYPE_U64
	I64        ElementType = C.GROMA_TYPE_I64
	F32        ElementType = C.GROMA_TYPE_F32
	F64        ElementType = C.GROMA_TYPE_F64
	Bool       ElementType = C.GROMA_TYPE_BOOL
	String     ElementType = C.GROMA_TYPE_STRING
	F16        ElementType = C.GROMA_TYPE_F16
	BF16       ElementType = C.GROMA_TYPE_BF16
	C64        ElementType = C.GROMA_TYPE_C64
	C128       ElementType = C.GROMA_TYPE_C128
	F8E4M3FN   ElementType = C.GROMA_TYPE_F8E4M3FN
	F8E4M3FNUZ ElementType = C.GROMA_TYPE_F8E4M3FNUZ
	F8E5M2     ElementType = C.GROMA_TYPE_F8E5M2
	F8E5M2FNUZ ElementType = C.GROMA_TYPE_F8E5M2FNUZ
	F8E8M0     ElementType = C.GROMA_TYPE_F8E8M0
	F4E2M1     ElementType = C.GROMA_TYPE_F4E2M1
	U4         ElementType = C.GROMA_TYPE_U4
	I4         ElementType = C.GROMA_TYPE_I4
	U2         ElementType = C.GROMA_TYPE_U2
	I2         ElementType = C.GROMA_TYPE_I2
)

// Number is what arrays of points hold.
type Number interface {
	~uint8 | ~int8 | ~uint16 | ~int16 | ~uint32 | ~int32 | ~uint64 | ~int64 | ~float32 | ~float64
}

// Element is what tensors hold; Float16 and BFloat16 are the 16-bit floating-point types, other uint16 are integers.
type Element interface {
	Number | ~bool | ~complex64 | ~complex128
}

var kinds = map[reflect.Kind]ElementType{
	reflect.Uint8: U8, reflect.Int8: I8, reflect.Uint16: U16, reflect.Int16: I16, reflect.Uint32: U32, reflect.Int32: I32,
	reflect.Uint64: U64, reflect.Int64: I64, reflect.Float32: F32, reflect.Float64: F64, reflect.Bool: Bool,
	reflect.Complex64: C64, reflect.Complex128: C128,
}

// elementOf is the element type of a Go type.
func elementOf[T Element]() ElementType {
	var zero T
	switch any(zero).(type) {
	case Float16:
		return F16
	case BFloat16:
		return BF16
	}
	return kinds[reflect.TypeOf(zero).Kind()]
}

// Float16 is an IEEE 754 binary16 number as its bits.
type Float16 uint16

// Float32 is the number itself, exactly.
func (h Float16) Float32() float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch {
	case exponent == 31:
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	case exponent > 0:
		return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
	}
	small := float32(fraction) / (1 << 24)
	return math.Float32frombits(sign | math.Float32bits(small))
}

// BFloat16 is the upper half of a float32.
type BFloat16 uint16

// Float32 is the number itself, exactly.
func (b BFloat16) Float32() float32 { return math.Float32frombits(uint32(b) << 16) }
