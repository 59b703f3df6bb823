package groma

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

func TestVersions(t *testing.T) {
	major, minor := ABIVersion()
	if major != ABIMajor || minor < ABIMinor || strings.Count(Version(), ".") != 2 {
		t.Errorf("ABI %d.%d, version %s", major, minor, Version())
	}
	equal(t, "name", StatusNotFound.String(), "NOT_FOUND")
	equal(t, "an unknown name", Status(12345).String(), "UNKNOWN")
}

func TestErrorsSayWhatHappened(t *testing.T) {
	needRuntime(t)
	_, err := OpenModel("/nowhere/none.onnx")
	var failed *Error
	if !errors.As(err, &failed) || failed.Subject != "/nowhere/none.onnx" || !strings.Contains(err.Error(), "none.onnx") {
		t.Fatalf("%#v", err)
	}
	if !errors.Is(err, StatusNotFound) || !errors.Is(err, fs.ErrNotExist) || errors.Is(err, StatusMalformed) {
		t.Errorf("%v is not what it is", failed.Status)
	}
	if _, err := OpenModel("a\x00b"); !errors.Is(err, StatusInvalidArgument) {
		t.Errorf("a NUL in a path: %v", err)
	}
}

func TestClosedHandlesAreErrors(t *testing.T) {
	model := defaultModel(t)
	must(t, model.Close())
	must(t, model.Close())
	if _, err := model.Classify(context.Background(), surveyPoints(10), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a call: %v", err)
	}
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, ErrClosed) {
			t.Errorf("a getter: %v", err)
		}
	}()
	model.Name()
}

func TestResultsOutliveTheirModelAndPoints(t *testing.T) {
	model := defaultModel(t)
	result, err := model.Classify(context.Background(), surveyPoints(500), nil)
	must(t, err)
	model.Close()
	value, err := result.Value(OutputClass)
	must(t, err)
	expected := result.Copy()
	equal(t, "classes", result.Classes(), expected.Classes)
	result.Close()
	classes, err := Elements[uint8](value)
	must(t, err)
	equal(t, "classes of the value", classes, expected.Classes)
	value.Close()
}

func TestCloseWaitsForCalls(t *testing.T) {
	model := defaultModel(t)
	points := surveyPoints(20000)
	begun := make(chan struct{})
	var once sync.Once
	options := DefaultClassifyOptions()
	options.Progress = func(Stage, uint64, uint64) error {
		once.Do(func() { close(begun) })
		return nil
	}
	done := make(chan error)
	go func() {
		_, err := model.Classify(context.Background(), points, options)
		done <- err
	}()
	<-begun
	model.Close()
	must(t, <-done)
}

func TestFinalizersFree(t *testing.T) {
	freed := make(chan bool, 1)
	func() {
		type owner struct{ handle }
		o := &owner{}
		o.adopt("owner", unsafe.Pointer(&struct{ _ int }{}), func(unsafe.Pointer) { freed <- true })
	}()
	for i := 0; i < 50; i++ {
		runtime.GC()
		select {
		case <-freed:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Error("nothing was freed")
}
