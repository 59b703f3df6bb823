package groma

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// collect gives finalizers the time to run.
func collect() {
	for i := 0; i < 5; i++ {
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
	}
}

func TestViewsOfForgottenHandlesStay(t *testing.T) {
	const count = 1 << 17
	tensor := func() *Value {
		data := make([]float64, count)
		for i := range data {
			data[i] = float64(i)
		}
		value, err := NewTensor(data)
		must(t, err)
		return value
	}
	elements, err := Elements[float64](tensor())
	must(t, err)
	bytes := tensor().Bytes()
	neighbors := func() *Neighbors {
		x, y, z := survey(5000)
		found, err := Nearest(context.Background(), XYZ(x, y, z), 10, nil)
		must(t, err)
		return found
	}
	distances := neighbors().Distances()
	_, expected, _ := neighbors().Copy()
	indices := neighbors().Indices()
	collect()
	for i := 0; i < 8; i++ {
		value := tensor()
		value.Close()
	}
	for i, element := range elements {
		if element != float64(i) {
			t.Fatalf("element %d is %v", i, element)
		}
	}
	equal(t, "bytes", len(bytes), 8*count)
	equal(t, "neighbours", indices, expected)
	equal(t, "the distance to itself", distances[0], float32(0))
}

func TestClosedHandlesWithViewsAreFreed(t *testing.T) {
	value, err := NewTensor([]float32{1, 2})
	must(t, err)
	value.Bytes()
	must(t, value.Close())
	if value.pointer != nil {
		t.Error("it was not freed")
	}
}

// resident is the memory of the process in bytes.
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc/self/statm here")
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	must(t, err)
	return pages * os.Getpagesize()
}

func TestForgottenValuesAreFreedUnderLoad(t *testing.T) {
	data := make([]float64, 1<<19)
	for i := range data {
		data[i] = 1
	}
	collect()
	before := resident(t)
	for i := 0; i < 400; i++ {
		_, err := NewTensor(data)
		must(t, err)
	}
	if grown := resident(t) - before; grown > 800<<20 {
		t.Errorf("400 forgotten values of 4 MB: the process grew by %d MB", grown>>20)
	}
}

func TestArraysBesidePointersAreCopied(t *testing.T) {
	type tile struct {
		name    string
		xyz     [300]float64
		totals  [100]uint8
		shape   [2]int64
		numbers [6]float32
	}
	x, y, z := survey(100)
	one := &tile{name: "a", shape: [2]int64{2, 3}, numbers: [6]float32{1, 2, 3, 4, 5, 6}}
	for i := range x {
		one.xyz[3*i], one.xyz[3*i+1], one.xyz[3*i+2] = x[i], y[i], z[i]
	}
	points := InterleavedXYZ(one.xyz[:])
	points.Columns = map[string]Array{"return_number": Slice(one.totals[:])}
	have, err := Nearest(context.Background(), points, 4, nil)
	must(t, err)
	want, err := Nearest(context.Background(), XYZ(x, y, z), 4, nil)
	must(t, err)
	equal(t, "neighbours", have.Indices(), want.Indices())
	value, err := NewTensor(one.numbers[:], one.shape[:]...)
	must(t, err)
	equal(t, "shape", value.Shape(), []int64{2, 3})
	elements, err := CopyElements[float32](value)
	must(t, err)
	equal(t, "elements", elements, one.numbers[:])
	runtime.KeepAlive(one)
}

func TestAClosedFlagWithAContextIsAnError(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	cancel, err := NewCancel()
	must(t, err)
	cancel.Close()
	options := DefaultNeighborsOptions()
	options.Cancel = cancel
	options.Progress = func(Stage, uint64, uint64) error { return nil }
	if _, err := Nearest(ctx, XYZ(survey(10)), 2, options); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	triggered, err := NewCancel()
	must(t, err)
	triggered.Trigger()
	options.Cancel = triggered
	if _, err := Nearest(ctx, XYZ(survey(10)), 2, options); !errors.Is(err, StatusCancelled) {
		t.Errorf("%v", err)
	}
}

func TestNumbersThatDoNotFitAreRefused(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("int has 32 bits here")
	}
	wide := math.MaxInt32
	wide = 2*wide + 8 // 6 in 32 bits
	ctx, path := context.Background(), t.TempDir()+"/a.laz"
	las := DefaultLASOptions()
	las.PointFormat = wide
	ground := DefaultGroundOptions()
	ground.PointFormat = wide
	features := DefaultFeaturesFileOptions()
	features.PointFormat = wide
	_, errGround := GroundFile(ctx, path, path, ground)
	_, errFeatures := FeaturesFile(ctx, "planarity@k10", path, path, features)
	for _, err := range []error{WriteLAS(ctx, XYZ(survey(10)), path, las), errGround, errFeatures} {
		if !errors.Is(err, StatusInvalidArgument) || !strings.Contains(err.Error(), "PointFormat") {
			t.Errorf("%v", err)
		}
	}
}

func TestKeysWithNULAreNone(t *testing.T) {
	model := defaultModel(t)
	if _, ok := model.Metadata("groma.manifest\x00x"); ok {
		t.Error("metadata of a key that was cut")
	}
	network, err := OpenNetwork(fixture("good.onnx"), nil)
	must(t, err)
	defer network.Close()
	if _, ok := network.Metadata("groma.manifest\x00x"); ok {
		t.Error("metadata of a key that was cut")
	}
}
