package groma

// #include "bridge.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"unsafe"
)

// Stage is what a long call is doing.
type Stage int32

// Stages of long calls.
const (
	// StageStart: nothing has begun.
	StageStart Stage = C.GROMA_STAGE_START
	// StageRead: reading and decoding points.
	StageRead Stage = C.GROMA_STAGE_READ
	// StageGround: building the ground surfaces.
	StageGround Stage = C.GROMA_STAGE_GROUND
	// StageFeatures: searching neighbours and computing features that other features need.
	StageFeatures Stage = C.GROMA_STAGE_FEATURES
	// StageInference: computing the remaining features and running the model.
	StageInference Stage = C.GROMA_STAGE_INFERENCE
	// StageWrite: encoding and writing points.
	StageWrite Stage = C.GROMA_STAGE_WRITE
	// StageFilter: choosing which points stay.
	StageFilter Stage = C.GROMA_STAGE_FILTER
)

// Progress is called about every 50 ms while a long call works, on the goroutine that made the call, and once at its end:
// `done` of `total` points of `stage`; total is 0 while it is not known. It returns nil to go on. An error cancels the
// call, whose error then wraps it; a panic cancels the call and goes on after it.
type Progress func(stage Stage, done, total uint64) error

// job is what a long call listens to and reports to.
type job struct {
	ctx      context.Context
	cancel   *Cancel
	flag     *C.groma_cancel_t
	progress Progress
	number   cgo.Handle
	failed   error
	panicked any
	stop     chan struct{}
	stopped  chan struct{}
}

// listen puts a job's cancel flag and callback into an options struct of C.
func listen(ctx context.Context, cancel *Cancel, progress Progress, a *arena,
	flag **C.groma_cancel_t, callback *C.groma_progress_fn, user *unsafe.Pointer) *job {
	j := &job{ctx: ctx, cancel: cancel, progress: progress}
	if cancel != nil {
		*flag = (*C.groma_cancel_t)(a.use(&cancel.handle))
	}
	if a.err != nil {
		return j
	}
	if progress != nil {
		j.number = cgo.NewHandle(j)
		*callback = C.groma_progress_fn(C.groma_go_progress)
		C.groma_go_set_user(user, C.uintptr_t(j.number))
	}
	if ctx != nil && ctx.Done() != nil {
		j.follow(a, flag)
	}
	return j
}

// follow makes a flag of the job's own, which the context and the caller's flag trigger.
func (j *job) follow(a *arena, flag **C.groma_cancel_t) {
	var e *C.groma_error_t
	if err := failure(C.groma_cancel_create(&j.flag, &e), e); err != nil {
		a.err = err
		return
	}
	callers := *flag
	*flag = j.flag
	if j.ctx.Err() != nil || C.groma_cancel_is_triggered(callers) != 0 {
		C.groma_cancel_trigger(j.flag)
		return
	}
	var triggered <-chan struct{}
	if j.cancel != nil {
		triggered = j.cancel.triggered
	}
	j.stop, j.stopped = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(j.stopped)
		select {
		case <-j.ctx.Done():
			C.groma_cancel_trigger(j.flag)
		case <-triggered:
			C.groma_cancel_trigger(j.flag)
		case <-j.stop:
		}
	}()
}

// end frees the job, lets a panic of the callback go on, and says why the call was cancelled.
func (j *job) end(err error) error {
	if j.stop != nil {
		close(j.stop)
		<-j.stopped
	}
	C.groma_cancel_destroy(j.flag)
	if j.number != 0 {
		j.number.Delete()
	}
	if j.panicked != nil {
		panic(j.panicked)
	}
	if failed, ok := err.(*Error); ok && failed.Status == StatusCancelled {
		if failed.cause = j.failed; failed.cause == nil && j.ctx != nil {
			failed.cause = j.ctx.Err()
		}
	}
	return err
}

//export gromaGoProgress
func gromaGoProgress(number C.uintptr_t, stage C.int32_t, done, total C.uint64_t) (stop C.int32_t) {
	j := cgo.Handle(number).Value().(*job)
	if j.failed != nil || j.panicked != nil {
		return 1
	}
	// A panic must not run through the frames of the library.
	finished := false
	defer func() {
		if !finished {
			if j.panicked = recover(); j.panicked == nil {
				j.panicked = "groma: the progress function ended its goroutine"
			}
			stop = 1
		}
	}()
	j.failed = j.progress(Stage(stage), uint64(done), uint64(total))
	finished = true
	if j.failed != nil {
		return 1
	}
	return 0
}
