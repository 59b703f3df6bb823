package groma

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestTensors(t *testing.T) {
	value, err := NewTensor([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	must(t, err)
	equal(t, "kind", value.Kind(), KindTensor)
	equal(t, "type", value.ElementType(), F32)
	equal(t, "shape", value.Shape(), []int64{2, 3})
	elements, err := CopyElements[float32](value)
	must(t, err)
	equal(t, "elements", elements, []float32{1, 2, 3, 4, 5, 6})
	equal(t, "bytes", len(value.Bytes()), 24)
	if _, err := Elements[float64](value); !errors.Is(err, StatusInvalidArgument) {
		t.Errorf("as another type: %v", err)
	}
	tensor, err := value.Tensor()
	must(t, err)
	equal(t, "the tensor's data", tensor.Data, value.Data())

	managed, err := value.ToDLPack()
	must(t, err)
	same, err := FromDLPack(managed)
	must(t, err)
	equal(t, "data", same.Data(), value.Data())
	borrowed, err := BorrowTensor(F32, []int64{6}, value.Data(), 24)
	must(t, err)
	equal(t, "borrowed data", borrowed.Data(), value.Data())
	borrowed.Close()
	value.Close()
	elements, err = CopyElements[float32](same)
	must(t, err)
	equal(t, "elements that outlive", elements, []float32{1, 2, 3, 4, 5, 6})

	if _, err := NewTensor([]float32{1, 2, 3}, 2, 2); !errors.Is(err, StatusInvalidArgument) {
		t.Errorf("a wrong shape: %v", err)
	}
}

func TestElementTypes(t *testing.T) {
	check := func(value *Value, err error) func(ElementType) {
		must(t, err)
		return func(want ElementType) { equal(t, "type", value.ElementType(), want) }
	}
	check(NewTensor([]bool{true}))(Bool)
	check(NewTensor([]int64{1}))(I64)
	check(NewTensor([]Float16{0x3c00}))(F16)
	check(NewTensor([]BFloat16{0x3f80}))(BF16)
	check(NewTensor([]uint16{1}))(U16)
	check(NewTensor([]complex64{1i}))(C64)
	check(NewScalar(2.5))(F64)
	check(NewTensorBytes(I4, []byte{0x21, 0x03}, 3))(I4)
	check(NewTensor([]float64{}, 0, 7))(F64)
	for half, want := range map[Float16]float32{
		0x3c00: 1, 0xc000: -2, 0x0001: 1.0 / (1 << 24), 0x7bff: 65504, 0x0400: 1.0 / (1 << 14), 0x8000: 0,
	} {
		equal(t, "half", half.Float32(), want)
	}
	equal(t, "bfloat", BFloat16(0xbf80).Float32(), float32(-1))
}

func TestStringsSequencesAndNone(t *testing.T) {
	strings, err := NewStrings([]string{"a", "", "b\x00c", "ü"}, 2, 2)
	must(t, err)
	equal(t, "strings", strings.Strings(), []string{"a", "", "b\x00c", "ü"})
	none, err := NewNone()
	must(t, err)
	equal(t, "kind", none.Kind(), KindNone)
	sequence, err := NewSequence(strings, strings)
	must(t, err)
	strings.Close()
	equal(t, "items", sequence.Len(), 2)
	item, err := sequence.Item(1)
	must(t, err)
	sequence.Close()
	equal(t, "item", item.StringAt(3), "ü")
	if _, err := item.Item(9); err == nil {
		t.Error("an item of a tensor")
	}
}

func TestNetwork(t *testing.T) {
	needRuntime(t)
	network, err := OpenNetwork(fixture("good.onnx"), nil)
	must(t, err)
	defer network.Close()
	equal(t, "inputs", network.Inputs(), []string{"features"})
	equal(t, "outputs", network.Outputs(), []string{"logits"})
	if manifest, ok := network.Metadata("groma.manifest"); !ok || !strings.HasPrefix(manifest, "{") {
		t.Errorf("manifest %q", manifest)
	}
	if _, ok := network.Metadata("nothing"); ok {
		t.Error("metadata that is not there")
	}
	features, err := NewTensor([]float32{0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 2, 5)
	must(t, err)
	outputs, err := network.Run(context.Background(), map[string]*Value{"features": features}, nil)
	must(t, err)
	logits, err := Elements[float32](outputs["logits"])
	must(t, err)
	equal(t, "logits", logits, []float32{-1.5, -1, -0.5, -3, -2, -1})

	for what, inputs := range map[string]map[string]*Value{"a wrong name": {"none": features}, "nil": {"features": nil}} {
		if _, err := network.Run(context.Background(), inputs, nil); err == nil {
			t.Error(what)
		}
	}
	data, err := os.ReadFile(fixture("good.onnx"))
	must(t, err)
	again, err := OpenNetworkMemory("again", data, &NetworkOptions{Threads: 1, ExtraOutputs: []string{}})
	must(t, err)
	defer again.Close()
	equal(t, "name", again.Name(), "again")
}

func TestCheckpoints(t *testing.T) {
	path := t.TempDir() + "/checkpoint.safetensors"
	checkpoint, err := NewCheckpoint(`{"classes": ["a", "b"], "version": "1"}`)
	must(t, err)
	weights, err := NewTensor([]float64{1, 2})
	must(t, err)
	must(t, checkpoint.Add(SectionWeights, "w", weights))
	must(t, checkpoint.Add(SectionOptimizer, "m", weights))
	must(t, checkpoint.Save(path, false))
	if err := checkpoint.Save(path, false); !errors.Is(err, StatusOutputExists) {
		t.Errorf("saved over: %v", err)
	}
	read, err := OpenCheckpoint(path)
	must(t, err)
	equal(t, "names", read.Names(SectionWeights), []string{"w"})
	value, err := read.Value(SectionOptimizer, "m")
	must(t, err)
	read.Close()
	elements, err := Elements[float64](value)
	must(t, err)
	equal(t, "elements", elements, []float64{1, 2})
}

func TestDevicesRuntimeAndLog(t *testing.T) {
	devices, err := Devices()
	must(t, err)
	if len(devices) == 0 || devices[0].Name != "cpu" || devices[0].Description == "" {
		t.Errorf("%+v", devices)
	}
	if text, err := Doctor(); err != nil || len(text) < 20 {
		t.Errorf("%s %v", text, err)
	}
	needRuntime(t)
	var messages []string
	must(t, SetLog(func(level LogLevel, target, message string) {
		messages = append(messages, fmt.Sprint(level, " ", target, " ", message))
	}, LogDebug))
	open := func() {
		network, err := OpenNetwork(fixture("good.onnx"), nil)
		must(t, err)
		network.Close()
	}
	open()
	heard := len(messages)
	must(t, SetLog(nil, LogError))
	open()
	if heard == 0 || len(messages) != heard {
		t.Errorf("%d messages, then %d", heard, len(messages))
	}
}

func TestContextStopsANetwork(t *testing.T) {
	needRuntime(t)
	network, err := OpenNetwork(fixture("slow.onnx"), nil)
	must(t, err)
	defer network.Close()
	features, err := NewTensor(make([]float32, 10), 2, 5)
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err = network.Run(ctx, map[string]*Value{network.Inputs()[0]: features}, nil)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
}
