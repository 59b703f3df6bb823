package groma

// #include "bridge.h"
import "C"

import (
	"fmt"
	"os"
	"sync/atomic"
)

// LogLevel is how much a message matters; higher is more verbose.
type LogLevel int32

// Levels of messages.
const (
	LogError LogLevel = C.GROMA_LOG_ERROR
	LogWarn  LogLevel = C.GROMA_LOG_WARN
	LogInfo  LogLevel = C.GROMA_LOG_INFO
	LogDebug LogLevel = C.GROMA_LOG_DEBUG
)

// LogFunc receives messages of the library and of ONNX Runtime, on goroutines that are inside a call of this package. If
// it panics, the panic is told on the standard error and logging stops.
type LogFunc func(level LogLevel, target, message string)

// logger holds a LogFunc; nil for silence.
var logger atomic.Pointer[LogFunc]

// SetLog gives the library's messages up to `level` to a function; nil makes it silent again, as it is at the start.
func SetLog(log LogFunc, level LogLevel) error {
	var e *C.groma_error_t
	if log == nil {
		err := failure(C.groma_go_log_set(0, C.int32_t(level), &e), e)
		logger.Store(nil)
		return err
	}
	before := logger.Swap(&log)
	err := failure(C.groma_go_log_set(1, C.int32_t(level), &e), e)
	if err != nil {
		logger.Store(before)
	}
	return err
}

//export gromaGoLog
func gromaGoLog(level C.int32_t, target, message *C.char) {
	defer func() {
		if panicked := recover(); panicked != nil {
			logger.Store(nil)
			fmt.Fprintf(os.Stderr, "groma: the log function panicked: %v\n", panicked)
		}
	}()
	if log := logger.Load(); log != nil {
		(*log)(LogLevel(level), C.GoString(target), C.GoString(message))
	}
}
