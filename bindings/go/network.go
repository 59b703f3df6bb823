package groma

// #include "bridge.h"
import "C"

import (
	"context"
	"encoding/json"
	"sort"
	"unsafe"
)

// Optimization is how much ONNX Runtime may rewrite a network.
type Optimization int32

// Levels of optimization.
const (
	OptimizationAll      Optimization = C.GROMA_OPTIMIZATION_ALL
	OptimizationNone     Optimization = C.GROMA_OPTIMIZATION_NONE
	OptimizationBasic    Optimization = C.GROMA_OPTIMIZATION_BASIC
	OptimizationExtended Optimization = C.GROMA_OPTIMIZATION_EXTENDED
)

// Network is any ONNX model: named values in, named values out.
type Network struct {
	handle
}

// NetworkOptions say how to open a network.
type NetworkOptions struct {
	// Threads of one run; 0 for one a core.
	Threads int
	// Optimization is how much ONNX Runtime may rewrite it.
	Optimization Optimization
	// Device is where it runs; empty for auto. See Devices.
	Device string
	// Checkpoint is the path of a safetensors file whose weights replace those of the network; empty for none.
	Checkpoint string
	// ExtraOutputs are tensors inside the network that become outputs too.
	ExtraOutputs []string
}

// DefaultNetworkOptions are the defaults of the library.
func DefaultNetworkOptions() *NetworkOptions {
	var raw C.groma_network_options_t
	C.groma_network_options_init(&raw, C.sizeof_groma_network_options_t)
	return &NetworkOptions{Threads: int(raw.threads), Optimization: Optimization(raw.optimization)}
}

func (o *NetworkOptions) in(a *arena) *C.groma_network_options_t {
	if o == nil {
		return nil
	}
	raw := (*C.groma_network_options_t)(a.alloc(C.sizeof_groma_network_options_t))
	C.groma_network_options_init(raw, C.sizeof_groma_network_options_t)
	raw.threads = a.count32("Threads", o.Threads)
	raw.optimization = C.int32_t(o.Optimization)
	raw.device = a.optional(o.Device)
	raw.checkpoint = a.optional(o.Checkpoint)
	raw.extra_outputs = a.texts(o.ExtraOutputs)
	raw.extra_output_count = C.uint64_t(len(o.ExtraOutputs))
	return raw
}

func newNetwork(status C.groma_status_t, pointer *C.groma_network_t, e *C.groma_error_t) (*Network, error) {
	if err := failure(status, e); err != nil {
		return nil, err
	}
	network := &Network{}
	network.adopt("Network", unsafe.Pointer(pointer), func(p unsafe.Pointer) {
		C.groma_network_destroy((*C.groma_network_t)(p))
	})
	return network, nil
}

// OpenNetwork opens an ONNX file; nil options are the defaults.
func OpenNetwork(path string, options *NetworkOptions) (*Network, error) {
	a := &arena{}
	defer a.free()
	name, raw := a.text(path), options.in(a)
	if a.err != nil {
		return nil, a.err
	}
	var network *C.groma_network_t
	var e *C.groma_error_t
	status := C.groma_network_open(name, raw, &network, &e)
	return newNetwork(status, network, e)
}

// OpenNetworkMemory opens an ONNX file in memory, which is copied; `name` is what to call it in messages.
func OpenNetworkMemory(name string, data []byte, options *NetworkOptions) (*Network, error) {
	a := &arena{}
	defer a.free()
	label, raw := a.text(name), options.in(a)
	if a.err != nil {
		return nil, a.err
	}
	var network *C.groma_network_t
	var e *C.groma_error_t
	var status C.groma_status_t
	first := start(data)
	run := func() { status = C.groma_network_open_memory(label, first, C.uint64_t(len(data)), raw, &network, &e) }
	if !passes(run) {
		first = a.bytes(data)
		run()
	}
	return newNetwork(status, network, e)
}

// start points to the bytes of a slice; never NULL.
func start(data []byte) unsafe.Pointer {
	if len(data) == 0 {
		return unsafe.Pointer(&[1]byte{})
	}
	return unsafe.Pointer(&data[0])
}

// Name is the file name, or the name it was opened with.
func (n *Network) Name() string {
	pointer := (*C.groma_network_t)(n.must())
	defer n.release()
	return C.GoString(C.groma_network_name(pointer))
}

// Inputs are the names of the inputs.
func (n *Network) Inputs() []string {
	pointer := (*C.groma_network_t)(n.must())
	defer n.release()
	names := make([]string, uint64(C.groma_network_input_count(pointer)))
	for i := range names {
		names[i] = C.GoString(C.groma_network_input_name(pointer, C.uint64_t(i)))
	}
	return names
}

// Outputs are the names of the outputs.
func (n *Network) Outputs() []string {
	pointer := (*C.groma_network_t)(n.must())
	defer n.release()
	names := make([]string, uint64(C.groma_network_output_count(pointer)))
	for i := range names {
		names[i] = C.GoString(C.groma_network_output_name(pointer, C.uint64_t(i)))
	}
	return names
}

// Metadata is a value of the ONNX metadata; false if there is no such key, as none holds a NUL character.
func (n *Network) Metadata(key string) (string, bool) {
	pointer := (*C.groma_network_t)(n.must())
	defer n.release()
	a := &arena{}
	defer a.free()
	name := a.text(key)
	if a.err != nil {
		return "", false
	}
	value := C.groma_network_metadata(pointer, name)
	return C.GoString(value), value != nil
}

// Describe says all about the network: inputs, outputs, metadata, opsets, names of all tensors inside.
func (n *Network) Describe() json.RawMessage {
	pointer := (*C.groma_network_t)(n.must())
	defer n.release()
	return json.RawMessage(C.GoString(C.groma_network_describe_json(pointer)))
}

// NetworkRunOptions say how to run a network.
type NetworkRunOptions struct {
	// Outputs are the names of the outputs that are wanted; nil for all.
	Outputs []string
	// Cancel may stop the call; nil for none.
	Cancel *Cancel
	// Progress is called while it runs; nil for none.
	Progress Progress
}

// DefaultNetworkRunOptions are the defaults of the library.
func DefaultNetworkRunOptions() *NetworkRunOptions { return &NetworkRunOptions{} }

// Run gives the outputs for these inputs, by name. Nil options are the defaults.
func (n *Network) Run(ctx context.Context, inputs map[string]*Value, options *NetworkRunOptions) (map[string]*Value, error) {
	if options == nil {
		options = DefaultNetworkRunOptions()
	}
	names := options.Outputs
	if names == nil {
		if _, err := n.acquire(); err != nil {
			return nil, err
		}
		names = n.Outputs()
		n.release()
	}
	sequence, err := n.run(ctx, inputs, options)
	if err != nil {
		return nil, err
	}
	defer sequence.Close()
	outputs := make(map[string]*Value, len(names))
	for i, name := range names {
		if outputs[name], err = sequence.Item(i); err != nil {
			return nil, err
		}
	}
	return outputs, nil
}

func (n *Network) run(ctx context.Context, inputs map[string]*Value, options *NetworkRunOptions) (*Value, error) {
	a := &arena{}
	defer a.free()
	network := (*C.groma_network_t)(a.use(&n.handle))
	names := make([]string, 0, len(inputs))
	for name := range inputs {
		names = append(names, name)
	}
	sort.Strings(names)
	values := make([]*Value, len(names))
	for i, name := range names {
		values[i] = inputs[name]
	}
	inputNames, array, outputNames := a.texts(names), a.values(values), a.texts(options.Outputs)
	raw := (*C.groma_network_run_options_t)(a.alloc(C.sizeof_groma_network_run_options_t))
	C.groma_network_run_options_init(raw, C.sizeof_groma_network_run_options_t)
	j := listen(ctx, options.Cancel, options.Progress, a, &raw.cancel, &raw.progress, &raw.progress_user)
	if a.err != nil {
		return nil, j.end(a.err)
	}
	var sequence *C.groma_value_t
	var e *C.groma_error_t
	status := C.groma_network_run(network, inputNames, array, C.uint64_t(len(names)), outputNames,
		C.uint64_t(len(options.Outputs)), raw, &sequence, &e)
	value, err := made(status, sequence, e)
	return value, j.end(err)
}
