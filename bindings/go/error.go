package groma

// #include "bridge.h"
import "C"

import (
	"errors"
	"io/fs"
)

// ErrClosed is what the use of a closed handle gives.
var ErrClosed = errors.New("groma: the handle is closed")

// Error is what a failed call gives.
type Error struct {
	// Status tells programs what happened; errors.Is(err, StatusNotFound) asks for it.
	Status Status
	// Message tells people: what is wrong, where, and what to do.
	Message string
	// Subject is the file, column, tensor, model or device concerned; empty if there is none.
	Subject string
	cause   error
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// Is finds the status, and the standard library's error for it.
func (e *Error) Is(target error) bool {
	if status, ok := target.(Status); ok {
		return status == e.Status
	}
	switch e.Status {
	case StatusNotFound:
		return target == fs.ErrNotExist
	case StatusOutputExists:
		return target == fs.ErrExist
	}
	return false
}

// Unwrap is why a call was cancelled: the context's error, or that of the progress function.
func (e *Error) Unwrap() error { return e.cause }

// failure takes over the C error of a call.
func failure(status C.groma_status_t, e *C.groma_error_t) error {
	if status == C.GROMA_STATUS_OK {
		return nil
	}
	defer C.groma_error_destroy(e)
	failed := &Error{Status: Status(status), Message: C.GoString(C.groma_error_message(e))}
	if e != nil {
		failed.Status = Status(C.groma_error_code(e))
	}
	if failed.Message == "" {
		failed.Message = failed.Status.Error()
	}
	if subject := C.groma_error_subject(e); subject != nil {
		failed.Subject = C.GoString(subject)
	}
	return failed
}
