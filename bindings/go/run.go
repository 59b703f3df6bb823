package groma

// #include "bridge.h"
import "C"

import (
	"context"
	"encoding/json"
	"strings"
	"unsafe"
)

// RunOptions say how to run over tiles. Begin with DefaultRunOptions. Threads, Cancel and Progress are those of the call that
// the options are given to; all else is settled by OpenRun.
type RunOptions struct {
	// Resume keeps outputs of an earlier run into the folder that are right.
	Resume bool
	// SkipFailed goes on with the other tiles when one fails, instead of finishing those that were begun.
	SkipFailed bool
	// AssumeCRS takes tiles that state no reference system as being in that of the others, instead of refusing them.
	AssumeCRS bool
	// KeepIndex keeps the indices when all tiles are done.
	KeepIndex bool
	// ShardNumber, from 1, of ShardCount; 0 and 0 for all tiles.
	ShardNumber, ShardCount int
	// Threads that work; 0 for one a core. The result does not depend on it.
	Threads int
	// Work is the folder of the indices; empty for .groma in that of the outputs.
	Work string
	// Cancel may stop the call; nil for none.
	Cancel *Cancel
	// Progress is called while it works; nil for none.
	Progress Progress
}

// DefaultRunOptions are the defaults of the library.
func DefaultRunOptions() *RunOptions {
	var raw C.groma_run_options_t
	C.groma_run_options_init(&raw, C.sizeof_groma_run_options_t)
	return &RunOptions{
		Resume:      raw.resume != 0,
		SkipFailed:  raw.skip_failed != 0,
		AssumeCRS:   raw.assume_crs != 0,
		KeepIndex:   raw.keep_index != 0,
		ShardNumber: int(raw.shard_number),
		ShardCount:  int(raw.shard_count),
		Threads:     int(raw.threads),
	}
}

func (o *RunOptions) in(ctx context.Context, a *arena) (*C.groma_run_options_t, *job) {
	raw := (*C.groma_run_options_t)(a.alloc(C.sizeof_groma_run_options_t))
	C.groma_run_options_init(raw, C.sizeof_groma_run_options_t)
	if o == nil {
		return raw, listen(ctx, nil, nil, a, &raw.cancel, &raw.progress, &raw.progress_user)
	}
	raw.resume = flag(o.Resume)
	raw.skip_failed = flag(o.SkipFailed)
	raw.assume_crs = flag(o.AssumeCRS)
	raw.keep_index = flag(o.KeepIndex)
	raw.shard_number = a.count32("ShardNumber", o.ShardNumber)
	raw.shard_count = a.count32("ShardCount", o.ShardCount)
	raw.threads = a.count32("Threads", o.Threads)
	raw.work = a.optional(o.Work)
	return raw, listen(ctx, o.Cancel, o.Progress, a, &raw.cancel, &raw.progress, &raw.progress_user)
}

// Run is a run over tiles into a folder: each point gets the class that one file of all tiles would have given it. Outputs
// have the names of their inputs and appear whole or not at all. Several goroutines may use it; processes that share the
// folder may each make some tiles: Index all, then Make any.
type Run struct {
	handle
}

// OpenRun looks at the headers of tiles: files, folders or patterns (north_*.laz). Nil options are the defaults; `classify`
// says what is written.
func (m *Model) OpenRun(inputs []string, output string, classify *ClassifyOptions, options *RunOptions) (*Run, error) {
	a := &arena{}
	defer a.free()
	model := (*C.groma_model_t)(a.use(&m.handle))
	lines, folder := a.text(strings.Join(inputs, "\n")), a.text(output)
	// Neither is listened to: nothing is read yet.
	written, first := classify.in(context.Background(), a)
	raw, second := options.in(context.Background(), a)
	if a.err != nil {
		return nil, first.end(second.end(a.err))
	}
	var pointer *C.groma_run_t
	var e *C.groma_error_t
	status := C.groma_run_open(model, lines, folder, written, raw, &pointer, &e)
	if err := first.end(second.end(failure(status, e))); err != nil {
		return nil, err
	}
	run := &Run{}
	run.adopt("Run", unsafe.Pointer(pointer), func(p unsafe.Pointer) {
		C.groma_run_destroy((*C.groma_run_t)(p))
	})
	return run, nil
}

// Len is the number of tiles, those of other shards included.
func (r *Run) Len() int {
	pointer := (*C.groma_run_t)(r.must())
	defer r.release()
	return int(C.groma_run_tile_count(pointer))
}

// Describe says what is known of the run: its reference system, remarks, and tiles with input, output, bounds and points.
func (r *Run) Describe() (json.RawMessage, error) {
	a := &arena{}
	defer a.free()
	pointer := (*C.groma_run_t)(a.use(&r.handle))
	if a.err != nil {
		return nil, a.err
	}
	var text *C.groma_string_t
	var e *C.groma_error_t
	status := C.groma_run_describe(pointer, &text, &e)
	return taken(status, text, e)
}

// Index makes the index of a tile (from 0), if it is not there. Nil options are the defaults.
func (r *Run) Index(ctx context.Context, tile uint64, options *RunOptions) error {
	a := &arena{}
	defer a.free()
	pointer := (*C.groma_run_t)(a.use(&r.handle))
	raw, j := options.in(ctx, a)
	if a.err != nil {
		return j.end(a.err)
	}
	var e *C.groma_error_t
	status := C.groma_run_index(pointer, C.uint64_t(tile), raw, &e)
	return j.end(failure(status, e))
}

// Finish ends a run whose tiles were made by Make, once nobody is at work on them: it removes what makers that were lost left in
// the folder and, if all outputs are there, the larger part of the indices.
func (r *Run) Finish() error {
	a := &arena{}
	defer a.free()
	pointer := (*C.groma_run_t)(a.use(&r.handle))
	if a.err != nil {
		return a.err
	}
	var e *C.groma_error_t
	return failure(C.groma_run_finish(pointer, &e), e)
}

// Make makes a tile (from 0), if it is not there; indices that are missing are made first. Nil options are the defaults.
func (r *Run) Make(ctx context.Context, tile uint64, options *RunOptions) (*Summary, error) {
	a := &arena{}
	defer a.free()
	pointer := (*C.groma_run_t)(a.use(&r.handle))
	raw, j := options.in(ctx, a)
	if a.err != nil {
		return nil, j.end(a.err)
	}
	var summary *C.groma_summary_t
	var e *C.groma_error_t
	status := C.groma_run_tile(pointer, C.uint64_t(tile), raw, &summary, &e)
	done, err := newSummary(status, summary, e)
	return done, j.end(err)
}

// Execute makes all tiles of the run, or of its shard. Tiles that fail are no error: the summary's JSON has them, with their
// reasons. Nil options are the defaults.
func (r *Run) Execute(ctx context.Context, options *RunOptions) (*Summary, error) {
	a := &arena{}
	defer a.free()
	pointer := (*C.groma_run_t)(a.use(&r.handle))
	raw, j := options.in(ctx, a)
	if a.err != nil {
		return nil, j.end(a.err)
	}
	var summary *C.groma_summary_t
	var e *C.groma_error_t
	status := C.groma_run_execute(pointer, raw, &summary, &e)
	done, err := newSummary(status, summary, e)
	return done, j.end(err)
}
