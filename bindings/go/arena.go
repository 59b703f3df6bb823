package groma

// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"fmt"
	"strings"
	"unsafe"
)

// arena is the C memory of one call: structs, strings and arrays of pointers, which must not lie in Go's memory.
//
// Its first error is that of the call: ask `err` once, when everything is in place.
type arena struct {
	blocks  []unsafe.Pointer
	handles []*handle
	err     error
}

// alloc gives zeroed memory.
func (a *arena) alloc(size int) unsafe.Pointer {
	if size == 0 {
		size = 1
	}
	block := C.calloc(1, C.size_t(size))
	if block == nil {
		panic("groma: out of memory")
	}
	a.blocks = append(a.blocks, block)
	return block
}

// bytes copies a slice into C memory; never NULL.
func (a *arena) bytes(data []byte) unsafe.Pointer {
	block := a.alloc(len(data))
	if len(data) > 0 {
		copy(unsafe.Slice((*byte)(block), len(data)), data)
	}
	return block
}

// text copies a string into C memory.
func (a *arena) text(text string) *C.char {
	if strings.IndexByte(text, 0) >= 0 && a.err == nil {
		a.err = &Error{Status: StatusInvalidArgument, Message: fmt.Sprintf("%q holds a NUL character", text)}
	}
	return (*C.char)(a.bytes(append([]byte(text), 0)))
}

// optional is text, or NULL for an empty string.
func (a *arena) optional(text string) *C.char {
	if text == "" {
		return nil
	}
	return a.text(text)
}

// pointers copies an array of C pointers into C memory.
func (a *arena) pointers(values []unsafe.Pointer) *unsafe.Pointer {
	block := (*unsafe.Pointer)(a.alloc(len(values) * int(unsafe.Sizeof(uintptr(0)))))
	copy(unsafe.Slice(block, len(values)), values)
	return block
}

// texts copies an array of strings into C memory; NULL for nil.
func (a *arena) texts(values []string) **C.char {
	if values == nil {
		return nil
	}
	pointers := make([]unsafe.Pointer, len(values))
	for i, value := range values {
		pointers[i] = unsafe.Pointer(a.text(value))
	}
	return (**C.char)(unsafe.Pointer(a.pointers(pointers)))
}

// use acquires a handle until the arena is freed; NULL for none and on failure.
func (a *arena) use(h *handle) unsafe.Pointer {
	if h == nil {
		return nil
	}
	pointer, err := h.acquire()
	if err != nil {
		if a.err == nil {
			a.err = err
		}
		return nil
	}
	a.handles = append(a.handles, h)
	return pointer
}

func (a *arena) free() {
	for _, block := range a.blocks {
		C.free(block)
	}
	for _, h := range a.handles {
		h.release()
	}
	a.blocks, a.handles = nil, nil
}

// flag is a bool of C.
func flag(value bool) C.int32_t {
	if value {
		return 1
	}
	return 0
}

// lent is a view that the caller gets: what it belongs to is never freed behind the caller's back.
func lent[T any](h *handle, data unsafe.Pointer, count uint64) []T {
	if data != nil {
		h.pin()
	}
	return view[T](data, count)
}

// view is a slice over memory of the library; nil for NULL. It is for this package alone: callers get `lent`.
func view[T any](data unsafe.Pointer, count uint64) []T {
	if data == nil {
		return nil
	}
	return unsafe.Slice((*T)(data), int(count))
}

// copied is a slice of Go's with the same values; nil for nil.
func copied[T any](values []T) []T {
	if values == nil {
		return nil
	}
	return append(make([]T, 0, len(values)), values...)
}
