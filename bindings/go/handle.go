package groma

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"
)

// handle owns something of the library: the first field of every type that has a Close.
//
// The library's object is destroyed when it is closed and no call uses it, so that Close never pulls memory from under a
// call of another goroutine.
type handle struct {
	mutex   sync.Mutex
	kind    string
	pointer unsafe.Pointer
	users   int
	closed  bool
	destroy func(unsafe.Pointer)
	// Bytes of the library's memory that it holds, as far as they are known.
	bytes uint64
}

// adopt takes the object over. The handle has to be the first field of an allocated object.
func (h *handle) adopt(kind string, pointer unsafe.Pointer, destroy func(unsafe.Pointer)) {
	h.kind, h.pointer, h.destroy = kind, pointer, destroy
	runtime.SetFinalizer(h, func(h *handle) { h.Close() })
}

// pin is for memory that the caller gets a view of: the collector does not see what views belong to, so that a handle
// with views is freed by Close alone, and a forgotten one stays.
func (h *handle) pin() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if !h.closed {
		runtime.SetFinalizer(h, nil)
	}
}

// Close frees the memory of the library as soon as no call uses it; a second Close does nothing. The error is always nil.
func (h *handle) Close() error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if !h.closed {
		h.closed = true
		runtime.SetFinalizer(h, nil)
		h.destroyUnused()
	}
	return nil
}

func (h *handle) destroyUnused() {
	if h.closed && h.users == 0 && h.pointer != nil {
		h.destroy(h.pointer)
		h.pointer = nil
		native.shrink(h.bytes)
	}
}

// acquire gives the object for one call, which ends with release. Of no handle it is NULL.
func (h *handle) acquire() (unsafe.Pointer, error) {
	if h == nil {
		return nil, nil
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.closed || h.pointer == nil {
		return nil, fmt.Errorf("%w: %s", ErrClosed, h.kind)
	}
	h.users++
	return h.pointer, nil
}

// must is acquire for methods that return no error.
func (h *handle) must() unsafe.Pointer {
	pointer, err := h.acquire()
	if err != nil {
		panic(err)
	}
	return pointer
}

func (h *handle) release() {
	if h == nil {
		return
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.users--
	h.destroyUnused()
}
