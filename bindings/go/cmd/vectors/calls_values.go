package main

import (
	"unsafe"

	"groma"
)

// tensorArguments are the element type, the shape and the bytes that a step gives a value.
func (s *step) tensorArguments() (groma.ElementType, []int64, []byte) {
	shape := []int64{}
	if s.arguments["shape"] != nil {
		for _, size := range s.list("shape") {
			shape = append(shape, int64(number(size)))
		}
	} else if place, ok := s.arguments["data"].(string); ok {
		shape = s.tensor(place).shape
	}
	if s.arguments["data"] == nil {
		return groma.ElementType(s.whole("element_type")), shape, nil
	}
	return groma.ElementType(s.whole("element_type")), shape, s.bytes("data")
}

// borrowed is a tensor over memory that is not Go's, and the value whose memory it is.
type borrowed struct {
	*groma.Value
	memory *groma.Value
}

func (b borrowed) Close() error {
	b.Value.Close()
	return b.memory.Close()
}

func value(s *step) *groma.Value {
	if b, ok := s.run.things[nameOf(s.arguments["value"])].(borrowed); ok {
		return b.Value
	}
	return get[*groma.Value](s, "value")
}

var valueCalls = map[string]function{
	"groma_value_copy_tensor": func(s *step) (reply, error) {
		element, shape, data := s.tensorArguments()
		value, err := groma.NewTensorBytes(element, data, shape...)
		return gives("value", value, err)
	},
	"groma_value_borrow_tensor": func(s *step) (reply, error) {
		element, shape, data := s.tensorArguments()
		// Memory of C, as Go's may not be borrowed.
		memory, err := groma.NewTensor(append(data, 0))
		if err != nil {
			return reply{}, mistake{err.Error()}
		}
		value, err := groma.BorrowTensor(element, shape, memory.Data(), len(data))
		if err == nil && len(data) > 0 && value.Data() != memory.Data() {
			return reply{}, mistake{"the data were copied"}
		}
		return gives("value", borrowed{value, memory}, err)
	},
	"groma_value_create_strings": func(s *step) (reply, error) {
		_, shape, _ := (&step{run: s.run, arguments: map[string]any{"shape": s.arguments["shape"]}}).tensorArguments()
		strings := s.texts("strings")
		if s.arguments["shape"] == nil {
			shape = []int64{int64(len(strings))}
		}
		value, err := groma.NewStrings(strings, shape...)
		return gives("value", value, err)
	},
	"groma_value_create_sequence": func(s *step) (reply, error) {
		var items []*groma.Value
		for _, reference := range s.list("items") {
			items = append(items, named[*groma.Value](s.run, reference))
		}
		value, err := groma.NewSequence(items...)
		return gives("value", value, err)
	},
	"groma_value_create_none": func(s *step) (reply, error) {
		value, err := groma.NewNone()
		return gives("value", value, err)
	},
	"groma_value_to_dlpack": func(s *step) (reply, error) {
		managed, err := value(s).ToDLPack()
		return gives("managed_tensor", managed, err)
	},
	"groma_value_from_dlpack": func(s *step) (reply, error) {
		value, err := groma.FromDLPack(get[unsafe.Pointer](s, "managed_tensor"))
		return gives("value", value, err)
	},
	"groma_value_kind":         func(s *step) (reply, error) { return says(value(s).Kind()) },
	"groma_value_element_type": func(s *step) (reply, error) { return says(value(s).ElementType()) },
	"groma_value_ndim":         func(s *step) (reply, error) { return says(len(value(s).Shape())) },
	"groma_value_shape":        func(s *step) (reply, error) { return says(numbers(value(s).Shape())) },
	"groma_value_size_bytes":   func(s *step) (reply, error) { return says(len(value(s).Bytes())) },
	"groma_value_count":        func(s *step) (reply, error) { return says(value(s).Len()) },
	"groma_value_data": func(s *step) (reply, error) {
		v := value(s)
		if v.Bytes() == nil {
			return says(nil)
		}
		return says(tensor{dtype: "U8", shape: []int64{int64(len(v.Bytes()))}, data: append([]byte(nil), v.Bytes()...)})
	},
	"groma_value_string": func(s *step) (reply, error) {
		v, index := value(s), s.whole("index")
		if v.ElementType() != groma.String || index >= v.Len() {
			return says(nil)
		}
		return says(v.StringAt(index))
	},
	"groma_value_item": func(s *step) (reply, error) {
		item, err := value(s).Item(s.whole("index"))
		return gives("item", item, err)
	},
	"groma_value_tensor": func(s *step) (reply, error) {
		tensor, err := value(s).Tensor()
		if err != nil {
			return reply{}, err
		}
		return says(described(tensor))
	},
}

// networkCalls are networks and checkpoints.
var networkCalls = map[string]function{
	"groma_network_open": func(s *step) (reply, error) {
		network, err := groma.OpenNetwork(s.text("path"), get[*groma.NetworkOptions](s, "options"))
		return gives("network", network, err)
	},
	"groma_network_open_memory": func(s *step) (reply, error) {
		network, err := groma.OpenNetworkMemory(s.text("name"), s.bytes("data"), get[*groma.NetworkOptions](s, "options"))
		return gives("network", network, err)
	},
	"groma_network_name":        func(s *step) (reply, error) { return says(get[*groma.Network](s, "network").Name()) },
	"groma_network_input_count": func(s *step) (reply, error) { return says(len(get[*groma.Network](s, "network").Inputs())) },
	"groma_network_input_name":  func(s *step) (reply, error) { return at(get[*groma.Network](s, "network").Inputs(), s) },
	"groma_network_output_count": func(s *step) (reply, error) {
		return says(len(get[*groma.Network](s, "network").Outputs()))
	},
	"groma_network_output_name": func(s *step) (reply, error) { return at(get[*groma.Network](s, "network").Outputs(), s) },
	"groma_network_metadata": func(s *step) (reply, error) {
		return nullable(get[*groma.Network](s, "network").Metadata(s.text("key")))
	},
	"groma_network_describe_json": func(s *step) (reply, error) {
		return says(string(get[*groma.Network](s, "network").Describe()))
	},
	"groma_network_run": runNetwork,
	"groma_checkpoint_create": func(s *step) (reply, error) {
		checkpoint, err := groma.NewCheckpoint(s.text("metadata_json"))
		return gives("checkpoint", checkpoint, err)
	},
	"groma_checkpoint_open": func(s *step) (reply, error) {
		checkpoint, err := groma.OpenCheckpoint(s.text("path"))
		return gives("checkpoint", checkpoint, err)
	},
	"groma_checkpoint_add": func(s *step) (reply, error) {
		checkpoint, section := get[*groma.Checkpoint](s, "checkpoint"), groma.Section(s.whole("section"))
		return reply{}, checkpoint.Add(section, s.text("name"), value(s))
	},
	"groma_checkpoint_save": func(s *step) (reply, error) {
		return reply{}, get[*groma.Checkpoint](s, "checkpoint").Save(s.text("path"), s.number("overwrite") != 0)
	},
	"groma_checkpoint_count": func(s *step) (reply, error) {
		return says(len(get[*groma.Checkpoint](s, "checkpoint").Names(groma.Section(s.whole("section")))))
	},
	"groma_checkpoint_name": func(s *step) (reply, error) {
		return at(get[*groma.Checkpoint](s, "checkpoint").Names(groma.Section(s.whole("section"))), s)
	},
	"groma_checkpoint_value": func(s *step) (reply, error) {
		value, err := get[*groma.Checkpoint](s, "checkpoint").Value(groma.Section(s.whole("section")), s.text("name"))
		return gives("value", value, err)
	},
	"groma_checkpoint_metadata_json": func(s *step) (reply, error) {
		return says(string(get[*groma.Checkpoint](s, "checkpoint").Metadata()))
	},
}

// runNetwork gives a sequence, as C does, of the values that Go gives by name.
func runNetwork(s *step) (reply, error) {
	network := get[*groma.Network](s, "network")
	names, references := s.texts("input_names"), s.list("inputs")
	inputs := map[string]*groma.Value{}
	for i, name := range names {
		inputs[name] = named[*groma.Value](s.run, references[i])
	}
	options := groma.DefaultNetworkRunOptions()
	if given := get[*groma.NetworkRunOptions](s, "options"); given != nil {
		*options = *given
	}
	options.Outputs = s.texts("output_names")
	outputs, err := network.Run(background, inputs, options)
	if err != nil {
		return reply{}, err
	}
	wanted := options.Outputs
	if wanted == nil {
		wanted = network.Outputs()
	}
	var items []*groma.Value
	for _, name := range wanted {
		items = append(items, outputs[name])
	}
	sequence, err := groma.NewSequence(items...)
	if err != nil {
		return reply{}, mistake{err.Error()}
	}
	return gives("outputs", sequence, nil)
}

// numbers is a list as JSON has it.
func numbers(values []int64) []any {
	list := []any{}
	for _, value := range values {
		list = append(list, value)
	}
	return list
}
