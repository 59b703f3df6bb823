package groma

// #include "bridge.h"
import "C"

import "unsafe"

// Tensor is a view of an array inside the library, field for field a DLTensor of DLPack. It lives as long as what it was
// asked of.
type Tensor struct {
	// Data is the first element.
	Data unsafe.Pointer
	// DeviceType and DeviceID say where it lies; 1 and 0 for main memory.
	DeviceType, DeviceID int
	// Code, Bits and Lanes are the type of the elements.
	Code, Bits uint8
	Lanes      uint16
	// Shape is the sizes of the dimensions.
	Shape []int64
	// Strides are distances in elements; nil for row-major order without gaps.
	Strides []int64
}

// tensorOf copies the description of an array.
func tensorOf(raw *C.groma_tensor_t) Tensor {
	tensor := Tensor{
		Data:       unsafe.Add(raw.data, raw.byte_offset),
		DeviceType: int(raw.device.device_type),
		DeviceID:   int(raw.device.device_id),
		Code:       uint8(raw.dtype.code),
		Bits:       uint8(raw.dtype.bits),
		Lanes:      uint16(raw.dtype.lanes),
		Shape:      copied(view[int64](unsafe.Pointer(raw.shape), uint64(raw.ndim))),
	}
	if raw.strides != nil {
		tensor.Strides = copied(view[int64](unsafe.Pointer(raw.strides), uint64(raw.ndim)))
	}
	return tensor
}
