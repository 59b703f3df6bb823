package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"unsafe"

	"groma"
)

// tensor is one of a safetensors file.
type tensor struct {
	dtype string
	shape []int64
	data  []byte
}

// dlpack is types by their codes and bits in DLPack.
var dlpack = map[[2]uint8]string{
	{1, 8}: "U8", {0, 8}: "I8", {1, 16}: "U16", {0, 16}: "I16", {1, 32}: "U32", {0, 32}: "I32", {1, 64}: "U64",
	{0, 64}: "I64", {2, 16}: "F16", {2, 32}: "F32", {2, 64}: "F64", {4, 16}: "BF16", {6, 8}: "BOOL",
}

func readTensors(path string) (map[string]tensor, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	end := 8 + binary.LittleEndian.Uint64(data)
	var header map[string]struct {
		Dtype   string   `json:"dtype"`
		Shape   []int64  `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data[8:end], &raw); err != nil {
		return nil, err
	}
	delete(raw, "__metadata__")
	text, _ := json.Marshal(raw)
	if err := json.Unmarshal(text, &header); err != nil {
		return nil, err
	}
	tensors := map[string]tensor{}
	for name, one := range header {
		// A copy, so that elements lie where their type wants them.
		content := append([]byte(nil), data[end:][one.Offsets[0]:one.Offsets[1]]...)
		tensors[name] = tensor{dtype: one.Dtype, shape: one.Shape, data: content}
	}
	return tensors, nil
}

// row is a tensor of one dimension.
func row[T groma.Element](values []T) any {
	if values == nil {
		return nil
	}
	return matrix(values, int64(len(values)))
}

func matrix[T groma.Element](values []T, shape ...int64) any {
	if values == nil {
		return nil
	}
	var zero T
	kind := map[reflect.Kind]string{
		reflect.Uint8: "U8", reflect.Uint32: "U32", reflect.Uint64: "U64", reflect.Int64: "I64", reflect.Float32: "F32",
		reflect.Float64: "F64",
	}[reflect.TypeOf(zero).Kind()]
	return tensor{dtype: kind, shape: shape, data: bytesOf(values)}
}

func bytesOf[T any](values []T) []byte {
	if len(values) == 0 {
		return nil
	}
	var zero T
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), len(values)*int(unsafe.Sizeof(zero)))...)
}

// described is a tensor that the library describes as DLPack does.
func described(t groma.Tensor) tensor {
	count := int64(1)
	for _, size := range t.Shape {
		count *= size
	}
	size := (count*int64(t.Bits) + 7) / 8
	found := tensor{dtype: dlpack[[2]uint8{t.Code, t.Bits}], shape: t.Shape}
	if found.dtype == "" {
		// What safetensors files have no type for is kept as its bytes.
		found.dtype, found.shape = "U8", []int64{size}
	}
	if size > 0 {
		found.data = append([]byte(nil), unsafe.Slice((*byte)(t.Data), size)...)
	}
	return found
}

// elements are a tensor as typed numbers for points, every step-th from start on.
func (t tensor) elements(start, step int) (groma.Array, error) {
	switch t.dtype {
	case "U8":
		return groma.Strided(typed[uint8](t.data), start, step), nil
	case "I8":
		return groma.Strided(typed[int8](t.data), start, step), nil
	case "U16":
		return groma.Strided(typed[uint16](t.data), start, step), nil
	case "I16":
		return groma.Strided(typed[int16](t.data), start, step), nil
	case "U32":
		return groma.Strided(typed[uint32](t.data), start, step), nil
	case "I32":
		return groma.Strided(typed[int32](t.data), start, step), nil
	case "U64":
		return groma.Strided(typed[uint64](t.data), start, step), nil
	case "I64":
		return groma.Strided(typed[int64](t.data), start, step), nil
	case "F32":
		return groma.Strided(typed[float32](t.data), start, step), nil
	case "F64":
		return groma.Strided(typed[float64](t.data), start, step), nil
	}
	return groma.Array{}, fmt.Errorf("points do not take elements of %s", t.dtype)
}

// typed is bytes as numbers, copied so that they lie as their type wants.
func typed[T any](data []byte) []T {
	var zero T
	values := make([]T, len(data)/int(unsafe.Sizeof(zero)))
	if len(values) > 0 {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), len(data)), data)
	}
	return values
}

// difference says how a tensor differs from what is expected; nil if by no more than the tolerance.
func (t tensor) difference(expected tensor, tolerance float64) error {
	sizes := func(shape []int64) string { return strings.Trim(fmt.Sprint(shape), "[]") }
	if t.dtype != expected.dtype || sizes(t.shape) != sizes(expected.shape) {
		return fmt.Errorf("a tensor is %s[%s], expected %s[%s]", t.dtype, sizes(t.shape), expected.dtype, sizes(expected.shape))
	}
	switch t.dtype {
	case "F32":
		return apart(typed[float32](t.data), typed[float32](expected.data), tolerance)
	case "F64":
		return apart(typed[float64](t.data), typed[float64](expected.data), tolerance)
	}
	for i := range expected.data {
		if t.data[i] != expected.data[i] {
			return fmt.Errorf("byte %d is %d, expected %d", i, t.data[i], expected.data[i])
		}
	}
	return nil
}

func apart[T float32 | float64](found, expected []T, tolerance float64) error {
	for i := range expected {
		have, want := float64(found[i]), float64(expected[i])
		if !(math.Abs(have-want) <= tolerance || have == want || math.IsNaN(have) && math.IsNaN(want)) {
			return fmt.Errorf("number %d is %v, expected %v (± %v)", i, have, want, tolerance)
		}
	}
	return nil
}
