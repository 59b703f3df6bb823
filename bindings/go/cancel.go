package groma

// #include "bridge.h"
import "C"

import (
	"sync"
	"unsafe"
)

// Cancel is a flag that stops the calls that have it in their options; most programs use a context instead. It stays
// triggered: make a new one for new work.
type Cancel struct {
	handle
	once      sync.Once
	triggered chan struct{}
}

// NewCancel makes a flag that is not triggered.
func NewCancel() (*Cancel, error) {
	var pointer *C.groma_cancel_t
	var e *C.groma_error_t
	if err := failure(C.groma_cancel_create(&pointer, &e), e); err != nil {
		return nil, err
	}
	cancel := &Cancel{triggered: make(chan struct{})}
	cancel.adopt("Cancel", unsafe.Pointer(pointer), func(p unsafe.Pointer) { C.groma_cancel_destroy((*C.groma_cancel_t)(p)) })
	return cancel, nil
}

// Trigger sets the flag, from any goroutine. It panics with ErrClosed on a closed one.
func (c *Cancel) Trigger() {
	pointer := (*C.groma_cancel_t)(c.must())
	defer c.release()
	C.groma_cancel_trigger(pointer)
	c.once.Do(func() { close(c.triggered) })
}

// IsTriggered says whether Trigger was called.
func (c *Cancel) IsTriggered() bool {
	pointer := (*C.groma_cancel_t)(c.must())
	defer c.release()
	return C.groma_cancel_is_triggered(pointer) != 0
}
